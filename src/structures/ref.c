/* SPDX-License-Identifier: MIT */
/*
 * ref.c - reference counts: how they begin, how they end, and the shared count.
 *
 * The invariant: the number of references is the sum of all CPUs' words and of the shared count. The shared count has 2 for each
 * reference, and 1 while it is alive. Only sections change CPUs' words, and only while the gate is open. Atomic instructions
 * change the shared count at any time. Neither part means anything alone. References may be taken in one part and given back in
 * the other, which moves the two apart as far as their bits allow; both wrap.
 *
 * A count that is alive is odd, so it is never 0. The kill closes the gate and fences all CPUs. After the fence no section
 * changes a word, so reading the words CPU by CPU gives their sum. One atomic instruction then adds that sum, and takes off the
 * owner's reference and the 1. So there is no state in between: a thread that sees an even count sees all of it.
 *
 * A fork by another thread needs that, too: a child either has the sum in its count, or the words as they were. The pages of
 * both are copied at one moment. The kernel makes them read-only, and flushes the translations of all CPUs. No thread can write
 * to the pages again before all CPUs are flushed, because a fault waits for the lock that fork holds (dup_mmap()). So if a child
 * lacks what a thread did earlier, it also lacks what that thread did later.
 *
 * Memory order. A put in a section is a plain store. The kill's fence is one of memory on each CPU that it interrupts; on
 * the others a switch was one (kernel/sched/membarrier.c). A put that is in the sum lies before the fence in its thread. So all
 * that came before the put is done, and is seen after the fence. A put that came later is atomic, a release and an acquire. The
 * thread that finds the count at 0 is after the kill's atomic instruction, or executes it, and so is after all of the puts.
 *
 * The gate is in the object, because a thread that counts has the object at hand. The gate's line is only read. A fence that
 * fails kills nothing. Then the gate stays closed, all threads count in the shared count, and the object lives until another
 * kill succeeds.
 *
 * Ancestor: percpu_ref of the kernel. Why not otherwise:
 *   the gate is loaded before the section         an add after the sum: a reference lost, or one too many
 *   the shared count is a number of references    taken by a section and given back without one, they bring it to 0
 *   a large bias, taken off by the kill           enough of those bring it to 0 all the same, with 32 bits within minutes
 *   the sum first, even after it, or reversed     in between a count of 0 that is none
 *   a table of counts per thread                  needs notice of each thread's end, and of puts by another thread
 *   a try that adds, and takes back               in between it has resurrected the object for others
 */
#include <rseqkit/ref.h>
#include <rseqkit/remote.h>

#include <errno.h>
#include <stdbool.h>
#include "os/cpus.h"
#include "percpu/percpu.h"
#include "sync/pool.h"

#define ALIVE 1
#define ONE 2 /* one reference */

static struct rk_percpu *pool;
static bool has_fence; /* each rk_ref_init() tries the fence until it succeeds */

static bool is_alive(uintptr_t count)
{
	return count & ALIVE;
}

static bool counts_by_sections(void)
{
	if (!__atomic_load_n(&has_fence, __ATOMIC_RELAXED) && RK_HAVE_SECTIONS && rk_fence_all() == 0)
		__atomic_store_n(&has_fence, true, __ATOMIC_RELAXED);
	return __atomic_load_n(&has_fence, __ATOMIC_RELAXED);
}

int rk_ref_init(struct rk_ref *ref, void (*release)(struct rk_ref *ref))
{
	static const struct rk_percpu_options options = {.item_size = sizeof(intptr_t)};
	struct rk_percpu *from;
	void *words = NULL;
	int r;

	if (ref == NULL || release == NULL)
		return -EINVAL;
	r = rk_pool_get_fenced(&pool, &options, &from);
	if (r == 0 && counts_by_sections())
		r = rk_percpu_alloc_for(from, &words, __builtin_return_address(0));
	if (r < 0)
		return r;
	ref->gate = (intptr_t)words;
	ref->count = ONE + ALIVE;
	ref->release = release;
	ref->words = words;
	return 0;
}

/* Tries to add 1 or -1 by a section. */
static enum rk_result add_again(struct rk_ref *ref, intptr_t value, enum rk_result outcome)
{
	for (int i = 0; i < RK_ABORTS_MAX && outcome == RK_ABORTED; i++)
		outcome = rk_gate_add(&ref->gate, 0, value);
	return outcome;
}

void rki_ref_get_slow(struct rk_ref *ref, enum rk_result outcome)
{
	if (add_again(ref, 1, outcome) != RK_DONE)
		__atomic_fetch_add(&ref->count, ONE, __ATOMIC_RELAXED);
}

void rki_ref_put_slow(struct rk_ref *ref, enum rk_result outcome)
{
	if (add_again(ref, -1, outcome) != RK_DONE && __atomic_sub_fetch(&ref->count, ONE, __ATOMIC_ACQ_REL) == 0)
		ref->release(ref);
}

int rki_ref_get_try_slow(struct rk_ref *ref, enum rk_result outcome, int live)
{
	uintptr_t count = __atomic_load_n(&ref->count, __ATOMIC_RELAXED);

	if (add_again(ref, 1, outcome) == RK_DONE)
		return 0;
	do
		if (!is_alive(count) && (live || count == 0))
			return -ENOENT;
	while (!__atomic_compare_exchange_n(&ref->count, &count, count + ONE, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return 0;
}

static uintptr_t sum_of(const void *words)
{
	uintptr_t sum = 0;

	/* Includes the gaps between CPU numbers: the list of CPUs may be wrong, and references there count. */
	for (int cpu = 0; words != NULL && cpu <= rk_cpus_get()->highest; cpu++)
		sum += __atomic_load_n((uintptr_t *)rk_percpu_slot(words, cpu), __ATOMIC_ACQUIRE);
	return sum;
}

/* Called after the fence. Once the owner's reference is taken off, other threads may release the object. */
static void finish(struct rk_ref *ref, const void *caller)
{
	void *words = ref->words;

	if (__atomic_add_fetch(&ref->count, ONE * sum_of(words) - ONE - ALIVE, __ATOMIC_ACQ_REL) == 0)
		ref->release(ref);
	/* In debug mode other code may have damaged this memory. rk_percpu_check() reports that; the memory isn't used again. */
	(void)rk_percpu_free_for(__atomic_load_n(&pool, __ATOMIC_ACQUIRE), words, caller);
}

static int kill_all(struct rk_ref *const *refs, size_t count, const void *caller)
{
	bool has_words = false;
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		if (refs[i] == NULL)
			return -EINVAL;
		if (!is_alive(__atomic_load_n(&refs[i]->count, __ATOMIC_RELAXED)))
			return -EALREADY;
		has_words |= refs[i]->words != NULL;
	}
	for (size_t i = 0; i < count; i++)
		__atomic_store_n(&refs[i]->gate, 0, __ATOMIC_SEQ_CST);
	if (has_words)
		r = rk_fence_all();
	for (size_t i = 0; i < count && r == 0; i++)
		finish(refs[i], caller);
	return r;
}

int rk_ref_kill(struct rk_ref *ref)
{
	return kill_all(&ref, 1, __builtin_return_address(0));
}

int rk_ref_kill_all(struct rk_ref *const *refs, size_t count)
{
	return refs == NULL ? -EINVAL : kill_all(refs, count, __builtin_return_address(0));
}
