/* SPDX-License-Identifier: MIT */
/*
 * bracket.c - see bracket.h.
 *
 * The levels are in a table: a level has a row from its begin to its end. A row belongs to one thread. Only that thread
 * makes, changes and strikes out the row, and its vfork children do while the thread waits for them. So a thread's rows
 * nest as its brackets do, and a number that was drawn later belongs to a level further inside. A signal handler's brackets
 * begin and end between two instructions here, and leave the rows as they were before. The invariant: a number is in the
 * table before anything is claimed with it. It stays there until no thread or child is left that might use what it claimed
 * with that number.
 *
 * A level's process id shows which process made it. Suppose a level isn't this process's, and is inside a level that is.
 * Then a vfork child made it, and that child has ended without ending the level. After a fork this reasoning fails: a
 * process then has the levels that its parent had. Reading the process id takes a system call, which costs as much as the
 * bracket itself. So the outermost level has no process id if the thread itself made it, and nothing reads the id while
 * there is no other level.
 *
 * In a forked child the rows of threads that are elsewhere are free. The rows of its own thread are copies of the parent's.
 * Process ids no longer show which of them a killed vfork child had left. So a fork handler strikes those out before the
 * fork.
 *
 * A thread inside a bracket may be killed unnoticed, so no other thread relies on it. A thread that waits for a claim
 * inside a bracket isn't counted as a waiter, and polls (claim.c). A child that wakes a ring's reader doesn't clear the
 * mark that a reader waits (ring_wait.c). A claim can't protect words that other threads change without a claim, so the
 * cache's depot has cache_hand.c.
 *
 * A bracket may have no level: it found no row, or another copy of the library opened it. Claims inside it have the number
 * of the level around it, or the thread's. A child's claims there stay taken if the child is killed.
 */
#define _GNU_SOURCE
#include "bracket.h"

#include <stddef.h>
#include <pthread.h>
#include "area.h"
#include "number.h"
#include "os/kernel.h"

#define LEVELS 32 /* of all threads together */

static struct level {
	uint64_t thread; /* 0: a free row */
	uint64_t number; /* 0 while the row is made or struck out; stays 0 if the child that did it was killed */
	uint64_t process;
	pid_t pid; /* 0: the thread itself made the level, not a vfork child on its TLS */
	uint16_t depth;
	uint16_t further; /* levels inside this one that found no row */
} levels[LEVELS];

static uint64_t used; /* rows that were ever in use; rarely more than one or two */

static uint64_t load_word(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void strike_out(struct level *level)
{
	__atomic_store_n(&level->number, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&level->thread, 0, __ATOMIC_RELEASE);
}

static struct level *end_of_levels(void)
{
	return levels + load_word(&used);
}

static void use(uint64_t rows)
{
	uint64_t before = load_word(&used);

	while (before < rows && !__atomic_compare_exchange_n(&used, &before, rows, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
}

/*
 * Takes a row that is free, or that belongs to a thread that is elsewhere; NULL if there is none. The row must have no
 * number when it gets its new thread. A number that is removed here was read before, so it is the old thread's.
 */
static struct level *free_row(uint64_t thread)
{
	for (struct level *level = levels; level < levels + LEVELS; level++) {
		uint64_t number = load_word(&level->number), other = load_word(&level->thread);

		if (other != 0 && !rk_number_is_elsewhere(other))
			continue;
		use((uint64_t)(level - levels) + 1);
		if (number != 0)
			(void)__atomic_compare_exchange_n(&level->number, &number, 0, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
		if (__atomic_compare_exchange_n(&level->thread, &other, thread, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return level;
	}
	return NULL;
}

/*
 * Returns the innermost level of the thread, or NULL. With `own`, it skips the levels of this process that have another
 * process id: a vfork child made those. The outermost level has no id and isn't skipped. It is found only if there is no
 * other.
 */
static struct level *innermost(uint64_t thread, const struct level *own)
{
	struct level *found = NULL;

	for (struct level *level = levels; level < end_of_levels(); level++)
		if (load_word(&level->thread) == thread && load_word(&level->number) > (found != NULL ? load_word(&found->number) : 0) &&
		    (own == NULL || level->process != own->process || level->pid == 0 || level->pid == own->pid))
			found = level;
	return found;
}

/* Returns 0 if this library has no page that a fork wipes: then a forked child can't be told from its parent. */
static uint64_t process_here(void)
{
	return rk_number_is_wiped() ? rk_number_process() : 0;
}

static struct level here(void)
{
	struct level own = {.thread = rk_number_mine()};

	/* Repeats this if a handler forked in between. */
	do {
		own.process = process_here();
		own.pid = (pid_t)RK_SYSCALL(SYS_getpid);
	} while (process_here() != own.process);
	return own;
}

static struct level here_in_person(void)
{
	return (struct level){.thread = rk_number_mine(), .process = process_here(), .pid = 0};
}

static bool is_outermost(const struct level *level)
{
	return level->pid == 0;
}

static void strike_out_inside(const struct level *level)
{
	uint64_t thread = load_word(&level->thread);
	struct level *inner;

	while ((inner = innermost(thread, NULL)) != level)
		strike_out(inner);
}

void rk_bracket_begun(uint8_t depth, bool in_person)
{
	struct level own = in_person ? here_in_person() : here(), *level;

	if (depth == 1)
		rk_bracket_none();
	level = free_row(own.thread);
	if (level != NULL) {
		level->process = own.process;
		level->pid = own.pid;
		level->depth = depth;
		level->further = 0;
		__atomic_store_n(&level->number, rk_number_draw() | RK_NUMBER_BRACKET, __ATOMIC_RELEASE);
	} else {
		level = innermost(own.thread, &own);
		/*
		 * A vfork child doesn't count its level in its parent's outermost one: if the child is killed, nothing
		 * undoes that.
		 */
		if (level != NULL && !(is_outermost(level) && rk_kernel_is_vfork_child() == 1))
			level->further++;
	}
}

uint8_t rk_bracket_ends(uint8_t depth_now)
{
	struct level *level = innermost(rk_number_mine(), NULL);
	uint8_t depth = 0;

	if (level != NULL && !is_outermost(level)) {
		struct level own = here();

		level = innermost(own.thread, &own);
	}
	/* A vfork child ends a level that found no row: the outermost level isn't its own. */
	if (level != NULL && is_outermost(level) && level->depth != depth_now && rk_kernel_is_vfork_child() == 1)
		level = NULL;
	if (level != NULL && level->further > 0) {
		level->further--;
	} else if (level != NULL) {
		depth = (uint8_t)level->depth;
		strike_out_inside(level);
		strike_out(level);
	}
	return depth;
}

/* The calling thread is about to fork. Its vfork children have ended, so their levels end too. */
static void before_fork_inside(void)
{
	const struct level *level = innermost(rk_number_mine(), NULL);
	struct level own;

	if (level == NULL || is_outermost(level))
		return;
	own = here();
	level = innermost(own.thread, &own);
	/*
	 * A vfork child without a level of its own is inside its parents' levels, which stay. They also stay if the kernel
	 * doesn't say whether this is a vfork child.
	 */
	if (level != NULL && (!is_outermost(level) || rk_kernel_is_vfork_child() == 0))
		strike_out_inside(level);
}

/* Blocks signals, because the end of a handler's bracket would find the same rows. */
void rk_bracket_none(void)
{
	unsigned char before[RK_SIGSET_SIZE];
	uint64_t thread = rk_number_mine();
	bool any = false;

	for (struct level *level = levels; level < end_of_levels(); level++)
		any |= load_word(&level->thread) == thread;
	if (!any || rk_kernel_block_signals(before) < 0)
		return;
	for (struct level *level = levels; level < end_of_levels(); level++)
		if (load_word(&level->thread) == thread)
			strike_out(level);
	(void)rk_kernel_set_signals(before, NULL);
}

uint64_t rk_bracket_number(uint64_t thread)
{
	const struct level *level = innermost(thread, NULL);

	return level != NULL ? load_word(&level->number) : thread;
}

uint64_t rk_bracket_thread(uint64_t number)
{
	for (const struct level *level = levels; level < end_of_levels(); level++)
		if (load_word(&level->number) == number)
			return load_word(&level->thread);
	return 0;
}

bool rk_bracket_is_open(void)
{
	return READ(rk_state_in_use(rk_process_get())->vfork) != 0;
}

static void before_fork(void)
{
	if (rk_bracket_is_open())
		before_fork_inside();
}

__attribute__((__constructor__(RK_FIRST_OF_ALL))) static void begin_brackets(void)
{
	(void)pthread_atfork(before_fork, NULL, NULL);
}
