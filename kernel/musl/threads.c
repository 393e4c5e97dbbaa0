/* SPDX-License-Identifier: MIT */
/*
 * threads.c - is every thread of a program registered by the kernel (KTLS), when only the C library knows of that?
 *
 * For a musl with the patch beside this file. The program registers nothing. It asks each kind of thread and of child:
 * is the CPU in its rseq area the right one, wherever it runs; is the thread id that the vDSO reads its own; and does
 * the kernel know the area? For that it tries to unregister it with a wrong signature, which is refused by EPERM.
 * Meanwhile a supervisor counts all calls of rseq(2), by seccomp's notifications.
 *
 * Where the kernel has no KTLS, __rseq_size has to be 0 everywhere, and no one may have called rseq(2) but for the
 * C library's question.
 *
 * usage: threads                  TAP; exit status 0 if all is well
 *        threads stress SECONDS   detached threads for so long, without the supervisor
 *
 * TEST_DIVISOR divides the number of detached threads, for emulated machines.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <dirent.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define SIGNATURE 0x53053053
#define DETACHED 10000
#define AT_ONCE 32

/* rseq(2) */
#define FLAG_UNREGISTER (1 << 0)
#define FLAG_GET_LAYOUT (1 << 16)
#define FLAG_SET_OFFSET (1 << 17)
#define FLAG_SET_SIG (1 << 18)
#define FLAG_SET_THREAD (1 << 19)

extern const ptrdiff_t __rseq_offset;
extern const unsigned int __rseq_size;

struct area {
	uint32_t cpu_id_start, cpu_id;
};

struct layout {
	uint32_t size, alignment;
	uint64_t rseq_offset;
};

/* TLS of the program's own, so that the blob has something to collide with. */
static _Thread_local _Alignas(256) volatile unsigned char beside[300] = { [0] = 1, [299] = 2 };

static uint32_t (*vdso_tid)(long offset);
static long blob_offset;
static char self[] = "/proc/self/exe";

/* What the supervisor is told, to hold it against what it saw. */
static struct report {
	long images;	/* programs started: the calls of the C library's start are made so many times */
	long detached;	/* threads that ended detached: each calls rseq(2) once */
	long refused;	/* threads that could not be made by clone3: each calls rseq(2) once */
	long failed;
} report;

static char *thread_pointer(void)
{
	char *pointer;

	__asm__("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

static struct area *area(void)
{
	return (struct area *)(thread_pointer() + __rseq_offset);
}

static pid_t thread_id(void)
{
	return syscall(SYS_gettid);
}

/* A function of the vDSO, or NULL. */
static void *vdso_function(const char *name)
{
	char *image = (char *)getauxval(AT_SYSINFO_EHDR);
	Elf64_Ehdr *header = (Elf64_Ehdr *)image;
	Elf64_Phdr *segment = (Elf64_Phdr *)(image + header->e_phoff);
	Elf64_Dyn *dynamic = NULL;
	Elf64_Sym *symbols = NULL;
	char *strings = NULL;
	uint32_t *table = NULL, *buckets, *chain, hash = 5381, i;

	for (int n = 0; n < header->e_phnum; n++)
		if (segment[n].p_type == PT_DYNAMIC)
			dynamic = (Elf64_Dyn *)(image + segment[n].p_offset);
	for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
		char *target = image + dynamic->d_un.d_ptr;

		if (dynamic->d_tag == DT_SYMTAB)
			symbols = (Elf64_Sym *)target;
		else if (dynamic->d_tag == DT_STRTAB)
			strings = target;
		else if (dynamic->d_tag == DT_GNU_HASH)
			table = (uint32_t *)target;
	}
	if (!symbols || !strings || !table)
		return NULL;
	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	buckets = table + 4 + 2 * table[2];
	chain = buckets + table[0];
	for (i = buckets[hash % table[0]]; i >= table[1]; i++) {
		if ((chain[i - table[1]] | 1) == (hash | 1) && strcmp(strings + symbols[i].st_name, name) == 0)
			return image + symbols[i].st_value;
		if (chain[i - table[1]] & 1)
			break;
	}
	return NULL;
}

/* Does the kernel have KTLS? Its vDSO tells. */
static void look_at_kernel(void)
{
	struct layout layout;

	*(void **)&vdso_tid = vdso_function("__vdso_rseq_ktls_tid");
	if (vdso_tid && syscall(SYS_rseq, &layout, sizeof(layout), FLAG_GET_LAYOUT, 0) == 0)
		blob_offset = __rseq_offset - (long)layout.rseq_offset;
}

static int probe(void *address)
{
	return syscall(SYS_rseq, address, __rseq_size, FLAG_UNREGISTER, SIGNATURE + 1) == 0 ? 0 : errno;
}

/* What is wrong with the calling thread, or NULL; may be called by signal handlers. */
static const char *wrong_here(void)
{
	volatile struct area *mine = area();
	unsigned int cpu;
	uint32_t seen;

	if (!vdso_tid)
		return __rseq_size || __rseq_offset ? "size and offset are there without KTLS" : NULL;
	if (!__rseq_size)
		return "__rseq_size is 0";
	if (vdso_tid(blob_offset) != (uint32_t)thread_id())
		return "the thread id is another one";
	do {
		seen = mine->cpu_id;
		syscall(SYS_getcpu, &cpu, NULL, NULL);
	} while (seen != mine->cpu_id);
	if (seen != cpu || mine->cpu_id_start != mine->cpu_id)
		return "the CPU is another one";
	if (probe(area()) != EPERM)
		return "the kernel does not know the area";
	if (probe((char *)area() + 64) != EINVAL)
		return "the kernel knows another area";
	return NULL;
}

/* The same on each CPU, and what lies beside the blob. */
static const char *wrong(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const char *what = wrong_here();
	cpu_set_t set, all;

	sched_getaffinity(0, sizeof(all), &all);
	for (long cpu = 0; cpu < cpus && !what; cpu++) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
		what = wrong_here();
		if (!what && vdso_tid && *(volatile uint32_t *)&area()->cpu_id != cpu)
			what = "the CPU is not the one it was moved to";
	}
	sched_setaffinity(0, sizeof(all), &all);
	if (!what && (beside[0] != 1 || beside[299] != 2 || beside[150] != 0))
		what = "other thread-local data changed";
	return what;
}

static const char *volatile first_wrong;	/* of threads that nobody joins */
static int checked;

static void note(const char *what)
{
	if (what)
		first_wrong = what;
	__atomic_add_fetch(&checked, 1, __ATOMIC_SEQ_CST);
}

static const char *noted(int wanted)
{
	if (!first_wrong && __atomic_load_n(&checked, __ATOMIC_SEQ_CST) != wanted)
		return "not all threads ran";
	return first_wrong;
}

static void forget(void)
{
	first_wrong = NULL;
	checked = 0;
}

static void *thread(void *unused)
{
	return (void *)wrong();
}

static int c11_thread(void *unused)
{
	note(wrong());
	return 0;
}

static const char *in_thread(const pthread_attr_t *attributes, void *(*function)(void *))
{
	pthread_t id;
	void *what;

	if (pthread_create(&id, attributes, function, NULL))
		return "no thread";
	pthread_join(id, &what);
	return what;
}

/* Until only the calling thread is left. */
static void wait_for_ends(void)
{
	for (int threads = 2; threads > 1;) {
		DIR *tasks = opendir("/proc/self/task");
		struct dirent *entry;

		threads = 0;
		while (tasks && (entry = readdir(tasks)))
			threads += entry->d_name[0] != '.';
		if (tasks)
			closedir(tasks);
		usleep(1000);
	}
}

static const char *test_this(void)
{
	return wrong();
}

static const char *test_joined(void)
{
	const char *what = NULL;
	pthread_t ids[8];
	void *said;

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
			pthread_create(&ids[i], NULL, thread, NULL);
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
			pthread_join(ids[i], &said);
			what = said ? said : what;
		}
	}
	return what;
}

/* A stack of the program's own: with room for TLS, and so small that this goes elsewhere. */
static const char *test_stack(void)
{
	static _Alignas(4096) char large[65536], small[8192];
	const char *what;
	pthread_attr_t attributes;

	memset(large, 0x55, sizeof(large));
	memset(small, 0x55, sizeof(small));
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, large, sizeof(large));
	what = in_thread(&attributes, thread);
	pthread_attr_setstack(&attributes, small, sizeof(small));
	return what ? what : in_thread(&attributes, thread);
}

static const char *test_scheduled(void)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
	return in_thread(&attributes, thread);
}

static const char *test_c11(void)
{
	thrd_t id;

	forget();
	thrd_create(&id, c11_thread, NULL);
	thrd_join(id, NULL);
	return noted(1);
}

static sem_t slots;

static void *detached(void *unused)
{
	note(wrong_here());
	sem_post(&slots);
	return NULL;
}

static const char *many_detached(int threads)
{
	pthread_attr_t attributes;
	pthread_t id;

	forget();
	sem_init(&slots, 0, AT_ONCE);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < threads; i++) {
		while (sem_wait(&slots))
			;
		while (pthread_create(&id, &attributes, detached, NULL))
			usleep(1000);
	}
	wait_for_ends();
	report.detached += threads;
	return noted(threads);
}

static const char *test_detached(void)
{
	const char *divisor = getenv("TEST_DIVISOR");
	int threads = DETACHED / (divisor ? atoi(divisor) : 1);

	printf("# %d detached threads\n", threads);
	return many_detached(threads);
}

static void *detaches_itself(void *unused)
{
	pthread_detach(pthread_self());
	note(wrong());
	return NULL;
}

static const char *test_detached_later(void)
{
	pthread_t id;

	forget();
	for (int i = 0; i < 100; i++)
		pthread_create(&id, NULL, detaches_itself, NULL);
	wait_for_ends();
	report.detached += 100;
	return noted(100);
}

static void cleanup(void *unused)
{
	note(wrong());
}

static void *sleeps(void *unused)
{
	pthread_cleanup_push(cleanup, NULL);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static const char *test_cancelled(void)
{
	pthread_t id;

	forget();
	for (int i = 0; i < 20; i++) {
		pthread_create(&id, NULL, sleeps, NULL);
		usleep(1000);
		if (i % 2) {
			pthread_detach(id);
			report.detached++;
		}
		pthread_cancel(id);
		if (i % 2 == 0)
			pthread_join(id, NULL);
	}
	wait_for_ends();
	/* One that is cancelled before it has begun has nothing to clean up. */
	return first_wrong;
}

static void expired(union sigval unused)
{
	note(wrong());
}

static const char *test_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = expired };
	struct itimerspec soon = { .it_value.tv_nsec = 1000000 };
	timer_t timer;

	forget();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer))
		return "no timer";
	timer_settime(timer, 0, &soon, NULL);
	for (int i = 0; i < 5000 && !__atomic_load_n(&checked, __ATOMIC_SEQ_CST); i++)
		usleep(1000);
	timer_delete(timer);
	wait_for_ends();
	report.detached++;
	return noted(1);
}

static const char *outcome(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return "no child";
	return WIFSIGNALED(status) ? "the child was killed" : status ? "something is wrong in the child" : NULL;
}

static void *forks(void *unused)
{
	const char *what;
	pid_t pid = fork();

	if (pid == 0)
		_exit(wrong() || in_thread(NULL, thread) || wrong());
	what = outcome(pid);
	return (void *)(what ? what : wrong());
}

static const char *test_fork(void)
{
	return forks(NULL);
}

static const char *test_fork_of_thread(void)
{
	return in_thread(NULL, forks);
}

static const char *test_vfork(void)
{
	static const char *volatile in_child;
	pid_t pid = vfork();

	if (pid == 0) {
		in_child = wrong();
		_exit(0);
	}
	return in_child ? in_child : outcome(pid) ? "the child failed" : wrong();
}

/* Children that are this program again, and see whether they are registered. */
static char *const image[] = { self, "image", NULL };

static void *execs(void *unused)
{
	const char *what;
	pid_t pid = vfork();

	if (pid == 0) {
		execv(self, image);
		_exit(9);
	}
	__atomic_add_fetch(&report.images, 1, __ATOMIC_SEQ_CST);
	what = outcome(pid);
	return (void *)(what ? what : wrong());
}

static const char *test_exec(void)
{
	return execs(NULL);
}

static const char *test_exec_of_thread(void)
{
	return in_thread(NULL, execs);
}

static const char *test_spawn(void)
{
	const char *what;
	pid_t pid;

	if (posix_spawn(&pid, self, NULL, NULL, image, environ))
		return "no child";
	report.images++;
	what = outcome(pid);
	return what ? what : wrong();
}

static char path[4096];

static const char *test_system(void)
{
	char command[sizeof(path) + 16];

	if (access("/bin/sh", X_OK))
		return "# SKIP there is no shell";
	snprintf(command, sizeof(command), "exec '%s' image", path);
	report.images++;
	return system(command) ? "something is wrong in the child" : wrong();
}

static const char *test_popen(void)
{
	char command[sizeof(path) + 16];
	FILE *pipe;

	if (access("/bin/sh", X_OK))
		return "# SKIP there is no shell";
	snprintf(command, sizeof(command), "exec '%s' image", path);
	pipe = popen(command, "r");
	report.images++;
	return !pipe || pclose(pipe) ? "something is wrong in the child" : wrong();
}

static _Thread_local volatile sig_atomic_t handled;

static void handler(int unused)
{
	int error = errno;

	handled = 1;
	note(wrong_here());
	errno = error;
}

static int early;

static void *is_signalled(void *unused)
{
	/* A signal that came before: the C library held it up until here. */
	if (handled)
		__atomic_add_fetch(&early, 1, __ATOMIC_SEQ_CST);
	while (!handled)
		sched_yield();
	return NULL;
}

static const char *test_signals(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	const int threads = 500;
	pthread_t id;

	forget();
	early = 0;
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < threads; i++) {
		pthread_create(&id, NULL, is_signalled, NULL);
		pthread_kill(id, SIGUSR1);
		pthread_join(id, NULL);
	}
	printf("# %d of %d signals came before the first statement of the thread\n", early, threads);
	return noted(threads);
}

static int filter_clone3(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* Sandboxes that know nothing of clone3, or do not want it; and what a kernel says that lost the offset. */
static const char *test_sandbox(void)
{
	static const int errors[] = { ENOSYS, EPERM, ENXIO };
	const char *what = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(errors) && !what; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(filter_clone3(errors[i]) || in_thread(NULL, thread) || test_c11());
		if (vdso_tid)
			report.refused += 2;
		what = outcome(pid);
	}
	return what;
}

static const struct {
	const char *name;
	const char *(*function)(void);
} tests[] = {
	{ "initial thread", test_this },
	{ "joined threads", test_joined },
	{ "stacks of the program", test_stack },
	{ "thread with a scheduling policy", test_scheduled },
	{ "thread of thrd_create", test_c11 },
	{ "detached threads", test_detached },
	{ "threads that are detached later", test_detached_later },
	{ "cancelled threads", test_cancelled },
	{ "timer with a thread", test_timer },
	{ "signals to new threads", test_signals },
	{ "fork, and a thread of the child", test_fork },
	{ "fork of a thread", test_fork_of_thread },
	{ "vfork", test_vfork },
	{ "vfork and exec", test_exec },
	{ "vfork and exec of a thread", test_exec_of_thread },
	{ "posix_spawn", test_spawn },
	{ "system", test_system },
	{ "popen", test_popen },
	{ "sandboxes without clone3", test_sandbox },
	{ "initial thread at the end", test_this },
};

static int run_tests(int to_supervisor)
{
	const char *found = vdso_tid ? "registered" : "not registered";

	printf("# %s, __rseq_offset %td, __rseq_size %u\n", vdso_tid ? "KTLS" : "no KTLS", __rseq_offset, __rseq_size);
	report.images = 1;
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		const char *what = tests[i].function();

		if (what && what[0] == '#') {
			printf("ok %zu - %s %s\n", i + 1, tests[i].name, what);
			continue;
		}
		report.failed += what != NULL;
		printf("%sok %zu - %s: %s\n", what ? "not " : "", i + 1, tests[i].name, what ? what : found);
	}
	return write(to_supervisor, &report, sizeof(report)) == sizeof(report) && report.failed == 0 ? 0 : 1;
}

/* The supervisor: which calls of rseq(2) are there? */
enum { GET, OFFSET, SIG, THREAD, UNREGISTRATION, PROBE, REGISTRATION, OTHER, KINDS };

static const char *const kinds[KINDS] = {
	"GET_KTLS_LAYOUT", "SET_KTLS_OFFSET", "SET_SIG", "SET_KTLS_THREAD", "UNREGISTER",
	"UNREGISTER with a wrong signature", "registration", "other",
};

static int kind_of(const struct seccomp_data *data)
{
	switch (data->args[2]) {
	case FLAG_GET_LAYOUT: return GET;
	case FLAG_SET_OFFSET: return OFFSET;
	case FLAG_SET_SIG: return SIG;
	case FLAG_SET_THREAD: return THREAD;
	case FLAG_UNREGISTER: return (uint32_t)data->args[3] == SIGNATURE ? UNREGISTRATION : PROBE;
	case 0: return REGISTRATION;
	default: return OTHER;
	}
}

static int listen_for_rseq(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rseq, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static bool is_other_program(pid_t pid)
{
	char link[64], target[sizeof(path)];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	return strcmp(target, path) != 0;
}

/* Its calls come in vain if it had some before; it only reads and answers. */
static int supervise(pid_t pid, int listener, long *counts, long *others)
{
	int status = -1;

	for (;;) {
		struct pollfd ready = { listener, POLLIN, 0 };
		struct seccomp_notif call = { 0 };
		struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

		if (poll(&ready, 1, 100) == 0) {
			if (waitpid(pid, &status, WNOHANG) == pid)
				return status;
			continue;
		}
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
			continue;
		if (is_other_program(call.pid))
			++*others;
		else
			counts[kind_of(&call.data)]++;
		answer.id = call.id;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

static bool as_expected(const long *counts)
{
	long images = report.images;

	if (counts[REGISTRATION] || counts[OTHER])
		return false;
	if (!vdso_tid)
		return counts[GET] == images && !counts[OFFSET] && !counts[SIG] && !counts[THREAD] &&
		       !counts[UNREGISTRATION];
	/* Each program of ours asks for the layout once more. */
	return counts[GET] == 2 * images && counts[OFFSET] == images && counts[SIG] == images &&
	       counts[THREAD] == images + report.refused && counts[UNREGISTRATION] == report.detached;
}

static int supervised(void)
{
	long counts[KINDS] = { 0 }, others = 0;
	int ends[2], listener, status;
	char number[16];
	pid_t pid;

	printf("1..%zu\n", ARRAY_SIZE(tests) + 1);
	fflush(stdout);
	listener = listen_for_rseq();
	if (listener < 0 || pipe(ends)) {
		printf("Bail out! no supervisor: %s\n", strerror(errno));
		return 1;
	}
	pid = fork();
	if (pid == 0) {
		snprintf(number, sizeof(number), "%d", ends[1]);
		execl(self, path, "tests", number, NULL);
		_exit(9);
	}
	close(ends[1]);
	status = supervise(pid, listener, counts, &others);
	if (read(ends[0], &report, sizeof(report)) != sizeof(report)) {
		printf("Bail out! the tests did not come to their end: status %#x\n", status);
		return 1;
	}
	printf("# %ld programs, %ld threads that ended detached, %ld that clone3 was refused to\n", report.images,
	       report.detached, report.refused);
	for (int kind = 0; kind < KINDS; kind++)
		if (counts[kind])
			printf("# rseq(2): %ld %s\n", counts[kind], kinds[kind]);
	if (others)
		printf("# rseq(2): %ld calls of other programs\n", others);
	printf("%sok %zu - system calls: %s\n", as_expected(counts) ? "" : "not ", ARRAY_SIZE(tests) + 1,
	       vdso_tid ? "four at the start of a program, one at the end of a detached thread, no registration"
			: "one question at the start of a program, no registration");
	return status || !as_expected(counts);
}

static int stress(long seconds)
{
	struct timespec start, now;
	long threads = 0;

	printf("1..1\n");
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		const char *what = many_detached(1000);

		if (what) {
			printf("not ok 1 - after %ld detached threads: %s\n", threads, what);
			return 1;
		}
		threads += 1000;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < seconds);
	printf("ok 1 - %ld detached threads: %s\n", threads, vdso_tid ? "registered" : "not registered");
	return 0;
}

int main(int argc, char **argv)
{
	ssize_t length = readlink(self, path, sizeof(path) - 1);

	path[length < 0 ? 0 : length] = '\0';
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 1)
		*(void **)&vdso_tid = vdso_function("__vdso_rseq_ktls_tid");
	else
		look_at_kernel();
	if (argc == 1)
		return supervised();
	if (strcmp(argv[1], "image") == 0)
		return wrong() != NULL || in_thread(NULL, thread) != NULL;
	if (argc > 2 && strcmp(argv[1], "tests") == 0)
		return run_tests(atoi(argv[2]));
	if (argc > 2 && strcmp(argv[1], "stress") == 0)
		return stress(atol(argv[2]));
	fprintf(stderr, "usage: threads [stress SECONDS]\n");
	return 2;
}
