/* SPDX-License-Identifier: MIT */
/*
 * bracket.c - the table with the levels of brackets (rk_vfork_begin() to rk_vfork_end()); see bracket.h.
 *
 * A level has a row in the table from its beginning to its end. A row belongs to one thread. Only that thread makes, changes
 * and strikes out the row. While the thread waits for a vfork child, only the child changes the thread's rows. A thread's rows
 * therefore nest as its brackets do, and of two levels of a thread the inner one has the higher number. The brackets of a
 * signal handler begin and end between two instructions of this file, and leave the rows as they were. A claim is a word with
 * the number of its holder (holder.h). The invariant: a number is in the table before any claim is made with it. The number
 * stays in the table as long as a thread or child can use what was claimed with the number.
 *
 * A level has the id of the process that made it. Suppose that a level with another process id is inside a level with this
 * process's id. Then a vfork child made the inner level, and the child has ended without ending that level. This conclusion
 * would be wrong after a fork, because the child of the fork also has the levels that its parent had. Reading the process id
 * takes a system call, which costs as much as the bracket itself. A thread that opens its outermost level itself therefore
 * stores no process id in that level. While the thread has no other level, nothing reads the process id.
 *
 * In a forked child, the rows of threads that fork didn't copy are free. The rows of the child's own thread are copies of the
 * parent's rows. In these copies, process ids don't show which rows a killed vfork child had left. The parent's fork handler
 * therefore strikes out such rows before the fork.
 *
 * A vfork child can be killed unnoticed, so no other thread relies on a thread inside a bracket. A thread that waits for a
 * claim inside a bracket isn't counted as a waiter, and polls (claim.c). A child that wakes a ring's reader doesn't clear the
 * mark which says that a reader waits (ring_wait.c). Some words of a cache's depot, the store of free objects, are changed
 * without a claim. cache_hand.c repairs these words after a child was killed.
 *
 * A bracket has no level if the table had no free row, or if another copy of this library in the process opened it. Claims
 * inside such a bracket have the number of the next outer level. If there is no such level, they have the thread's number.
 * If a child is killed inside such a bracket, its claims stay taken.
 */
#define _GNU_SOURCE
#include "bracket.h"

#include <stddef.h>
#include <pthread.h>
#include "area.h"
#include "number.h"
#include "os/kernel.h"

#define LEVELS 32 /* rows of the table, for all threads together */

static struct level {
	uint64_t thread; /* 0: a free row */
	uint64_t number; /* 0 while the row is made or struck out; stays 0 if a child was killed meanwhile */
	uint64_t process;
	pid_t pid; /* 0: an outermost level, which the thread itself made, not a vfork child */
	uint16_t depth;
	uint16_t further; /* number of open levels inside this one that found no free row */
} levels[LEVELS];

static uint64_t used; /* number of rows that were ever in use; rarely more than one or two */

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
 * Takes a row for the thread: a free row, or one that belongs to a thread that fork didn't copy to this process. Returns NULL
 * if there is no such row. The row must have no number when it gets its new thread. An old number is therefore removed first,
 * by an exchange that expects the number read before. If another thread has taken the row meanwhile, the row has a different
 * number, which stays.
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
 * Returns the innermost level of the thread, or NULL. `own` is NULL, or has the calling process's number and id. If `own` isn't
 * NULL, this function skips levels with this number and another process id, because a vfork child made them. An outermost
 * level without a process id isn't skipped, but is returned only if no other level is found.
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

/*
 * Returns the number of this process. Returns 0 if this library has no page that the kernel wipes at a fork (number.c), because
 * then rk_number_process() gives a vfork child another number than its parent.
 */
static uint64_t process_here(void)
{
	return rk_number_is_wiped() ? rk_number_process() : 0;
}

static struct level here(void)
{
	struct level own = {.thread = rk_number_mine()};

	/* If a signal handler forks between the two reads, the child repeats both reads. */
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
		 * A vfork child doesn't count its level in its parent's outermost level. If the child were killed, nothing
		 * would undo the count.
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
	/*
	 * If the conditions below hold, a vfork child ends a level that has no row. The level that innermost() found is the
	 * parent's outermost level, which must stay.
	 */
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

/*
 * Runs before the calling thread forks. The thread's vfork children have ended, so this function ends the levels that they
 * left open.
 */
static void before_fork_inside(void)
{
	const struct level *level = innermost(rk_number_mine(), NULL);
	struct level own;

	if (level == NULL || is_outermost(level))
		return;
	own = here();
	level = innermost(own.thread, &own);
	/*
	 * If the calling thread is a vfork child without a level of its own, the level that innermost() found is the
	 * parent's, and this function ends no level. It also ends none if the kernel doesn't say whether the thread is a
	 * vfork child.
	 */
	if (level != NULL && (!is_outermost(level) || rk_kernel_is_vfork_child() == 0))
		strike_out_inside(level);
}

/* Blocks signals. Otherwise the end of a bracket in a signal handler could change the same rows at the same time. */
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
