/* SPDX-License-Identifier: MIT */
/*
 * bracket.c - see bracket.h.
 *
 * A table: a level has a row, from its begin to its end. Only the thread that it belongs to makes, changes and strikes out a
 * row; and its vfork children, while it waits for them. So a thread's rows are as its brackets nest, and numbers that are
 * drawn later are further inside. A signal handler's brackets come and go between two instructions here, and leave what was
 * there before. The invariant: a number is in the table before anything is claimed with it, and until nobody is left who
 * might use what he claimed.
 *
 * Who has made a level is told by its process id: a level that isn't this process's, inside one that is, was made by a vfork
 * child that has ended without ending it. Not behind a fork: there a process has the levels that its parent had. The id
 * takes a system call, as long as what a bracket is for. So the outermost level has none where the thread itself made it,
 * and nobody asks while there is no other.
 *
 * In a forked child the rows of threads that it hasn't got are free. Its own rows are its parent's, and process ids don't
 * tell any more which of them a killed child had left. So a handler of fork strikes those out before.
 *
 * Where a thread may be killed unnoticed, nobody relies on it. Who waits for a claim inside a bracket isn't counted as a
 * waiter and polls (claim.c). A child that wakes a ring's reader leaves the mark that somebody waits (ring_wait.c). A claim
 * isn't enough for words that others change without one: the cache's depot has cache_hand.c.
 *
 * A bracket that finds no row, or that another copy of the library opened, has the number that is outside it: what a child
 * claims there stays taken if the child is killed.
 */
#define _GNU_SOURCE
#include "bracket.h"

#include <stddef.h>
#include <pthread.h>
#include "area.h"
#include "number.h"
#include "os/kernel.h"

#define LEVELS 32 /* of all threads at a time */

static struct level {
	uint64_t thread; /* 0: a free row */
	uint64_t number; /* 0 while it is made or struck out, and may be then for good: who did it was killed */
	uint64_t process;
	pid_t pid; /* 0: made by the thread itself, not by a vfork child on its TLS */
	uint16_t depth;
	uint16_t further; /* levels inside it that found no row */
} levels[LEVELS];

static uint64_t used; /* rows that ever were; rarely more than one or two */

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

/* A row is its new thread's without a number. One that was there is of a thread that is elsewhere: it was read before. */
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
 * Among levels of the thread; with a process, among those that are its own, or may be: the outermost one is the thread's, and
 * found where no other is. NULL if there is none.
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

/* Without pages that a fork wipes it isn't known who was forked. */
static uint64_t process_here(void)
{
	return rk_number_is_wiped() ? rk_number_process() : 0;
}

static struct level here(void)
{
	struct level own = {.thread = rk_number_mine()};

	/* Until no handler has forked in between. */
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
		/* A vfork child that is killed leaves none that somebody counts on. */
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
	/* A vfork child's that found no row: the outermost isn't its own. */
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

/* The calling thread is about to fork: its vfork children, with their levels, have ended. */
static void before_fork_inside(void)
{
	const struct level *level = innermost(rk_number_mine(), NULL);
	struct level own;

	if (level == NULL || is_outermost(level))
		return;
	own = here();
	level = innermost(own.thread, &own);
	/* A vfork child without a level of its own is inside its parents', which go on. Nor if nobody knows whether it is one. */
	if (level != NULL && (!is_outermost(level) || rk_kernel_is_vfork_child() == 0))
		strike_out_inside(level);
}

/* The end of a handler's bracket would find the same rows. */
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
