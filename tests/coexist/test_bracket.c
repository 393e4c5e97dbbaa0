/* SPDX-License-Identifier: MIT */
/*
 * The bracket around vfork beside others: copies, users of embed.h and an adopter see that it is open and register
 * nobody; whoever breaks it all the same is noticed, and leaves the thread registered.
 */
#include "../unit/test.h"
#include <sched.h>
#include "load.h"

#define CHILDREN 20
#define CHILD_ADDS 200000

static const struct copy *opener, *other;
static struct rk_counter *counter;

static void load_pair(const char *first, const char *second)
{
	void *handle;

	opener = load_copy_of_rseqkit(first, LOCAL, &handle);
	other = load_copy_of_rseqkit(second, LOCAL, &handle);
	CHECK(opener != NULL && other != NULL);
	CHECK(opener->prepare() == 0 && other->prepare() == 0 && kernel_says_any());
	CHECK(other->create(&counter) == 0);
}

static void load_shared_and_hidden(void)
{
	load_pair("copy-shared.so", "copy-static-a.so");
}

static void load_hidden_and_shared(void)
{
	load_pair("copy-static-a.so", "copy-shared.so");
}

/* Inside: nobody is registered, whatever the other one does; its adds count. */
static void check_closed(void)
{
	CHECK(!kernel_says_any());
	CHECK(other->prepare() == -EAGAIN && other->reg() == -EAGAIN);
	CHECK(other->reason() == RK_REASON_VFORK && other->owner() == RK_OWNER_NONE && other->area() == NULL);
	other->add(counter, 1);
	CHECK(!kernel_says_any());
}

static void check_open(void)
{
	CHECK(kernel_says_any());
	CHECK(opener->prepare() == 0 && other->prepare() == 0 && other->area() != NULL && other->area() == opener->area());
}

static int copies_see_it(void)
{
	load_shared_and_hidden();
	CHECK(opener->vfork_begin() == 0);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	check_open();
	CHECK(other->sum(counter) == 1);
	return 0;
}

static int copies_see_it_the_other_way(void)
{
	load_hidden_and_shared();
	CHECK(opener->vfork_begin() == 0);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	check_open();
	return 0;
}

static int brackets_of_two_copies_nest(void)
{
	load_shared_and_hidden();
	CHECK(opener->vfork_begin() == 0 && other->vfork_begin() == 0);
	check_closed();
	CHECK(other->vfork_end() == 0);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	check_open();
	return 0;
}

/* A thread that nobody had registered is none behind the bracket either, and can be. */
static void *bracket_unregistered(void *arg)
{
	(void)arg;
	CHECK(syscall(SYS_rseq, opener->area(), 32, 1, RK_SIGNATURE) == 0 ||
	      syscall(SYS_rseq, opener->area(), 33, 1, RK_SIGNATURE) == 0 || !kernel_says_any());
	CHECK(!kernel_says_any());
	CHECK(opener->vfork_begin() == 0);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	CHECK(!kernel_says_any());
	CHECK(world_owner() == RK_OWNER_LIBC || (other->prepare() == 0 && kernel_says_any()));
	return NULL;
}

static int unregistered_stays_so(void)
{
	pthread_t thread;

	load_shared_and_hidden();
	CHECK(pthread_create(&thread, NULL, bracket_unregistered, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	return 0;
}

static int embedded_sees_it(void)
{
	const struct adopter *embedded = load_adopter("late-embedded.so", LOCAL);

	CHECK(embedded != NULL);
	load_shared_and_hidden();
	CHECK(embedded->enter() == 0);
	CHECK(opener->vfork_begin() == 0);
	CHECK(embedded->enter() == -EAGAIN && !kernel_says_any());
	CHECK(opener->vfork_end() == 0);
	CHECK(embedded->enter() == 0 && embedded->is_fast());
	check_open();
	return 0;
}

/* A kernel that was told to debug rseq ends a process for the allocator's pointer over cpu_id_start. */
static bool kernel_minds_stores(void)
{
	char line[4096] = "";
	FILE *file = fopen("/proc/cmdline", "r");
	bool minds;

	minds = file != NULL && fgets(line, sizeof(line), file) != NULL && strstr(line, "rseq_debug=1") != NULL;
	if (file != NULL)
		fclose(file);
	return minds;
}

/* One that comes first, and whose area we share; it aborts when it finds a thread that can't be registered. */
static int adopter_sees_it(void)
{
	const struct adopter *tagged = load_adopter("late-tagged.so", GLOBAL);

	CHECK(tagged != NULL);
	CHECK(tagged->enter() == 0 && tagged->is_fast());
	load_shared_and_hidden();
	CHECK(opener->owner() == RK_OWNER_EARLY);
	CHECK(opener->vfork_begin() == 0);
	CHECK(tagged->enter() == 0);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	CHECK(tagged->enter() == 0 && tagged->is_fast() && (kernel_minds_stores() || tagged->work()));
	check_open();
	return 0;
}

static bool stranger_registers_here(const volatile void *area, uint32_t length)
{
	return syscall(SYS_rseq, area, length, 0, RK_SIGNATURE) == 0;
}

/* Where it was registered, and how long, for a stranger who does the same. */
static const volatile void *place(uint32_t *length)
{
	const volatile void *area = opener->area();

	*length = kernel_says_registered(area, 32) ? 32 : 33;
	return area;
}

static int stranger_breaks_it(void)
{
	const volatile void *area;
	uint32_t length;

	load_shared_and_hidden();
	area = place(&length);
	CHECK(opener->vfork_begin() == 0);
	CHECK(stranger_registers_here(area, length));
	CHECK(opener->vfork_end() == -ECANCELED);
	check_open();
	/* In the inner one of two: the outer one is closed again. */
	CHECK(opener->vfork_begin() == 0 && opener->vfork_begin() == 0);
	CHECK(stranger_registers_here(area, length));
	CHECK(opener->vfork_end() == -ECANCELED);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	check_open();
	return 0;
}

/* The child's registration ends with it, and leaves a CPU number in the area of a thread that isn't registered. */
static int child_breaks_it(void)
{
	const volatile void *area;
	uint32_t length;
	pid_t pid;

	load_shared_and_hidden();
	area = place(&length);
	CHECK(opener->vfork_begin() == 0);
	pid = vfork();
	if (pid == 0)
		_exit(stranger_registers_here(area, length) ? 0 : 1);
	CHECK(exit_status_of(pid) == 0);
	CHECK(!kernel_says_any());
	CHECK(opener->vfork_end() == -ECANCELED);
	check_open();
	/* In the inner one of two: what the child left there is no registration to undo. */
	CHECK(opener->vfork_begin() == 0 && opener->vfork_begin() == 0);
	pid = vfork();
	if (pid == 0)
		_exit(stranger_registers_here(area, length) ? 0 : 1);
	CHECK(exit_status_of(pid) == 0);
	CHECK(opener->vfork_end() == -ECANCELED);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	check_open();
	return 0;
}

static volatile bool busy;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static void *add_on_first_cpu(void *arg)
{
	int64_t *adds = arg;

	pin(0);
	for (; busy; *adds += 1000)
		for (int i = 0; i < 1000; i++)
			other->add(counter, 1);
	return NULL;
}

/* The other copy's operation in between, and then the child on another CPU than its parent's. */
static int nothing_is_lost(void)
{
	pthread_t thread;
	int64_t adds = 0;

	load_shared_and_hidden();
	pin(0);
	busy = true;
	CHECK(pthread_create(&thread, NULL, add_on_first_cpu, &adds) == 0);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid;

		CHECK(opener->vfork_begin() == 0);
		other->add(counter, 1);
		pid = vfork();
		if (pid == 0) {
			pin(1);
			for (int n = 0; n < CHILD_ADDS; n++)
				other->add(counter, 1);
			_exit(0);
		}
		CHECK(exit_status_of(pid) == 0);
		CHECK(opener->vfork_end() == 0);
	}
	busy = false;
	pthread_join(thread, NULL);
	CHECK(other->sum(counter) == adds + CHILDREN * (CHILD_ADDS + 1));
	return 0;
}

static volatile int handled;

static void on_signal(int signo)
{
	(void)signo;
	handled++;
	other->add(counter, 1);
}

/* In the child: closed, no signal gets in before it asks, and then those do that the caller hadn't blocked. */
static int child_of_run(void *arg, const void *signals)
{
	sigset_t mask;

	check_closed();
	CHECK(kill(getpid(), SIGUSR1) == 0 && kill(getpid(), SIGUSR2) == 0 && handled == 0);
	opener->vfork_unblock(signals);
	CHECK(handled == 1);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK(!sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGUSR2));
	return *(int *)arg;
}

static int exec_nothing(void *arg, const void *signals)
{
	opener->vfork_unblock(signals);
	execl("/nonexistent/program", "program", NULL);
	*(int *)arg = errno;
	return 127;
}

static int run_calls_in_a_child(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t block, mask;
	int status = 42, error = 0;
	pid_t pid;

	load_shared_and_hidden();
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0 && sigaction(SIGUSR2, &action, NULL) == 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR2);
	sigprocmask(SIG_BLOCK, &block, NULL);
	errno = 7;
	CHECK(opener->vfork_run(child_of_run, &status, &pid) == 0 && errno == 7);
	CHECK(exit_status_of(pid) == 42);
	check_open();
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK(!sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGUSR2) && handled == 1);
	CHECK(opener->vfork_run(exec_nothing, &error, &pid) == 0 && exit_status_of(pid) == 127 && error == ENOENT);
	CHECK(opener->vfork_run(NULL, NULL, &pid) == -EINVAL && pid == -1);
	CHECK(opener->vfork_run(exec_nothing, &error, NULL) == -EINVAL);
	return 0;
}

static int killed_in_its_own_bracket(void *arg, const void *signals)
{
	(void)arg;
	(void)signals;
	CHECK(opener->vfork_begin() == 0 && other->vfork_begin() == 0);
	raise(SIGKILL);
	return 0;
}

/* Its depth is the caller's memory. */
static int run_survives_a_killed_child(void)
{
	int status;
	pid_t pid;

	load_shared_and_hidden();
	for (int i = 0; i < 3; i++) {
		CHECK(opener->vfork_run(killed_in_its_own_bracket, NULL, &pid) == 0);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		CHECK(kernel_says_any() && opener->prepare() == 0 && opener->vfork_end() == -EINVAL);
	}
	return 0;
}

static volatile bool child_runs;
static char child_runs_to_its_end; /* a thread's result */

/* Comes to a cancellation point when the request is there. */
static int sleep_in_child(void *arg, const void *signals)
{
	(void)arg;
	(void)signals;
	child_runs = true;
	for (int i = 0; i < 20; i++)
		usleep(10000);
	return 5;
}

static void *run_sleeper(void *arg)
{
	pid_t pid;

	CHECK(opener->prepare() == 0);
	CHECK(opener->vfork_run(sleep_in_child, NULL, &pid) == 0);
	CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL) == 0);
	CHECK(exit_status_of(pid) == 5);
	check_open();
	return arg;
}

/* The request is the caller's; a child that heeded it would unwind the caller's stack. */
static int run_is_cancelled_later(void)
{
	pthread_t thread;
	void *result;

	load_shared_and_hidden();
	CHECK(pthread_create(&thread, NULL, run_sleeper, &child_runs_to_its_end) == 0);
	while (!child_runs)
		sched_yield();
	CHECK(pthread_cancel(thread) == 0);
	CHECK(pthread_join(thread, &result) == 0 && result == &child_runs_to_its_end);
	return 0;
}

static void run_one(void **state)
{
	int (*body)(void);

	NEEDS_VFORK();
	NEEDS_RSEQ();
	*(void **)&body = *state;
	if (body == adopter_sees_it && world_owner() == RK_OWNER_LIBC)
		SKIP("there is no adopter where the libc registers");
	if (body == nothing_is_lost && sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP("a child on another CPU takes two");
	assert_int_equal(in_child(body), 0);
}

#define TEST(body) {.name = #body, .test_func = run_one, .initial_state = (void *)(uintptr_t)(body)}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_see_it), TEST(copies_see_it_the_other_way), TEST(brackets_of_two_copies_nest),
		TEST(unregistered_stays_so), TEST(embedded_sees_it), TEST(adopter_sees_it), TEST(stranger_breaks_it),
		TEST(child_breaks_it), TEST(nothing_is_lost), TEST(run_calls_in_a_child),
		TEST(run_survives_a_killed_child), TEST(run_is_cancelled_later),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
