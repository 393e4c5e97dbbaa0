/* SPDX-License-Identifier: MIT */
/*
 * ref.c - reference counts with a word for each CPU (rseqkit/ref.h): creation, slow paths, and rk_ref_kill(), which ends the
 * counting by CPU.
 *
 * The counted object has a struct rk_ref with a gate and a shared count, which all CPUs share. The gate (rseqkit/gate.h)
 * says whether sections count in the words of CPUs. The invariant: the number of references is the sum of all CPUs' words,
 * plus the references in the shared count. The shared count has 2 for each reference, and 1 more while the object is alive.
 * Only sections change CPUs' words, and only while the gate is open. Atomic instructions change the shared count at any
 * time. Neither part means anything alone: a thread can count a new reference in one part, and subtract it later from the other
 * part. One part can therefore grow without a limit while the other part shrinks. Both parts wrap.
 *
 * While the object is alive, the shared count is odd, so it is never 0. rk_ref_kill() closes the gate and fences all CPUs.
 * After the fence no section changes a word, so reading the words CPU by CPU gives their sum. One atomic instruction then adds
 * this sum to the shared count, and subtracts the owner's reference and the 1 of the living object. If a thread sees an even
 * shared count, this count therefore has all references.
 *
 * The single instruction also matters if another thread forks meanwhile. Either the child's shared count has the sum, or the
 * child has the count and the words as they were before. The pages of the count and of the words are copied as of one moment.
 * The kernel makes these pages read-only, and flushes the address translations on all CPUs. No thread can write to the pages
 * again before this flush has ended, because a page fault waits for the lock that fork holds (dup_mmap()). If a child lacks a
 * store of a thread, it also lacks the later stores of that thread.
 *
 * Memory order. A rk_ref_put() in a section is a plain store. The kill's fence is a memory fence on each CPU that it
 * interrupts. On the other CPUs, a thread switch was a memory fence (kernel/sched/membarrier.c). If the sum includes a put, the
 * thread made this put before the fence. All that the thread did before this put is therefore done, and is visible after the
 * fence. A put after the fence is an atomic instruction, with release and acquire. The thread that brings the count to 0 does
 * so by the kill's atomic instruction, or after that instruction. This thread therefore comes after all puts.
 *
 * The gate is in the object, because a thread that takes a reference has the object's address. Until the kill, the gate's cache
 * line is only read. If the fence fails, the object isn't killed: the gate stays closed, all threads count in the shared count,
 * and the object stays alive until another kill succeeds.
 *
 * The model for this is percpu_ref of the kernel. Rejected designs:
 *   the gate is loaded before the section       a late add can miss the sum: a reference is lost, or one too many is counted
 *   the shared count has no 1 for "alive"       it becomes 0 if sections take references and atomic instructions put them
 *   a large bias, which the kill subtracts      enough puts of such references bring the count to 0, too: with 32 bits within
 *                                               minutes
 *   the sum is added, and the 1 subtracted,     in between the count can be 0 although there are references
 *   by two instructions
 *   a table with a count for each thread        the library would have to see the end of each thread, and puts by other threads
 *   rk_ref_get_try() adds, and subtracts again  in between other threads find the released object alive
 *   if the object was released
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

static struct rk_percpu *ref_pool;
static bool has_fence; /* a fence has succeeded; until then each rk_ref_init() tries one */

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
	r = rk_pool_get_fenced(&ref_pool, &options, &from);
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
		outcome = rki_ref_add(&ref->gate, value);
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

	/*
	 * The loop includes the gaps between CPU numbers: the list of CPUs can be wrong, and references that were counted in a
	 * gap must be in the sum.
	 */
	for (int cpu = 0; words != NULL && cpu <= rk_cpus_get()->highest; cpu++)
		sum += __atomic_load_n((uintptr_t *)rk_percpu_slot(words, cpu), __ATOMIC_ACQUIRE);
	return sum;
}

/*
 * Adds the words to the shared count, after the gate was closed and all CPUs were fenced. Once the owner's reference is
 * subtracted, other threads can release the object.
 */
static void finish(struct rk_ref *ref, const void *caller)
{
	void *words = ref->words;

	if (__atomic_add_fetch(&ref->count, ONE * sum_of(words) - ONE - ALIVE, __ATOMIC_ACQ_REL) == 0)
		ref->release(ref);
	/*
	 * In debug mode this fails if other code damaged the memory. Then rk_percpu_check() reports the damage, and the memory
	 * isn't used again.
	 */
	(void)rk_percpu_free_for(__atomic_load_n(&ref_pool, __ATOMIC_ACQUIRE), words, caller);
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
