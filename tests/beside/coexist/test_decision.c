/* SPDX-License-Identifier: MIT */
/*
 * test_decision.c - tests that a process decides only once which area it uses and which component registers threads, even if two
 * threads race and get different answers from the kernel.
 *
 * One thread is stopped before and after each system call of its decision, and also some instructions later. While it is
 * stopped, a second thread makes the whole decision. A filter denies descriptors to one of the two threads. Then the first
 * thread continues, and gets a signal. The handler also makes the decision, and forks a child that makes the decision. All
 * decisions must be equal.
 *
 * The race happens before main(), at a time when the library's constructor hasn't run yet; see test_filter.c.
 */
#include "refuse.h"
#include <dlfcn.h>
#include <rseqkit/detail/agreement.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <time.h>
#include "urgent.h"

#define STOPS_MAX 400 /* stops at system calls, two for each call */
#define PATIENCE_MS 20 /* after this time the stopped thread runs a little, as it may hold the dynamic linker's lock */
#define LITTLE 3       /* so many times it runs 200 instructions; then it runs to system calls, because a search of code is long */

struct outcome {
	struct rk_process_info info;
	ptrdiff_t offset;
	uint32_t valid;
	enum rk_ktls provider;
};

static struct shared {
	bool ended;         /* the stepped thread has decided */
	bool go, done;      /* `go`: the other thread is to decide. `done`: the other thread has decided */
	struct outcome stepped, other, handler;
	bool handled;
} *shared;

static bool stepped_is_poor;

/* Decides and stores the result. Outcomes are compared as bytes, so padding is cleared. */
static void decide(struct outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	CHECK(rk_process_query(&outcome->info, sizeof(outcome->info)) == 0);
	outcome->offset = *(volatile const ptrdiff_t *)&rk_area_offset;
	outcome->valid = *(volatile const uint32_t *)&rk_area_valid;
	outcome->provider = rk_ktls_provider();
}

static bool agree(const struct outcome *a, const struct outcome *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void run_out_of_descriptors(void)
{
	filter_calls(SYS_openat, SYS_memfd_create, SECCOMP_RET_ERRNO | EMFILE, 0);
}

static void pause_briefly(void)
{
	const struct timespec time = {.tv_nsec = 50000};

	(void)nanosleep(&time, NULL);
}

static void *decide_when_told(void *arg)
{
	if (!stepped_is_poor)
		run_out_of_descriptors();
	while (!*(volatile bool *)&shared->go)
		pause_briefly();
	decide(&shared->other);
	__atomic_store_n(&shared->done, true, __ATOMIC_RELEASE);
	return arg;
}

static void on_signal(int signo)
{
	pid_t pid;

	(void)signo;
	decide(&shared->handler);
	shared->handled = true;
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		struct outcome here;

		decide(&here);
		_exit(agree(&here, &shared->handler) ? 0 : 1);
	}
	CHECK(exit_status_of(pid) == 0);
}

/* The page at which copies agree must name the area that this copy uses, unless the copy reports that copies can't agree. */
static void check_page(const struct outcome *outcome)
{
	const struct rk_rendezvous *page = (const struct rk_rendezvous *)RK_RENDEZVOUS_ADDRESS;
	unsigned char resident;

	if (mincore((void *)RK_RENDEZVOUS_ADDRESS, 4096, &resident) == 0)
		CHECK(page->offset == outcome->info.offset || outcome->info.reason == RK_REASON_RENDEZVOUS);
}

/* Runs in the process that decides. The first thread of this process is stepped. */
static void race(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	pthread_t thread;

	/* Finds the libc's pthread_create(), because the library's pthread_create() would make the decision. */
	*(void **)(&create) = dlsym(RTLD_NEXT, "pthread_create");
	CHECK(create(&thread, NULL, decide_when_told, NULL) == 0);
	if (stepped_is_poor)
		run_out_of_descriptors();
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0 && ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
	raise(SIGSTOP);
	decide(&shared->stepped);
	*(volatile bool *)&shared->ended = true;
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(agree(&shared->stepped, &shared->other));
	check_page(&shared->stepped);
	CHECK(shared->handled && agree(&shared->stepped, &shared->handler));
	_exit(0);
}

/* Lets the first thread continue for `count` stops, each at a system call or after an instruction. */
static void go_on(pid_t pid, int request, int count)
{
	int status;

	begin_steps(pid);
	for (; count > 0 && !*(volatile bool *)&shared->ended; count--) {
		CHECK(ptrace(request, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	}
	end_steps(pid);
}

/* Waits for the other thread, while the first thread is stopped. Returns true if the other thread has decided. */
static bool wait_for_other(int tries)
{
	for (; tries > 0 && !__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE); tries--)
		pause_briefly();
	return __atomic_load_n(&shared->done, __ATOMIC_ACQUIRE);
}

/*
 * Runs one race: the first thread is stopped after `calls` stops at system calls and then `instructions` instructions. Returns
 * false if its decision had ended by then.
 */
static bool stop_after(int calls, int instructions)
{
	int tries = 0;
	bool more;
	int status;
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	pid = fork();
	if (pid == 0)
		race();
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	go_on(pid, PTRACE_SYSCALL, calls);
	go_on(pid, PTRACE_SINGLESTEP, instructions);
	more = !shared->ended;
	shared->go = true;
	for (; !wait_for_other(PATIENCE_MS * 20) && !shared->ended; tries++) {
		if (tries < LITTLE)
			go_on(pid, PTRACE_SINGLESTEP, 200);
		else
			go_on(pid, PTRACE_SYSCALL, 1);
	}
	CHECK(wait_for_other(1000000));
	CHECK(ptrace(PTRACE_DETACH, pid, NULL, SIGUSR1) == 0);
	status = exit_status_of(pid);
	if (status != 0)
		fprintf(stderr, "# stop %d, %d instructions: ended with %d\n", calls, instructions, status);
	CHECK(status == 0);
	return more;
}

/* If this program's argument asks for races, runs all. Exits with 0, or with 10 if different stops led to different decisions. */
static void before_constructors(int argc, char **argv, char **environment)
{
	static const int further[] = {0, 10, 30, 70, 150, 310, 630};
	struct outcome first;
	bool differ = false;
	int calls = 0, stops = 0;
	cpu_set_t here;

	(void)environment;
	if (argc != 2 || (strcmp(argv[1], "stepped") != 0 && strcmp(argv[1], "other") != 0))
		return;
	stepped_is_poor = strcmp(argv[1], "stepped") == 0;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	alarm(600);
	/* Each step wakes the tracer or the stepped process, which is faster if both run on one CPU. */
	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	CHECK(sched_setaffinity(0, sizeof(here), &here) == 0);
	for (; calls < STOPS_MAX && stop_after(calls, 0); calls++) {
		if (calls == 0)
			first = shared->other;
		for (size_t i = 1; i < sizeof(further) / sizeof(further[0]) && stop_after(calls, further[i]); i++, stops++)
			differ |= !agree(&first, &shared->other);
	}
	fprintf(stderr, "# %d stops at system calls, %d at other instructions\n", calls, stops);
	CHECK(calls > 0 && calls < STOPS_MAX);
	_exit(differ ? 10 : 0);
}

__attribute__((__section__(".preinit_array"), __used__)) static void (*const first_of_all)(int, char **,
											   char **) = before_constructors;

static int other_is_poor(void)
{
	(void)execl("/proc/self/exe", "test_decision", "other", (char *)NULL);
	return 98;
}

static int this_is_poor(void)
{
	(void)execl("/proc/self/exe", "test_decision", "stepped", (char *)NULL);
	return 98;
}

/*
 * Only with areas of our own does the decision depend on whether the deciding thread gets descriptors. Only then do different
 * stops lead to different decisions.
 */
static void one_decision(void **state)
{
	int expected = strcmp(getenv("SITUATION"), "own") == 0 ? 10 : 0;

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime takes too many steps");
	assert_int_equal(in_child(other_is_poor), expected);
	assert_int_equal(in_child(this_is_poor), expected);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_decision),
};

RUN(tests)
