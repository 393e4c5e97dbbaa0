/* SPDX-License-Identifier: MIT */
/*
 * Tests claims: which thread can take a claim, and which thread holds it. A claim is a word with the number of its holder; the
 * library gives each thread a number. The tests take claims in a thread, in its handlers, in other threads, in children and in
 * threads of children. They also fork at each instruction of taking a claim.
 */
#define INSTRUCTIONS_MAX 3000 /* interrupt.h's default is only enough for critical sections */
#include "interrupt.h"
#include "refuse.h"

#define FOR_EVER INT64_MAX

static struct rk_claim claim;
static int answer;

static void *try_claim(void *arg)
{
	(void)arg;
	answer = rk_claim_take_try(&claim);
	return NULL;
}

static void *hold_a_while(void *arg)
{
	CHECK(rk_claim_take_try(&claim) == 0);
	__atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE) == 1)
		usleep(100);
	usleep(20000); /* enough time for the waiter to sleep */
	CHECK(rk_claim_release(&claim) == 0);
	return NULL;
}

static int in_thread(void *(*run)(void *))
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, run, NULL) == 0 && pthread_join(thread, NULL) == 0);
	return answer;
}

static void exclusive(void **state)
{
	pthread_t thread;
	int held = 0;

	(void)state;
	memset(&claim, 0, sizeof(claim));
	assert_int_equal(rk_claim_release(&claim), -EPERM);
	assert_int_equal(rk_claim_take_for(&claim, -1), 0); /* the claim is free, so the call doesn't wait */
	assert_int_equal(rk_claim_take_for(&claim, -1), -EINVAL);
	assert_int_equal(rk_claim_take_try(&claim), -EBUSY);
	assert_int_equal(rk_claim_take_for(&claim, FOR_EVER), -EDEADLK); /* this thread itself holds the claim */
	assert_int_equal(in_thread(try_claim), -EBUSY);
	assert_int_equal(rk_claim_release(&claim), 0);
	assert_int_equal(rk_claim_release(&claim), -EPERM);
	/* A wait ends when its time is over, or when the holder releases the claim. */
	assert_int_equal(pthread_create(&thread, NULL, hold_a_while, &held), 0);
	while (!__atomic_load_n(&held, __ATOMIC_ACQUIRE))
		sched_yield();
	assert_int_equal(rk_claim_take_for(&claim, 1000), -ETIMEDOUT);
	assert_int_equal(rk_claim_release(&claim), -EPERM);
	__atomic_store_n(&held, 2, __ATOMIC_RELEASE);
	assert_int_equal(rk_claim_take_for(&claim, FOR_EVER), 0);
	assert_int_equal(claim.waiters, 0);
	assert_int_equal(rk_claim_release(&claim), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/*
 * If the forking thread holds the claim, the child's first thread holds it too. No other thread of the child holds
 * it.
 */
static int child_of_holder(void)
{
	CHECK(in_thread(try_claim) == -EBUSY);
	CHECK(rk_claim_take_try(&claim) == -EBUSY);
	CHECK(rk_claim_take_for(&claim, FOR_EVER) == -EDEADLK);
	CHECK(in_thread(try_claim) == -EBUSY);
	return 0;
}

static int child_of_holder_releases(void)
{
	CHECK(rk_claim_release(&claim) == 0);
	CHECK(rk_claim_take_try(&claim) == 0);
	CHECK(in_child(child_of_holder) == 0);
	CHECK(in_thread(try_claim) == -EBUSY);
	return 0;
}

/* If another thread holds the claim at the fork, the claim is free in the child. */
static int child_of_another(void)
{
	CHECK(rk_claim_release(&claim) == -EPERM);
	CHECK(rk_claim_take_for(&claim, FOR_EVER) == 1);
	CHECK(rk_claim_release(&claim) == 0);
	CHECK(rk_claim_take_try(&claim) == 0);
	return 0;
}

static int grandchild_of_another(void)
{
	return in_child(child_of_another);
}

/*
 * A thread that the child creates can get the stack of the thread that held the claim in the parent. But the new thread has
 * another thread number, so it doesn't hold the claim, and can take it.
 */
static int childs_thread_of_another(void)
{
	return in_thread(try_claim) == 1 ? 0 : 1;
}

static void *fork_once_more(void *arg)
{
	(void)arg;
	answer = in_child(child_of_another);
	return NULL;
}

static int grandchild_of_a_childs_thread(void)
{
	return in_thread(fork_once_more);
}

/* Forks without fork handlers, and runs `deed` in the child. */
static int in_bare_child(int (*deed)(void))
{
	pid_t pid;

	if (SANITIZED)
		return in_child(deed); /* runs fork handlers, because the runtime of a sanitizer needs them */
	pid = _Fork();
	if (pid == 0)
		_exit(deed());
	return exit_status_of(pid);
}

static void *fork_beside_holder(void *arg)
{
	(void)arg;
	answer = in_bare_child(child_of_another); /* the library has given this thread no thread number yet */
	if (answer == 0 && !THREAD_SANITIZED) /* ThreadSanitizer can't start threads in a child without fork handlers */
		answer = in_child(childs_thread_of_another);
	if (answer == 0)
		answer = in_child(child_of_another);
	if (answer == 0)
		answer = in_child(grandchild_of_another);
	if (answer == 0 && rk_claim_take_try(&claim) != -EBUSY)
		answer = 1;
	if (answer == 0)
		answer = in_bare_child(child_of_another); /* now this thread has a thread number */
	return NULL;
}

static void held_at_a_fork(void **state)
{
	(void)state;
	memset(&claim, 0, sizeof(claim));
	assert_int_equal(rk_claim_take_try(&claim), 0);
	assert_int_equal(in_child(child_of_holder), 0);
	assert_int_equal(in_bare_child(child_of_holder), 0);
	assert_int_equal(in_child(child_of_holder_releases), 0);
	assert_int_equal(in_thread(fork_beside_holder), 0);
	assert_int_equal(rk_claim_release(&claim), 0);
}

/* The claim's holder has ended. A later thread gets the holder's stack, but not its claim. */
static int from_a_threads_stack(void)
{
	answer = 0;
	CHECK(in_thread(try_claim) == 0);
	CHECK(in_child(grandchild_of_a_childs_thread) == 0);
	return 0;
}

static void held_by_who_had_the_stack(void **state)
{
	(void)state;
	memset(&claim, 0, sizeof(claim));
	assert_int_equal(in_child(from_a_threads_stack), 0);
}

/* Even if a filter refuses gettid(2) and getpid(2), the library never mistakes one thread for another. */
static int without_thread_numbers(void)
{
	refuse(SYS_gettid, SYS_getpid, EPERM);
	CHECK(rk_claim_take_try(&claim) == 0);
	CHECK(in_thread(try_claim) == -EBUSY);
	CHECK(in_child(child_of_holder) == 0);
	CHECK(rk_claim_release(&claim) == 0);
	return 0;
}

static void numbers_are_its_own(void **state)
{
	(void)state;
	memset(&claim, 0, sizeof(claim));
	assert_int_equal(in_child(without_thread_numbers), 0);
}

/*
 * A handler forks, and takes the claim in the child. In the child, either the handler or the interrupted call gets
 * the claim, never both.
 */
static volatile int own_answer, handlers_answer;

static void renew(void)
{
	memset(&claim, 0, sizeof(claim));
	own_answer = handlers_answer = -EBUSY;
}

static void try(void)
{
	own_answer = rk_claim_take_try(&claim);
}

static void fork_and_try(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		handlers_answer = rk_claim_take_try(&claim);
	else
		CHECK(exit_status_of(pid) == 0);
}

static int one_holds_it(void)
{
	return (own_answer >= 0) + (handlers_answer >= 0) == 1 && rk_claim_release(&claim) == 0 ? 0 : 1;
}

static void forked_at_every_instruction(void **state)
{
	static const struct interrupted w = {renew, try, fork_and_try, one_holds_it, false};

	(void)state;
	memset(&claim, 0, sizeof(claim));
	assert_int_equal(in_thread(try_claim), 0); /* initialises the library; this thread still has no thread number */
	interrupt_each(&w, 1);
	assert_int_equal(rk_claim_take_try(&claim), -EBUSY);
	interrupt_each(&w, 1);
}

/*
 * A handler interrupts a release and releases the same claim. Then the handler waits for another thread, which takes
 * the claim.
 */
static void claim_first(void)
{
	renew();
	CHECK(rk_claim_take_try(&claim) == 0);
}

static void release(void)
{
	own_answer = rk_claim_release(&claim);
}

static void release_and_pass_on(void)
{
	handlers_answer = rk_claim_release(&claim);
	CHECK(in_thread(try_claim) == 0);
}

static int is_the_others(void)
{
	return (own_answer == 0) + (handlers_answer == 0) == 1 && rk_claim_take_try(&claim) == -EBUSY ? 0 : 1;
}

static void released_at_every_instruction(void **state)
{
	static const struct interrupted w = {claim_first, release, release_and_pass_on, is_the_others, false};

	(void)state;
	interrupt_each(&w, 1);
}

/*
 * In a forked process whose first thread holds the claim, a vfork child of another thread takes another claim. After that, the
 * library must still know that the first thread holds its claim.
 */
static void *claim_in_a_vfork_child(void *arg)
{
	pid_t pid = vfork();
	struct rk_claim other = {.holder = 0};

	if (pid == 0) {
		(void)rk_claim_take_try(&other);
		_exit(0);
	}
	(void)arg;
	answer = exit_status_of(pid) != 0 ? 1 : rk_claim_take_try(&claim);
	return NULL;
}

static int passed_by_a_vfork_child(void)
{
	CHECK(in_thread(claim_in_a_vfork_child) == -EBUSY);
	return 0;
}

static void vfork_children(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer may make a fork of vfork");
	memset(&claim, 0, sizeof(claim));
	assert_int_equal(rk_claim_take_try(&claim), 0);
	assert_int_equal(in_bare_child(passed_by_a_vfork_child), 0);
	assert_int_equal(rk_claim_release(&claim), 0);
}

/*
 * A handler forks, without fork handlers, while its thread waits for a claim. The child continues the wait, and gets
 * the claim.
 */
static volatile pid_t handlers_child;
static volatile bool is_held;

static void fork_in_handler(int signo)
{
	(void)signo;
	handlers_child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (handlers_child == 0)
		alarm(60);
}

/* Holds the claim until the initial thread has waited and was interrupted, and until the handler's child has ended. */
static void *hold_for_long(void *arg)
{
	pthread_t waiter = *(pthread_t *)arg;

	CHECK(rk_claim_take_try(&claim) == 0);
	is_held = true;
	while (__atomic_load_n(&claim.waiters, __ATOMIC_ACQUIRE) == 0)
		usleep(100);
	usleep(1000); /* after this time the thread most likely sleeps */
	CHECK(pthread_kill(waiter, SIGUSR1) == 0);
	while (handlers_child < 0)
		usleep(100);
	answer = exit_status_of(handlers_child);
	CHECK(rk_claim_release(&claim) == 0);
	return NULL;
}

static void a_handlers_child(void **state)
{
	struct sigaction action = {.sa_handler = fork_in_handler};
	pthread_t thread, self = pthread_self();
	int r;

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime has handlers of fork that it needs");
	memset(&claim, 0, sizeof(claim));
	handlers_child = -1;
	is_held = false;
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, hold_for_long, &self), 0);
	while (!is_held)
		sched_yield();
	r = rk_claim_take_for(&claim, FOR_EVER);
	if (handlers_child == 0)
		_exit(r == 1 ? 0 : 1);
	assert_int_equal(r, 0);
	assert_int_equal(rk_claim_release(&claim), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(answer, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(forked_at_every_instruction), /* must run first, because this thread must not have a thread number yet */
	cmocka_unit_test(exclusive),
	cmocka_unit_test(held_at_a_fork),
	cmocka_unit_test(held_by_who_had_the_stack),
	cmocka_unit_test(numbers_are_its_own),
	cmocka_unit_test(released_at_every_instruction),
	cmocka_unit_test(vfork_children),
	cmocka_unit_test(a_handlers_child),
};

RUN(tests)
