/* SPDX-License-Identifier: MIT */
/*
 * init.c - the first process of an emulated machine (guest). It runs the programs that /programs lists, one after the other,
 * passes on their output, and powers the machine off.
 *
 * Its own messages are lines that begin with "@guest ":
 *
 *	@guest kernel RELEASE, N of M CPUs online
 *	@guest begin NAME
 *	...                          the program's standard output and error
 *	@guest end exit|signal|timeout NUMBER, MS ms
 *	@guest unplugged N times     CPUs taken away and brought back while the program ran, if /programs says so
 *	@guest tainted BITS          the kernel reported a fault of its own; the lines before say which. BITS are the
 *	                             new bits of its taint; 0 if the bit was set before
 *	@guest done                  the list's end; the kernel's own messages follow
 *
 * The kernel uses the same console, and would write into the middle of these lines, so it prints only emergencies on this
 * console. This program reads the kernel's other messages from the kernel's log.
 *
 * /programs has a line for each program, with fields between tabs:
 * - the seconds that the program may take
 * - "plug", or "unplug" to take CPUs away and bring them back while the program runs
 * - the program's name
 * - any number of NAME=VALUE for the program's environment, and "--"
 * - the program's path and arguments
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define FIELDS_MAX 64
#define TOGGLE_MS 50 /* between two changes of the online CPUs */
#define STILL_MS 1000 /* if this program waits longer for a CPU, the machine stood still */

/* Commands of syslog(2) without a name in the libc. */
#define KERNEL_LOG_READ_ALL 3
#define KERNEL_LOG_CLEAR 5
#define KERNEL_LOG_CONSOLE_OFF 6

static const struct {
	const char *type, *path;
} mounts[] = {
	{"proc", "/proc"},     {"sysfs", "/sys"},	      {"devtmpfs", "/dev"},
	{"tmpfs", "/dev/shm"}, {"debugfs", "/sys/kernel/debug"}, {"tracefs", "/sys/kernel/tracing"},
};

struct program {
	int limit; /* s */
	bool unplug;
	char *name;
	char **environment, **arguments;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Parses the line in place. Returns false if it isn't complete. */
static bool parse(char *line, char **fields, struct program *program)
{
	int count = 0, first = 3, end;

	for (char *at = line; count < FIELDS_MAX - 1; at = NULL) {
		char *field = strtok(at, "\t\n");

		if (field == NULL)
			break;
		fields[count++] = field;
	}
	fields[count] = NULL;
	for (end = first; end < count && strcmp(fields[end], "--") != 0; end++)
		;
	if (end + 1 >= count)
		return false;
	fields[end] = NULL;
	*program = (struct program){
		.limit = atoi(fields[0]),
		.unplug = strcmp(fields[1], "unplug") == 0,
		.name = fields[2],
		.environment = &fields[first],
		.arguments = &fields[end + 1],
	};
	return true;
}

/* Opens the CPU's online switch for writing. Returns -1 if the CPU has none, as CPU 0 of many machines. */
static int cpu_switch(int cpu)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	return open(path, O_WRONLY | O_CLOEXEC);
}

static bool set_online(int cpu, bool online)
{
	int fd = cpu_switch(cpu);
	bool done = fd >= 0 && write(fd, online ? "1" : "0", 1) == 1;

	if (fd >= 0)
		close(fd);
	return done;
}

/*
 * Switches the next CPU. The first round over all CPUs switches them off, the second round switches them on, and so on. Returns
 * true if it switched one on.
 */
static bool toggle_next(int *turn)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_CONF), cpu = *turn % cpus;
	bool online = *turn / cpus % 2 == 1;

	++*turn;
	return set_online(cpu, online) && online;
}

static void all_online(void)
{
	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++)
		(void)set_online(cpu, true);
}

static _Noreturn void become(const struct program *program, int out)
{
	setsid();
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execve(program->arguments[0], program->arguments, program->environment);
	printf("%s: %s\n", program->arguments[0], strerror(errno));
	fflush(stdout);
	_exit(127);
}

/* Passes on the rest of the program's output. Call it when no process is left that could print more. */
static void pass_rest(int in)
{
	struct pollfd poller = {.fd = in, .events = POLLIN};
	char text[4096];
	ssize_t size;

	while (poll(&poller, 1, 0) > 0 && (size = read(in, text, sizeof(text))) > 0)
		(void)!write(STDOUT_FILENO, text, (size_t)size);
}

/*
 * Passes on the program's output until the program ends or its time is over. Returns the program's status as waitpid() does, or
 * -1 for a timeout. If the host stops the emulator, the guest's clock continues, so the time in which the machine stood still
 * doesn't count.
 */
static int watch(pid_t pid, int in, const struct program *program, int *plugged)
{
	int64_t left = program->limit * INT64_C(1000), now, last = now_ms();
	int status, turn = 0;

	for (;;) {
		struct pollfd poller = {.fd = in, .events = POLLIN};
		char text[4096];
		ssize_t size;

		(void)poll(&poller, 1, TOGGLE_MS);
		size = poller.revents != 0 ? read(in, text, sizeof(text)) : 0;
		if (size > 0)
			(void)!write(STDOUT_FILENO, text, (size_t)size);
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		now = now_ms();
		left -= now - last < STILL_MS ? now - last : STILL_MS;
		last = now;
		if (left < 0)
			return -1;
		if (program->unplug)
			*plugged += toggle_next(&turn);
		if (size == 0 && poller.revents != 0) /* the program has closed its output, but hasn't ended */
			usleep(TOGGLE_MS * 1000);
	}
}

/* Returns the kernel's taint bits. A warning, a bug or a lockup sets a bit. Source: the kernel's admin-guide/tainted-kernels. */
static unsigned long taint(void)
{
	unsigned long bits = 0;
	FILE *file = fopen("/proc/sys/kernel/tainted", "re");

	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu", &bits) != 1)
		bits = 0;
	fclose(file);
	return bits;
}

/*
 * If the kernel was tainted since its bits were `before`, reports that, and prints the kernel's log since the previous
 * program's end. A bit that was set stays set, so this function also searches the log for the line that begins each warning and
 * BUG(). Also prints the log if the program is `late`, because the log may say why.
 */
static void tell_taint(unsigned long before, bool late)
{
	static char log[(256 << 10) + 1];
	unsigned long bits = taint() & ~before;
	int size = klogctl(KERNEL_LOG_READ_ALL, log, sizeof(log) - 1);
	bool complains;

	log[size < 0 ? 0 : size] = '\0';
	complains = bits != 0 || strstr(log, "[ cut here ]") != NULL;
	if (complains || late)
		printf("%s\n", log);
	if (complains)
		printf("@guest tainted %lu\n", bits);
	(void)klogctl(KERNEL_LOG_CLEAR, NULL, 0);
}

static void tell_file(int pid, int tid, const char *name)
{
	char path[64], text[4096];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
	if (size > 0)
		printf("%s:\n%.*s\n", path, (int)size, text);
	(void)close(fd); /* does nothing for -1 */
}

/* Returns the next entry of a folder of /proc that is a number, or 0 after the last one. */
static int next_number(DIR *folder)
{
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (atoi(entry->d_name) > 0)
			return atoi(entry->d_name);
	return 0;
}

/* Prints what the threads of all other processes are doing. Call it before a program that hangs is killed. */
static void tell_threads(void)
{
	static const char *const files[] = {"status", "syscall", "wchan", "stack"};
	DIR *processes = opendir("/proc");
	char path[64];
	int pid, tid;

	while ((pid = next_number(processes)) > 0) {
		DIR *threads;

		snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		if (pid == getpid() || access(path, F_OK) != 0) /* a thread of the kernel has no program */
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task", pid);
		threads = opendir(path);
		while ((tid = next_number(threads)) > 0)
			for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
				tell_file(pid, tid, files[i]);
		if (threads != NULL)
			closedir(threads);
	}
	if (processes != NULL)
		closedir(processes);
}

static void run(const struct program *program)
{
	unsigned long tainted = taint();
	int64_t start = now_ms();
	int ends[2], status, plugged = 0;
	pid_t pid;

	printf("@guest begin %s\n", program->name);
	fflush(stdout);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	pid = fork();
	if (pid == 0)
		become(program, ends[1]);
	close(ends[1]);
	if (pid < 0) { /* the runner on the host notices this, because the line "@guest end" is missing */
		close(ends[0]);
		return;
	}
	status = watch(pid, ends[0], program, &plugged);
	if (status == -1)
		tell_threads();
	/* Also kills the processes that the program left. */
	(void)kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	pass_rest(ends[0]);
	close(ends[0]);
	all_online();
	tell_taint(tainted, status == -1);
	printf("\n@guest end %s %d, %lld ms\n", status == -1 ? "timeout" : WIFSIGNALED(status) ? "signal" : "exit",
	       status == -1	   ? program->limit :
	       WIFSIGNALED(status) ? WTERMSIG(status) :
				     WEXITSTATUS(status),
	       (long long)(now_ms() - start));
	if (program->unplug)
		printf("@guest unplugged %d times\n", plugged);
	fflush(stdout);
}

static void run_all(const char *list)
{
	FILE *file = fopen(list, "re");
	char *line = NULL, *fields[FIELDS_MAX];
	size_t room = 0;
	struct program program;

	if (file == NULL) {
		printf("%s: %s\n", list, strerror(errno));
		return;
	}
	while (getline(&line, &room, file) > 0)
		if (parse(line, fields, &program))
			run(&program);
	fclose(file);
}

/*
 * Makes time slice extensions longer: as long as possible, or as long as the kernel's argument slice_ext_nsec says. On an
 * emulated machine an extension of the usual length ends before the thread sees it. (The kernel puts arguments that it doesn't
 * know into the first process's environment.)
 */
static void lengthen_slice_extensions(void)
{
	int fd = open("/sys/kernel/debug/rseq/slice_ext_nsec", O_WRONLY | O_CLOEXEC);
	const char *length = getenv("slice_ext_nsec");

	if (length == NULL)
		length = "50000";
	if (fd >= 0 && write(fd, length, strlen(length)) != (ssize_t)strlen(length))
		printf("slice extensions stay short: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/*
 * Waits until the console's reader has everything. Powering off would lose the bytes in the tty's buffer and in the UART.
 * tcdrain() waits until the buffer is empty. For the UART it waits only for a limited time, which is too short for a slow
 * reader.
 */
static void drain_console(void)
{
	unsigned status;

	while (tcdrain(STDOUT_FILENO) != 0 && errno == EINTR)
		continue;
	while (ioctl(STDOUT_FILENO, TIOCSERGETLSR, &status) == 0 && !(status & TIOCSER_TEMT))
		usleep(1000);
}

int main(void)
{
	struct utsname system;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].path, 0755);
		(void)mount(mounts[i].type, mounts[i].path, mounts[i].type, 0, NULL);
	}
	mkdir("/tmp", 0777); /* nothing is mounted on it, because builds may be there */
	lengthen_slice_extensions();
	(void)klogctl(KERNEL_LOG_CONSOLE_OFF, NULL, 0);
	(void)klogctl(KERNEL_LOG_CLEAR, NULL, 0);
	uname(&system);
	printf("\n@guest kernel %s, %ld of %ld CPUs online\n", system.release, sysconf(_SC_NPROCESSORS_ONLN),
	       sysconf(_SC_NPROCESSORS_CONF));
	fflush(stdout);
	run_all("/programs");
	printf("@guest done\n");
	fflush(stdout);
	drain_console();
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
