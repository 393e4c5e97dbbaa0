/* SPDX-License-Identifier: MIT */
/*
 * aborts.c - finds which events abort a critical section on this kernel, for `rseqkit doctor`.
 *
 * A test of one event (a probe) runs in a child process. A thread of it spins in a section until a word changes. The event
 * happens while the thread is in the section, and the word changes only after the event. Thus the event aborts the section, or
 * the section reaches its end. An abort counts only if the event is its only possible cause. The thread's count of preemptions
 * shows whether there is another cause. If there is, the thread enters the section again. After TRIES attempts the answer is
 * unknown.
 *
 *   signal      a timer sends the signal; a thread that sent it would preempt the section
 *   preemption  another thread on the same CPU sees that the section has begun; by running, it has preempted the section
 *   migration   a thread on another CPU changes the affinity of the thread in the section
 *   membarrier  a thread on another CPU calls membarrier
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <rseqkit/percpu.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define TRIES 100    /* at most this many attempts are made; each takes a few milliseconds */
#define CERTAIN 3    /* if the section reaches its end this many times, the event doesn't abort sections */
#define TICKS 3      /* after this many ticks of the timer the word changes; at least one tick is inside the section */
#define TICK_US 1000

struct trial {
	enum doctor_event event;
	volatile struct rk_area *area;
	ptrdiff_t offset; /* distance from the thread pointer to `area` */
	void *words;      /* one word for each CPU; the section spins while the word is zero */
	int cpu, other;   /* the CPU on which the section begins, and another CPU, if the machine has several */
	pid_t thread;     /* the thread that executes the section */
	bool ready;       /* the helper, a thread that causes the event, is on its CPU */
	bool happened;    /* the event happened inside the section */
	bool over;        /* the thread has left its section */
	enum lack lack;   /* what was missing to cause the event */
	long preemptions; /* how often the thread was preempted between a moment before the section and one after it */
	int cpu_after;    /* the thread's CPU after the section */
};

/* How the thread left the section: without having begun it, at its end, or by an abort. */
enum passage { PASSAGE_LEFT, PASSAGE_DONE, PASSAGE_ABORTED };

/* The trial and the count of ticks, for the signal handler. A probe with a timer has only one thread, and so only one trial. */
static struct trial *signalled;
static volatile sig_atomic_t ticks;

/*
 * Runs the section. The library's macros use the area at `rk_area_offset`. In this function `rk_area_offset` is the parameter,
 * which hides the library's variable of the same name. The section therefore uses the tested area, even if the library uses
 * another area.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
static enum passage __attribute__((__noinline__)) pass(const void *base, ptrdiff_t rk_area_offset)
{
	const intptr_t zero = 0;
	enum rk_result outcome = RK_DONE;
	intptr_t seen;

	(void)rk_area_offset; /* a port without sections doesn't use the parameter */
	RK_SECTION_VALUE(outcome, seen,
			 RK_ASM_EXIT_VALUE(leave, RK_ASM_NO_RSEQ),
			 RK_ASM_INDEX_CPU(RK_ASM_HERE) RKI_ASM_WHILE_EQUAL(zero) RK_ASM_COMMIT_LOAD,
			 RK_LIST(RK_IN(base), RK_IN_WORD(zero)), RK_USES_SLOT);
	(void)seen;
	return outcome == RK_DONE ? PASSAGE_DONE : outcome == RK_ABORTED ? PASSAGE_ABORTED : PASSAGE_LEFT;
}
#pragma GCC diagnostic pop

/* Executes the section, and records the thread's preemptions and its CPU after the section. */
static enum passage counted_pass(struct trial *trial)
{
	long before = doctor_preemptions();
	enum passage passage = pass(trial->words, trial->offset);

	trial->preemptions = doctor_preemptions() - before;
	if (before < 0)
		trial->lack = LACKS_COUNT;
	trial->cpu_after = doctor_cpu();
	return passage;
}

static void set(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

static bool is_set(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void change_word(struct trial *trial, intptr_t value)
{
	__atomic_store_n((intptr_t *)rk_percpu_slot(trial->words, trial->cpu), value, __ATOMIC_RELEASE);
}

static void on_tick(int number)
{
	(void)number;
	if (++ticks == TICKS)
		change_word(signalled, 1);
}

/*
 * Waits until the thread is in its section: then its area's field rseq_cs isn't 0. Returns false if the thread has already left
 * the section. A helper on another CPU waits without sleeping, so that it sees the section before another event happens.
 */
static bool wait_for_section(const struct trial *trial)
{
	const struct timespec pause = {.tv_nsec = 100000};

	while (trial->area->rseq_cs == 0 && !is_set(&trial->over))
		if (trial->event == EVENT_PREEMPTION)
			nanosleep(&pause, NULL);
	return trial->area->rseq_cs != 0;
}

static bool make_happen(const struct trial *trial)
{
	cpu_set_t there;

	switch (trial->event) {
	case EVENT_PREEMPTION:
		return doctor_cpu() == trial->cpu;
	case EVENT_MIGRATION:
		CPU_ZERO(&there);
		CPU_SET(trial->other, &there);
		return sched_setaffinity(trial->thread, sizeof(there), &there) == 0;
	case EVENT_MEMBARRIER:
		return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0;
	default:
		return false;
	}
}

static void *help(void *argument)
{
	struct trial *trial = (struct trial *)argument;
	bool placed = doctor_pin(trial->event == EVENT_PREEMPTION ? trial->cpu : trial->other);

	if (!placed)
		trial->lack = LACKS_CPU;
	set(&trial->ready);
	if (placed && wait_for_section(trial))
		trial->happened = make_happen(trial);
	if (placed && trial->event == EVENT_MIGRATION && !trial->happened && trial->area->rseq_cs != 0)
		trial->lack = LACKS_CPU;
	change_word(trial, 1);
	return NULL;
}

static enum passage pass_with_timer(struct trial *trial)
{
	const struct itimerval off = {{0, 0}, {0, 0}}, on = {{0, TICK_US}, {0, TICK_US}};
	enum passage passage;

	signalled = trial;
	ticks = 0;
	signal(SIGALRM, on_tick);
	if (setitimer(ITIMER_REAL, &on, NULL) != 0) {
		trial->lack = LACKS_TIMER;
		return PASSAGE_LEFT;
	}
	passage = counted_pass(trial);
	setitimer(ITIMER_REAL, &off, NULL);
	trial->happened = ticks > 0;
	return passage;
}

static enum passage pass_with_helper(struct trial *trial)
{
	enum passage passage;
	pthread_t helper;

	if (pthread_create(&helper, NULL, help, trial) != 0) {
		trial->lack = LACKS_THREAD;
		return PASSAGE_LEFT;
	}
	while (!is_set(&trial->ready))
		sched_yield();
	passage = counted_pass(trial);
	set(&trial->over);
	pthread_join(helper, NULL);
	return passage;
}

/* Did the event happen, and if the section was aborted, was the event the only possible cause? */
static bool is_by_event(const struct trial *trial, bool aborted)
{
	switch (trial->event) {
	case EVENT_PREEMPTION:
		return trial->cpu_after == trial->cpu && trial->preemptions > 0;
	case EVENT_MIGRATION: /* the migration itself counts as one preemption of the running thread */
		return trial->cpu_after != trial->cpu && (!aborted || trial->preemptions == 1);
	default:
		return !aborted || trial->preemptions == 0;
	}
}

/* Executes the section once in this thread, and causes the event meanwhile. Returns false if the attempt proves nothing. */
static bool attempt(struct trial *trial, enum passage *passage)
{
	if (!doctor_pin(trial->cpu)) {
		trial->lack = LACKS_CPU;
		return false;
	}
	trial->ready = trial->happened = trial->over = false;
	trial->area->rseq_cs = 0;
	change_word(trial, 0);
	*passage = trial->event == EVENT_SIGNAL ? pass_with_timer(trial) : pass_with_helper(trial);
	if (!trial->happened || *passage == PASSAGE_LEFT)
		return false;
	/* The system call succeeded, but the thread wasn't moved. A seccomp filter may have made the call return 0. */
	if (trial->event == EVENT_MIGRATION && trial->cpu_after == trial->cpu)
		trial->lack = LACKS_CPU;
	return trial->lack != LACKS_COUNT && is_by_event(trial, *passage == PASSAGE_ABORTED);
}

struct abort_probe {
	const struct rk_process_info *process;
	enum registration registration;
	enum doctor_event event;
};

static bool prepare(int out, const struct abort_probe *probe, struct trial *trial)
{
	const struct rk_percpu_options options = {.item_size = sizeof(intptr_t)};
	/* The thread pointer is computed before doctor_area() replaces the registration that the library knows. */
	const char *thread_pointer = (const char *)(uintptr_t)rk_thread_area() - rk_area_offset;
	struct rk_percpu *pool;

	trial->event = probe->event;
	trial->cpu = doctor_cpu();
	trial->other = doctor_other_cpu(trial->cpu);
	trial->thread = (pid_t)syscall(SYS_gettid);
	trial->area = doctor_area(out, probe->process, probe->registration);
	if (trial->area == NULL)
		return false;
	trial->offset = (const char *)(uintptr_t)trial->area - thread_pointer;
	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &trial->words) != 0)
		doctor_give_up(LACKS_MEMORY);
	return true;
}

static bool has_other(const struct trial *trial)
{
	if (trial->other == CPU_UNKNOWN)
		doctor_give_up(LACKS_CPU);
	return trial->other != CPU_NONE;
}

static bool is_possible(const struct trial *trial)
{
	switch (trial->event) {
	case EVENT_MIGRATION:
		return has_other(trial);
	case EVENT_MEMBARRIER:
		return has_other(trial) &&
		       syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0;
	default:
		return true;
	}
}

static int probe_abort(int out, const void *argument)
{
	struct trial trial = {.event = EVENTS};
	enum passage passage = PASSAGE_LEFT;
	int done = 0;

	if (!prepare(out, (const struct abort_probe *)argument, &trial) || !is_possible(&trial))
		return 0;
	for (int i = 0; i < TRIES && done < CERTAIN && trial.lack != LACKS_COUNT; i++) {
		if (!attempt(&trial, &passage))
			continue;
		if (passage == PASSAGE_ABORTED) {
			doctor_say(out, SAID_WORKS);
			return 0;
		}
		done++;
	}
	doctor_say(out, done == CERTAIN ? SAID_NOT : SAID_UNSURE);
	return done == CERTAIN ? LACKS_NOTHING : (int)trial.lack;
}

const char *doctor_event_name(enum doctor_event event)
{
	static const char *const names[EVENTS] = {"signal", "preemption", "migration", "membarrier"};

	return names[event];
}

void doctor_examine_aborts(struct doctor_facts *facts, enum registration registration, enum answer aborts[EVENTS])
{
	struct child_result result;

	for (int event = 0; event < EVENTS; event++) {
		struct abort_probe probe = {&facts->process, registration, (enum doctor_event)event};

		aborts[event] = ANSWER_UNKNOWN;
		/*
		 * If membarrier doesn't work, there is nothing to test. Most events need a second thread. If its creation ends the
		 * process, the finding new-thread-dies says enough.
		 */
		if ((event == EVENT_MEMBARRIER && facts->membarrier != ANSWER_YES) ||
		    (event != EVENT_SIGNAL && facts->threads_live == ANSWER_NO))
			continue;
		if (RK_HAVE_SECTIONS && doctor_probe(facts, doctor_event_name(probe.event), probe_abort, &probe, &result))
			aborts[event] = doctor_said(result.output[0]);
	}
}
