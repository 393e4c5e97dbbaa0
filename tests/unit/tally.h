/* SPDX-License-Identifier: MIT */
/*
 * tally.h - words in per-CPU memory, operations on them, and a thread's own count of what the thread has done (its tally). A
 * slot is one CPU's copy of these words.
 *
 * The invariant: a tally counts an operation only if it returned RK_DONE. The sum of a word over its slots therefore equals the
 * sum over the tallies. The words `swapped` hold a number and its complement, so a torn load, or a store of any other value,
 * shows at once.
 */
#ifndef TALLY_H
#define TALLY_H

#include "test.h"
#include "by_index.h"
#include "expect.h"
#include <rseqkit/ops_at.h>

#define HALF (4 * sizeof(intptr_t)) /* bits in half a word */
#define LOW (UINTPTR_MAX >> HALF)

/* Returns a number and its complement, each in half a word. */
static intptr_t paired(uintptr_t number)
{
	return (intptr_t)(number << HALF | (~number & LOW));
}

static uintptr_t number_of(intptr_t pair)
{
	return (uintptr_t)pair >> HALF;
}

/* An item of the pool: an `added` and a `swapped` word for each kind of index. */
struct words {
	intptr_t added[INDICES], swapped[INDICES];
};

static const struct words new_words = {.swapped = {(intptr_t)LOW, (intptr_t)LOW, (intptr_t)LOW}};

/* A thread's or its handler's own count of its operations. The counts are unsigned, because numbers wrap. */
struct tally {
	uint64_t added[INDICES], swapped[INDICES], counted, taken;
	uint64_t adds[INDICES], aborted, unequal, elsewhere, refused;
	uint64_t popped, stacked, stacked_sum, unstacked, taken_at_once, logged, through; /* used by compound.h */
	uint64_t handlers, closed;
};

#ifdef BANKS_H
#define LAST_RESULT RK_CLOSED
#else
#define LAST_RESULT RK_NO_RSEQ
#endif

static struct words *shared;
static struct rk_counter *counter;

static void tally_result(struct tally *t, enum rk_result result)
{
	EXPECT(result >= RK_DONE && result <= LAST_RESULT);
	t->aborted += result == RK_ABORTED;
	t->unequal += result == RK_UNEQUAL;
	t->elsewhere += result == RK_WRONG_CPU;
	t->refused += result == RK_NO_RSEQ;
	t->closed += result == RK_CLOSED;
}

/*
 * Increments a word by compare-and-store. The loaded value can be the value of another CPU's word, or older than a handler's
 * increment. If this CPU's word has another value at the store, the store fails.
 */
static void increment(struct tally *t, enum index index, int cpu)
{
	intptr_t found, seen = 0, *word = &shared->swapped[index];
	enum rk_result result = BY_INDEX(index, cpu, load, word, &seen);

	tally_result(t, result);
	if (result != RK_DONE) {
		EXPECT(seen == 0);
		return;
	}
	EXPECT(seen == paired(number_of(seen)));
	found = seen;
	if (number_of(seen) % 2 == 0) {
		result = BY_INDEX(index, cpu, store_if_equal, word, seen, paired(number_of(seen) + 1));
	} else {
		result = BY_INDEX(index, cpu, compare_exchange, word, &found, paired(number_of(seen) + 1));
		EXPECT((found == seen) == (result != RK_UNEQUAL) && found == paired(number_of(found)));
	}
	tally_result(t, result);
	t->swapped[index] += result == RK_DONE;
}

/* Does one operation of each kind, by a random kind of index. Handlers call this function too. */
static void operate(struct tally *t, uint64_t *random)
{
	enum index index = (enum index)(draw(random) % INDICES);
	int cpu = draw(random) % 8 == 0 ? any_cpu(random) : rk_cpu();
	intptr_t value = (intptr_t)draw(random);
	enum rk_result result = BY_INDEX(index, cpu, add, &shared->added[index], value);

	tally_result(t, result);
	t->added[index] += result == RK_DONE ? (uint64_t)value : 0;
	t->adds[index] += result == RK_DONE;
	EXPECT(rk_at_add(&shared->added[BY_AT], value, -1) == RK_WRONG_CPU || !RK_HAVE_SECTIONS);
	increment(t, index, cpu);
	rk_counter_add(counter, value);
	t->counted += (uint64_t)value;
}

static void fold(struct tally *into, const struct tally *from)
{
	uint64_t *to = (uint64_t *)into;
	const uint64_t *what = (const uint64_t *)from;

	for (size_t i = 0; i < sizeof(*into) / sizeof(*to); i++)
		__atomic_fetch_add(&to[i], what[i], __ATOMIC_RELAXED);
}

static uint64_t sum_of(const intptr_t *word, bool paired_words)
{
	uint64_t sum = 0;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		intptr_t value = *(const volatile intptr_t *)rk_percpu_slot(word, cpu);

		sum += paired_words ? number_of(value) : (uint64_t)value;
	}
	return sum;
}

#endif /* TALLY_H */
