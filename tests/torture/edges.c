/* SPDX-License-Identifier: MIT */
/*
 * edges.c - programs that do rare things which a tracer can spoil, for tests of `rseqkit torture`. Each ends with status 0 only if
 * everything was as without a tracer, and a count is exact.
 *
 * usage: edges NAME [ARGUMENT...]
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <rseqkit/counter.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ADDS = 3000, CALLS = 2000, CHILDREN = 300, ORPHANS = 60, MAPPED = 1 << 20, CODE = 100 << 10, FILLER = 0x11 };

static struct rk_counter *counter;
static char **arguments;

/* Counts in this thread. Returns whether the sum is exact. */
static int counts(void)
{
	int64_t before = rk_counter_sum(counter);

	for (int i = 0; i < ADDS; i++)
		rk_counter_add(counter, 1);
	return rk_counter_sum(counter) - before == ADDS;
}

static int is_blocked(void)
{
	sigset_t now;

	return pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGTRAP) == 1;
}

static void *count_blocked(void *argument)
{
	*(int *)argument = counts() && is_blocked();
	return NULL;
}

/* SIGTRAP stays blocked in this thread and in a new one, and waits until it is wanted. */
static int blocks(void)
{
	const struct timespec second = {1, 0};
	const union sigval value = {.sival_int = 42};
	pthread_t thread;
	sigset_t trap;
	siginfo_t info;
	int exact = 0;

	sigemptyset(&trap);
	for (int i = 0; i < CALLS; i++)
		sigprocmask(SIG_BLOCK, &trap, NULL);
	sigaddset(&trap, SIGTRAP);
	sigprocmask(SIG_BLOCK, &trap, NULL);
	pthread_sigqueue(pthread_self(), SIGTRAP, value);
	if (!counts() || !is_blocked() || pthread_create(&thread, NULL, count_blocked, &exact) != 0)
		return 0;
	pthread_join(thread, NULL);
	return exact && sigtimedwait(&trap, &info, &second) == SIGTRAP && info.si_value.sival_int == 42;
}

/* SIGTRAP stays ignored. `edges ignored` is started with this. */
static int ignored(void)
{
	struct sigaction now;

	raise(SIGTRAP);
	(void)ptrace(PTRACE_CONT, 0, NULL, NULL); /* of no process */
	return counts() && prctl(PR_GET_DUMPABLE) >= 0 && sigaction(SIGTRAP, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static int ignores(void)
{
	signal(SIGTRAP, SIG_IGN);
	return ignored();
}

static volatile sig_atomic_t traps;

static void note(int signal)
{
	(void)signal;
	traps++;
}

/* A trap with two bytes. */
static int long_traps(void)
{
	signal(SIGTRAP, note);
#if defined(__x86_64__)
	__asm__ __volatile__(".byte 0xcd, 3");
#else
	raise(SIGTRAP);
#endif
	return traps == 1 && counts();
}

/* A child of vfork() wants its parent as its tracer, as a small debugger does. */
static int spawns_traced(void)
{
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execl("/bin/true", "true", (char *)NULL);
		_exit(9);
	}
	while (waitpid(pid, &status, 0) == pid && !WIFEXITED(status))
		if (ptrace(PTRACE_CONT, pid, NULL, NULL) != 0)
			return 0;
	return status == 0 && counts();
}

/* The program closes its memory to others before it makes a child. */
static int closes(void)
{
	int status;
	pid_t pid;

	if (!counts() || prctl(PR_SET_DUMPABLE, 0) != 0)
		return 0;
	pid = fork();
	if (pid == 0)
		_exit(counts() ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static int narrowed;

static void *compare_cpus(void *argument)
{
	cpu_set_t now;

	usleep(50000);
	sched_getaffinity(0, sizeof(now), &now);
	if (!CPU_EQUAL(&now, (cpu_set_t *)argument))
		__atomic_store_n(&narrowed, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *make_threads(void *argument)
{
	for (int i = 0; i < 200; i++) {
		pthread_t thread;

		for (int j = 0; j < 200; j++)
			rk_counter_add(counter, 1);
		if (i % 10 == 0 && pthread_create(&thread, NULL, compare_cpus, argument) == 0)
			pthread_detach(thread);
	}
	return NULL;
}

/* New threads may use all CPUs that their creator may use. */
static int narrows(void)
{
	pthread_t threads[2];
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, make_threads, &all) != 0)
			return 0;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	usleep(200000);
	return !__atomic_load_n(&narrowed, __ATOMIC_RELAXED);
}

/* More children at once than the tracer may have files open. */
static int many(void)
{
	int pipes[2], status, wrong = 0;
	char byte;

	if (pipe(pipes) != 0)
		return 0;
	for (int i = 0; i < CHILDREN; i++)
		if (fork() == 0) {
			close(pipes[1]);
			(void)!read(pipes[0], &byte, 1);
			_exit(!counts());
		}
	close(pipes[1]);
	while (wait(&status) > 0)
		wrong += status != 0;
	return wrong == 0 && counts();
}

static _Noreturn void make_children(void)
{
	for (;;) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			_exit(!counts());
		while (waitpid(-1, &status, WNOHANG) > 0)
			continue;
	}
}

/* Processes that make children all the time are killed. The children go on, and end by themselves. */
static int orphans(void)
{
	int status;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < ORPHANS; i++) {
		pid_t pid = fork();

		if (pid == 0)
			make_children();
		usleep(1000 + (useconds_t)(random() % 3000));
		kill(pid, SIGKILL);
	}
	for (int i = 0; i < 500; i++) {
		pid_t pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (status != 0 && status != SIGKILL)
				return 0;
		if (pid < 0)
			return counts();
		usleep(10000);
	}
	return 0;
}

/* The file's offset of its code. */
static long find_code(int fd)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return -1;
	for (int i = 0; i < header.e_phnum; i++)
		if (pread(fd, &segment, sizeof(segment), (off_t)header.e_phoff + i * (off_t)sizeof(segment)) == (ssize_t)sizeof(segment) &&
		    segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0)
			return (long)segment.p_offset;
	return -1;
}

/*
 * One page of a library's code is mapped, with data of the program behind it: the same bytes. Elsewhere the same code is mapped, and
 * then changed. Neither is changed by others when a module is loaded.
 */
static int maps(void)
{
	int fd = open(arguments[0], O_RDONLY);
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const long offset = find_code(fd);
	unsigned char *data, *same, *changed;

	data = (unsigned char *)mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	changed = (unsigned char *)mmap(NULL, CODE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset);
	same = (unsigned char *)malloc(MAPPED);
	if (data == MAP_FAILED || changed == MAP_FAILED || same == NULL || offset < 0 || pread(fd, data, MAPPED, offset) < CODE)
		return 0;
	memset(changed, FILLER, CODE);
	memcpy(same, data, MAPPED);
	if (mprotect(changed, CODE, PROT_READ | PROT_EXEC) != 0 ||
	    mmap(data, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, offset) == MAP_FAILED ||
	    dlopen(arguments[1], RTLD_NOW) == NULL)
		return 0;
	for (size_t i = 0; i < CODE; i++)
		if (changed[i] != FILLER)
			return 0;
	return memcmp(data + page, same + page, MAPPED - page) == 0 && counts();
}

static int use(const char *path)
{
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int (*function)(void);
	int result;

	if (module == NULL)
		return 0;
	*(void **)&function = dlsym(module, "use");
	result = function != NULL && function() == 0;
	dlclose(module);
	return result;
}

static int copy(const char *from, int to)
{
	char *command = NULL;
	int done = asprintf(&command, "cat '%s' >/proc/%d/fd/%d", from, (int)getpid(), to) > 0 && system(command) == 0;

	free(command);
	return done;
}

/* A module is written over another one, in the same file, between their uses. */
static int replaces(void)
{
	int fd = open("replaced.so", O_RDWR | O_CREAT | O_CLOEXEC, 0755);

	return fd >= 0 && copy(arguments[0], fd) && use("./replaced.so") && copy(arguments[1], fd) && use("./replaced.so");
}

/* A module whose file has gone is used after another one was loaded. */
static int unlinks(void)
{
	int fd = open("unlinked.so", O_RDWR | O_CREAT | O_CLOEXEC, 0755);
	void *module;
	int (*function)(void);

	if (fd < 0 || !copy(arguments[0], fd))
		return 0;
	module = dlopen("./unlinked.so", RTLD_NOW | RTLD_LOCAL);
	if (module == NULL || unlink("unlinked.so") != 0 || dlopen(arguments[1], RTLD_NOW) == NULL)
		return 0;
	*(void **)&function = dlsym(module, "use");
	return function != NULL && function() == 0;
}

/* Code is copied to memory without a file, as programs do that want huge pages. Then a module is loaded. */
static int moves(void)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)counts & ~(page - 1);
	char *copied = (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (copied == MAP_FAILED || !counts())
		return 0;
	memcpy(copied, (const void *)start, 2 * page);
	if (mprotect(copied, 2 * page, PROT_READ | PROT_EXEC) != 0 ||
	    mremap(copied, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start) == MAP_FAILED)
		return 0;
	return dlopen(arguments[0], RTLD_NOW) != NULL && counts();
}

static volatile sig_atomic_t over;

static void *send_signals(void *argument)
{
	while (!over)
		pthread_kill(*(pthread_t *)argument, SIGSEGV);
	return argument;
}

/* Signals come while the program calls functions that the tracer watches. Then it ignores SIGTRAP. */
static int disturbed(void)
{
	pthread_t self = pthread_self(), thread;
	sigset_t none;

	signal(SIGSEGV, note);
	sigemptyset(&none);
	if (pthread_create(&thread, NULL, send_signals, &self) != 0)
		return 0;
	for (int i = 0; i < CALLS; i++) {
		pthread_sigmask(SIG_BLOCK, &none, NULL);
		signal(SIGUSR2, SIG_IGN);
	}
	over = 1;
	pthread_join(thread, NULL);
	return ignores();
}

/* Counts after the first thread has ended, until the input ends. */
static void *count_late(void *argument)
{
	char byte;

	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	usleep(100000);
	printf("begun\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) != 0)
		rk_counter_add(counter, 1);
	exit(!counts());
	return argument;
}

static int counts_late(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, count_late, NULL) == 0)
		pthread_exit(NULL);
	return 0;
}

static void *load_late(void *argument)
{
	usleep(100000); /* the first thread ends meanwhile */
	exit(!use(arguments[0]));
	return argument;
}

/* A module is loaded after the first thread has ended. */
static int loads_late(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, load_late, NULL) == 0)
		pthread_exit(NULL);
	return 0;
}

/* Traces a thread until the input ends. */
static int attaches(void)
{
	char byte;

	if (ptrace(PTRACE_SEIZE, (pid_t)atoi(arguments[0]), NULL, NULL) != 0)
		return 0;
	printf("attached\n");
	fflush(stdout);
	(void)!read(STDIN_FILENO, &byte, 1);
	return 1;
}

/* A child of vfork() counts until the input ends. */
static int vforks(void)
{
	int status;
	pid_t pid;

	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	printf("begun\n");
	fflush(stdout);
	pid = vfork();
	if (pid == 0) {
		char byte;

		while (read(STDIN_FILENO, &byte, 1) != 0) {
			rk_counter_add(counter, 1);
			usleep(100);
		}
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 && counts();
}

static const struct {
	const char *name;
	int (*run)(void);
	int arguments;
} programs[] = {
	{"blocks", blocks, 0},     {"ignored", ignored, 0}, {"ignores", ignores, 0}, {"long-traps", long_traps, 0},
	{"spawns-traced", spawns_traced, 0}, {"closes", closes, 0},   {"narrows", narrows, 0}, {"many", many, 0},
	{"orphans", orphans, 0},   {"maps", maps, 2},       {"replaces", replaces, 2}, {"attaches", attaches, 1},
	{"vforks", vforks, 0},     {"unlinks", unlinks, 2}, {"moves", moves, 1},       {"loads-late", loads_late, 1},
	{"disturbed", disturbed, 0}, {"counts-late", counts_late, 0},
};

int main(int argc, char **argv)
{
	int right = 0;

	if (argc < 2 || rk_counter_create(&counter) != 0)
		return 2;
	arguments = argv + 2;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (strcmp(programs[i].name, argv[1]) == 0 && argc == 2 + programs[i].arguments)
			right = programs[i].run();
	rk_counter_destroy(counter);
	return !right;
}
