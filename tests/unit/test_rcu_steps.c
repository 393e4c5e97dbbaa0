/* SPDX-License-Identifier: MIT */
/*
 * Tests read sections, grace periods and deferred calls, interrupted at each instruction (interrupt.h). The
 * interruption is a handler that uses the same functions, a fork of the interrupted thread, or a fork of another
 * thread. In each process, each call is made once. There is one exception. If another thread forked while the
 * interrupted thread was deferring or making a call, this call can be missing in the child.
 */
#define INSTRUCTIONS_MAX 600 /* twice what is needed without rseq; each step into a critical section aborts and repeats it */
#include "interrupt.h"
#include "refuse.h"

#define CALLS 16

static struct rk_rcu *rcu;

static struct job {
	bool deferred;
	int called;
	struct rk_rcu_call call;
} jobs[CALLS];

static volatile int next_job;

static void work(struct rk_rcu_call *call)
{
	struct job *job = (struct job *)((char *)call - offsetof(struct job, call));

	job->called++;
}

static void defer_one(void)
{
	struct job *job = &jobs[__atomic_fetch_add(&next_job, 1, __ATOMIC_RELAXED)];

	CHECK(rk_rcu_defer(rcu, &job->call, work) == 0);
	job->deferred = true;
}

static void start(void)
{
	memset(jobs, 0, sizeof(jobs));
	next_job = 0;
	CHECK(rk_rcu_create(&rcu, 0) == 0);
	CHECK(rk_rcu_synchronize(rcu) == 0); /* called before the steps begin, because the first call takes many steps */
	for (int i = 0; i < 3; i++)
		defer_one();
}

/* Enters and leaves a read section as a thread without rseq, and then by an rseq critical section. */
static void read_section(void)
{
	struct rk_rcu_section *section = rki_rcu_read_lock_slow(rcu, RK_NO_RSEQ);

	rki_rcu_read_unlock_slow(rcu, section, RK_NO_RSEQ);
	rk_rcu_read_lock(rcu, &section);
	rk_rcu_read_unlock(rcu, section);
}

/* Enters the read section before the steps begin, so only leaving the section is interrupted. */
static struct rk_rcu_section *entered;

static void start_entered(void)
{
	start();
	rk_rcu_read_lock(rcu, &entered);
}

static void leave_section(void)
{
	rk_rcu_read_unlock(rcu, entered);
}

static void begin_section(void)
{
	struct rk_rcu_section *section;

	rk_rcu_read_lock(rcu, &section);
	rk_rcu_read_unlock(rcu, section);
}

static void wait_for_readers(void)
{
	CHECK(rk_rcu_synchronize(rcu) == 0);
}

static void defer_and_wait(void)
{
	defer_one();
	CHECK(rk_rcu_barrier(rcu) == 0);
}

/* Runs in a handler. A function that would wait for the interrupted thread returns an error, and doesn't wait. */
static void use_as_well(void)
{
	struct rk_rcu_section *section;
	int r;

	rk_rcu_read_lock(rcu, &section);
	CHECK(rk_rcu_poll(rcu, rk_rcu_start(rcu)) >= 0);
	rk_rcu_read_unlock(rcu, section);
	defer_one();
	r = rk_rcu_run(rcu, 0);
	CHECK(r >= 0 || r == -EDEADLK);
	r = rk_rcu_synchronize_for(rcu, 1000);
	CHECK(r == 0 || r == -EDEADLK || r == -ETIMEDOUT);
	defer_one();
}

/*
 * Like use_as_well(), but also calls functions that wait without a limit. Tests use this handler only if the interrupted
 * thread is in no read section.
 */
static void wait_as_well(void)
{
	int r;

	alarm(60); /* a thread that waits for itself uses no processor time, so only an alarm ends it */
	r = rk_rcu_synchronize(rcu);
	CHECK(r == 0 || r == -EDEADLK);
	defer_one();
	r = rk_rcu_barrier(rcu);
	CHECK(r == 0 || r == -EDEADLK);
	use_as_well();
}

static int judge(void)
{
	CHECK(rk_rcu_synchronize(rcu) == 0 && rk_rcu_barrier(rcu) == 0);
	for (int i = 0; i < next_job; i++)
		CHECK(jobs[i].deferred && jobs[i].called == 1);
	return rk_rcu_destroy(rcu);
}

static int go_on_in_child(void)
{
	int missing = 0;

	alarm(60);
	CHECK(rk_rcu_barrier(rcu) == 0 && rk_rcu_synchronize(rcu) == 0);
	for (int i = 0; i < next_job; i++) {
		CHECK(jobs[i].called <= 1);
		missing += jobs[i].deferred && jobs[i].called == 0;
	}
	CHECK(missing <= 1);
	read_section();
	defer_and_wait();
	CHECK(jobs[next_job - 1].called == 1);
	return rk_rcu_destroy(rcu);
}

static void fork_by_another(void)
{
	fork_in_another_thread(go_on_in_child);
}

/*
 * An rcu domain that a child inherits. In the child, the domain is closed until the first read section or poll opens it. Some
 * tests open it before the steps begin, and interrupt a later poll. The handler reads or forks. A child that the handler forks
 * begins a read section in the handler, and a grace period must wait for this section.
 */
static struct rk_rcu *inherited;
static struct rk_rcu_section *held;
static uint64_t held_against;

static void inherit(void)
{
	rcu = inherited;
	held = NULL;
}

static void inherit_open(void)
{
	inherit();
	read_section();
}

/* Makes a child in which the library can't block signals. */
static void inherit_unblocked(void)
{
	refuse(SYS_rt_sigprocmask, SYS_rt_sigprocmask, EPERM);
	inherit();
}

static void poll_once(void)
{
	CHECK(rk_rcu_poll(rcu, rk_rcu_start(rcu)) >= 0);
}

static void poll_and_read(void)
{
	struct rk_rcu_section *section;

	poll_once();
	rk_rcu_read_lock(rcu, &section);
	rk_rcu_read_unlock(rcu, section);
}

static void fork_and_hold(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid > 0) {
		CHECK(exit_status_of(pid) == 0);
		return;
	}
	rk_rcu_read_lock(rcu, &held);
	held_against = rk_rcu_start(rcu);
}

static void fork_in_a_section(void)
{
	struct rk_rcu_section *section;

	rk_rcu_read_lock(rcu, &section);
	fork_this_thread();
	rk_rcu_read_unlock(rcu, section);
}

static int judge_sections(void)
{
	for (int i = 0; i < 3; i++) {
		struct rk_rcu_section *section;
		uint64_t period;

		rk_rcu_read_lock(rcu, &section);
		period = rk_rcu_start(rcu);
		CHECK(held == NULL || rk_rcu_poll(rcu, held_against) == 0);
		CHECK(rk_rcu_poll(rcu, period) == 0);
		if (held != NULL)
			rk_rcu_read_unlock(rcu, held);
		held = NULL;
		CHECK(rk_rcu_poll(rcu, period) == 0);
		rk_rcu_read_unlock(rcu, section);
		CHECK(rk_rcu_poll(rcu, period) == 1);
	}
	return 0;
}

static void in_a_child_that_opens_it(void **state)
{
	static const struct interrupted with[] = {
		{inherit, begin_section, poll_and_read, judge_sections, false},
		{inherit, begin_section, fork_and_hold, judge_sections, false},
		{inherit, read_section, poll_and_read, judge_sections, false},
		{inherit, read_section, fork_and_hold, judge_sections, false},
		{inherit, read_section, fork_in_a_section, judge_sections, false},
		{inherit, poll_once, poll_and_read, judge_sections, false},
		{inherit, poll_once, fork_and_hold, judge_sections, false},
		{inherit, poll_once, fork_in_a_section, judge_sections, false},
		{inherit_open, poll_once, fork_and_hold, judge_sections, false},
		{inherit_unblocked, begin_section, fork_and_hold, judge_sections, false},
		{inherit_unblocked, read_section, fork_in_a_section, judge_sections, false},
		{inherit_unblocked, poll_once, fork_and_hold, judge_sections, false},
		{inherit_unblocked, poll_once, fork_in_a_section, judge_sections, false},
	};

	(void)state;
	assert_int_equal(rk_rcu_create(&inherited, 0), 0);
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {
		{start, read_section, use_as_well, judge, false},
		{start, read_section, fork_this_thread, judge, false},
		{start, read_section, fork_by_another, judge, false},
		{start_entered, leave_section, use_as_well, judge, false},
		{start_entered, leave_section, fork_this_thread, judge, false},
		{start, wait_for_readers, wait_as_well, judge, false},
		{start, wait_for_readers, fork_this_thread, judge, false},
		{start, wait_for_readers, fork_by_another, judge, false},
		{start, defer_and_wait, wait_as_well, judge, false},
		{start, defer_and_wait, fork_this_thread, judge, false},
		{start, defer_and_wait, fork_by_another, judge, false},
	};

	(void)state;
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(in_a_child_that_opens_it),
	cmocka_unit_test(at_every_instruction),
};

RUN(tests)
