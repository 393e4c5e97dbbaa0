/* SPDX-License-Identifier: MIT */
/*
 * percpu.c - allocates and frees per-CPU items in pools (rseqkit/percpu.h). An item has a slot for each CPU. A pool consists of
 * ranges: mappings, each with room for many items (percpu_range.c).
 *
 * There is no lock. The invariant: data that threads share changes by one atomic instruction at a time, and every state in
 * between is valid. A thread can therefore be killed or cancelled at any instruction of this file. A child can be forked at any
 * instruction, even by a signal handler, and even by a fork that runs no fork handlers. In all these cases only the item or
 * range that was being created or freed is lost. No thread ever waits.
 *
 *   taken   used         the item
 *     0      0           may be handed out
 *     1      0           is in transit: a thread allocates or frees it; or debug mode has found a write to the free item
 *     1      1           is handed out
 *
 * Each range has two sets of bits, `taken` and `used`, with the meaning above. A third set, `written`, has the items that
 * were handed out before, whose contents have to be reset. Until an item is handed out, only the thread that set its bit in
 * `taken` accesses the item. Only the thread that cleared its bit in `used` frees the item. If two threads free an item at the
 * same time, one of them gets an error. A range is complete before a compare-and-swap puts it into the table. If the
 * compare-and-swap fails, the thread unmaps its own range. The counts of vacant items are only hints, and so are `first` and
 * `hint`, where a search begins.
 *
 * Why no lock:
 *   a lock that fork handlers hold        _Fork(), clone() and forks in vfork children run no handlers; a fork in a signal
 *                                         handler would have to know whether the interrupted code has the lock
 *   the same, with signals blocked        two system calls for each item, and _Fork() still copies a taken lock
 *   a lock that names its owner's process the data that the lock guards can be half done in the child
 *   a robust mutex                        the kernel releases it when its owner ends; in a child there is no owner that could end
 */
#define _GNU_SOURCE
#include <rseqkit/percpu.h>
#include <rseqkit/remote.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "os/answer.h"
#include "os/kernel.h"
#include "percpu.h"
#include "percpu_tell.h"
#include "os/choice.h"
#include "thread/process.h"

#define ALIGNMENT_MAX 4096
#define MANY_PAGES 4 /* if an item has this many pages, madvise() is faster than comparing their contents */
#define TRIES_MAX 100 /* attempts to find a free item while there is no memory for another range */
#define FLAGS (RK_PERCPU_DEBUG | RK_PERCPU_CLOSABLE | RK_PERCPU_EMPTY_IN_CHILDREN)

static size_t round_up(size_t size, size_t alignment)
{
	return (size + alignment - 1) & ~(alignment - 1);
}

/* The first block of the table of ranges is after the pool, so the pool and its first ranges are in one page. */
static size_t first_block_at(const struct rk_percpu *pool)
{
	return round_up(sizeof(*pool) + (pool->has_initial ? pool->item_size : 0), sizeof(struct rk_range_entry));
}

static size_t pool_size(const struct rk_percpu *pool)
{
	return first_block_at(pool) + FIRST_BLOCK * sizeof(struct rk_range_entry);
}

/* Calculates a pool's sizes from its options. Returns NULL, or a text that says which option is wrong. */
static const char *lay_out_pool(struct rk_percpu *pool, const struct rk_percpu_options *o)
{
	size_t alignment = o->alignment ? o->alignment : 8;

	if (o->item_size == 0 || o->item_size > RK_PERCPU_ITEM_MAX)
		return "item_size is 0 or above RK_PERCPU_ITEM_MAX";
	if ((alignment & (alignment - 1)) != 0 || alignment > ALIGNMENT_MAX)
		return "alignment is no power of two, or above 4096";
	if ((o->flags & ~(unsigned)FLAGS) != 0)
		return "flags has a bit that isn't known";
	if ((o->flags & RK_PERCPU_EMPTY_IN_CHILDREN) && (o->initial != NULL || (o->flags & RK_PERCPU_CLOSABLE)))
		return "RK_PERCPU_EMPTY_IN_CHILDREN goes neither with initial nor with RK_PERCPU_CLOSABLE";
	pool->item_size = o->item_size;
	pool->has_initial = o->initial != NULL;
	pool->flags = o->flags | (rk_debug_chosen() ? RK_PERCPU_DEBUG : 0);
	if (o->flags & RK_PERCPU_CLOSABLE) {
		alignment = alignment < sizeof(intptr_t) ? sizeof(intptr_t) : alignment;
		pool->bank_offset = round_up(sizeof(struct rk_bank_slot), alignment);
		pool->bank_size = round_up(o->item_size, alignment);
		pool->slot_size = pool->bank_offset + 2 * pool->bank_size;
	} else {
		pool->is_large = o->item_size > RK_STRIDE;
		pool->slot_size = pool->is_large ? sizeof(void *) : o->item_size;
		alignment = pool->is_large && alignment < sizeof(void *) ? sizeof(void *) : alignment;
	}
	if (pool->slot_size > RK_STRIDE)
		return "item_size is too large for RK_PERCPU_CLOSABLE, which takes two banks";
	/* AddressSanitizer has one byte of its own for eight bytes of memory. Two items must not share this byte. */
	if (rk_tell() && alignment < 8)
		alignment = 8;
	if ((pool->flags & RK_PERCPU_DEBUG) && pool->slot_size + GUARD_SIZE <= RK_STRIDE)
		pool->guard_size = GUARD_SIZE;
	pool->spacing = round_up(pool->slot_size + pool->guard_size, alignment);
	pool->per_range = RK_STRIDE / pool->spacing;
	pool->head = rk_range_head(pool);
	return NULL;
}

const char *rk_percpu_options_fault(const struct rk_percpu_options *given, size_t size)
{
	struct rk_percpu_options options;
	struct rk_percpu layout = {0};
	int r = rk_question(&options, sizeof(options), given, size);

	return r < 0 ? rk_error_text(r) : lay_out_pool(&layout, &options);
}

int rk_percpu_create(struct rk_percpu **out, const struct rk_percpu_options *given, size_t size)
{
	struct rk_percpu_options options;
	struct rk_percpu layout = {0}, *pool;
	int r;

	if (out == NULL)
		return -EINVAL;
	*out = NULL;
	r = rk_question(&options, sizeof(options), given, size);
	if (r < 0)
		return r;
	if (lay_out_pool(&layout, &options) != NULL)
		return -EINVAL;
	/*
	 * Decide where the threads' areas (struct rseq) are, because operations on items can be used before this library's
	 * constructor has run.
	 */
	(void)rk_process_get();
	pool = rk_map(pool_size(&layout));
	if (pool == NULL)
		return -ENOMEM;
	*pool = layout;
	pool->blocks[0] = (struct rk_range_entry *)(void *)((char *)pool + first_block_at(pool));
	if (pool->has_initial)
		memcpy(pool->initial, options.initial, pool->item_size);
	if (pool->flags & RK_PERCPU_DEBUG) {
		if (pool->flags & RK_PERCPU_EMPTY_IN_CHILDREN)
			pool->made_by = RK_SYSCALL(SYS_getpid);
		rk_debug_pool_enter(pool);
	}
	/*
	 * rk_fence_prepare() registers the process for membarrier(2), which takes no time as long as there is one thread.
	 * Otherwise the first fence would register the process, and could wait until all CPUs have noticed it.
	 */
	if (pool->flags & RK_PERCPU_CLOSABLE)
		(void)rk_fence_prepare();
	*out = pool;
	return 0;
}

#define SHARED_MAX 4096 /* bytes of the largest item in a shared range */

void rk_percpu_share(struct rk_percpu *pool)
{
	pool->may_share = pool->spacing <= SHARED_MAX && pool->flags == 0 && !pool->has_initial && !pool->is_large;
}

static bool has_used_items(const struct rk_percpu *pool)
{
	size_t number = 0;

	FOR_EACH_RANGE(pool, number, entry) {
		struct range *range = rk_range_of(pool, entry);

		for (size_t word = 0; word < rk_words_per_set(range->items); word++)
			if (__atomic_load_n(rk_word_of_set(rk_set_used(range), word), __ATOMIC_ACQUIRE) != 0)
				return true;
	}
	return false;
}

int rk_percpu_destroy(struct rk_percpu *pool)
{
	if (pool == NULL)
		return 0;
	if (has_used_items(pool))
		return -EBUSY;
	if (pool->flags & RK_PERCPU_DEBUG)
		rk_debug_pool_leave(pool);
	rk_ranges_free(pool);
	rk_unmap(pool, pool_size(pool));
	return 0;
}

/* Returns whether an item has MANY_PAGES or more pages of its own that get their initial contents again by MADV_DONTNEED. */
static bool has_pages(const struct rk_percpu *pool, const struct range *range)
{
	size_t page = rk_page_size();

	return pool->spacing % page == 0 && pool->spacing >= MANY_PAGES * page &&
	       (!pool->has_initial || range->templates > 0);
}

/* Gives a used item its initial contents. Compares first, so that slots that never changed aren't written to. */
static void reset(const struct rk_percpu *pool, const struct range *range, char *item)
{
	bool drop = has_pages(pool, range);
	int saved = errno;

	FOR_EACH_INDEX(range, i) {
		char *slot = rk_percpu_slot(item, i);

		if (drop && madvise(slot, pool->spacing, MADV_DONTNEED) == 0)
			continue;
		if (!rk_slot_is_fresh(pool, slot))
			rk_slot_reset(pool, slot);
	}
	errno = saved;
}

/* Takes one of the range's items whose bit in `taken` isn't set. Returns false if there is no such item. */
static bool take_item(struct rk_percpu *pool, struct place *place)
{
	struct range *range = place->range;
	unsigned long *set = rk_set_taken(range);
	size_t words = rk_words_per_set(range->items), first = __atomic_load_n(&range->first, __ATOMIC_RELAXED);

	for (size_t i = 0; i < words; i++) {
		size_t word = first + i < words ? first + i : first + i - words;
		unsigned long *at = rk_word_of_set(set, word), taken = __atomic_load_n(at, __ATOMIC_RELAXED);

		for (; ~taken != 0; taken = __atomic_load_n(at, __ATOMIC_RELAXED)) {
			place->number = word * BITS + (size_t)__builtin_ctzl(~taken);
			if (rk_set_bit(set, place->number))
				continue; /* another thread was faster */
			__atomic_fetch_sub(&place->entry->vacant, 1, __ATOMIC_RELAXED);
			__atomic_fetch_sub(&pool->vacant, 1, __ATOMIC_RELAXED);
			if (word != first)
				__atomic_store_n(&range->first, word, __ATOMIC_RELAXED);
			return true;
		}
	}
	return false;
}

static void give_item_back(struct rk_percpu *pool, const struct place *place)
{
	struct range *range = place->range;

	if (place->number / BITS < __atomic_load_n(&range->first, __ATOMIC_RELAXED))
		__atomic_store_n(&range->first, place->number / BITS, __ATOMIC_RELAXED);
	__atomic_store_n(&pool->hint, place->range_number, __ATOMIC_RELAXED);
	__atomic_fetch_add(&pool->vacant, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&place->entry->vacant, 1, __ATOMIC_RELAXED);
	(void)rk_clear_bit(rk_set_taken(range), place->number);
}

/* Adds a range with this number, unless another thread has added one meanwhile. Returns false if there is no memory. */
static bool extend(struct rk_percpu *pool, size_t number)
{
	struct range *range = rk_range_new(pool);
	int r = range == NULL ? -ENOMEM : rk_range_publish(pool, number, range);

	if (r != 0 && range != NULL)
		rk_range_free(pool, range);
	return r != -ENOMEM || rk_range_entry(pool, number) != NULL;
}

/* Takes an item of the ranges from number place->range_number up to, but not including, `end`. Returns false if it finds none. */
static bool take_between(struct rk_percpu *pool, struct place *place, size_t end)
{
	FOR_EACH_RANGE(pool, place->range_number, entry) {
		if (place->range_number >= end)
			break;
		if (__atomic_load_n(&entry->vacant, __ATOMIC_RELAXED) == 0)
			continue;
		place->entry = entry;
		place->range = rk_range_of(pool, entry);
		if (take_item(pool, place)) {
			__atomic_store_n(&pool->hint, place->range_number, __ATOMIC_RELAXED);
			return true;
		}
	}
	return false;
}

/* Takes an item of any range, and adds ranges if necessary. Returns false if there is no memory. */
static bool take_anywhere(struct rk_percpu *pool, struct place *place)
{
	for (int tries = 1;; tries++) {
		size_t hint = __atomic_load_n(&pool->hint, __ATOMIC_RELAXED), after;

		place->range_number = hint;
		if (__atomic_load_n(&pool->vacant, __ATOMIC_RELAXED) > 0) {
			if (take_between(pool, place, SIZE_MAX))
				return true;
			after = place->range_number;
			place->range_number = 0;
			if (take_between(pool, place, hint))
				return true;
			place->range_number = after;
		}
		while (rk_range_entry(pool, place->range_number) != NULL)
			place->range_number++;
		__atomic_store_n(&pool->hint, place->range_number, __ATOMIC_RELAXED);
		/* Try again: another thread may have taken items only for rk_percpu_trim(), and soon releases these items. */
		if (!extend(pool, place->range_number) &&
		    (tries == TRIES_MAX || __atomic_load_n(&pool->vacant, __ATOMIC_RELAXED) == 0))
			return false;
	}
}

/* Tells AddressSanitizer and valgrind whether the slots of an item may be used. */
static void tell_sanitizer(const struct rk_percpu *pool, const struct place *place, bool usable)
{
	if (!rk_tell())
		return;
	FOR_EACH_INDEX(place->range, i)
		(usable ? rk_tell_usable : rk_tell_unusable)(rk_percpu_slot(rk_item_at(pool, place), i), pool->slot_size);
}

static int prepare_item(const struct rk_percpu *pool, const struct place *place, const void *caller)
{
	char *item = rk_item_at(pool, place);

	if (rk_set_bit(rk_set_written(place->range), place->number)) {
		if ((pool->flags & RK_PERCPU_DEBUG) && !rk_item_is_poisoned(pool, place)) {
			__atomic_store_n(&rk_item_callers(place)[2], caller, __ATOMIC_RELEASE);
			return -EUCLEAN;
		}
		tell_sanitizer(pool, place, true);
		reset(pool, place->range, item);
	} else if (pool->has_initial && !pool->is_large && place->range->templates == 0) {
		tell_sanitizer(pool, place, true);
		reset(pool, place->range, item);
	}
	tell_sanitizer(pool, place, true);
	if (pool->flags & RK_PERCPU_DEBUG) {
		rk_item_guard(pool, place);
		__atomic_store_n(&rk_item_callers(place)[0], caller, __ATOMIC_RELAXED);
	}
	return pool->is_large && !rk_large_new(pool, place->range, item) ? -ENOMEM : 0;
}

int rk_percpu_alloc_for(struct rk_percpu *pool, void **item, const void *caller)
{
	struct place place;
	int r;

	if (pool == NULL || item == NULL)
		return -EINVAL;
	*item = NULL;
	if (!take_anywhere(pool, &place))
		return -ENOMEM;
	r = prepare_item(pool, &place, caller);
	if (r == 0) {
		*item = rk_item_at(pool, &place);
		(void)rk_set_bit(rk_set_used(place.range), place.number);
	} else if (r == -ENOMEM) {
		if (pool->flags & RK_PERCPU_DEBUG)
			rk_item_poison(pool, &place);
		tell_sanitizer(pool, &place, false);
		give_item_back(pool, &place);
	}
	return r;
}

int rk_percpu_alloc(struct rk_percpu *pool, void **item)
{
	return rk_percpu_alloc_for(pool, item, __builtin_return_address(0));
}

int rk_percpu_reserve(size_t size, size_t most, void **item)
{
	const struct rk_percpu_options options = {.item_size = size, .alignment = 64};
	struct rk_percpu *pool;
	int r = rk_percpu_create(&pool, &options, sizeof(options));

	if (r < 0)
		return r;
	pool->most = most;
	r = rk_percpu_alloc(pool, item);
	if (r < 0)
		(void)rk_percpu_destroy(pool);
	return r;
}

int rk_percpu_free_for(struct rk_percpu *pool, void *item, const void *caller)
{
	bool debug = pool != NULL && (pool->flags & RK_PERCPU_DEBUG);
	struct place place;

	if (item == NULL)
		return 0;
	if (pool == NULL || !rk_item_find(pool, item, &place))
		return -EINVAL;
	if (debug && rk_bit(rk_set_used(place.range), place.number) && !rk_item_is_guarded(pool, &place))
		return -EUCLEAN;
	if (!rk_clear_bit(rk_set_used(place.range), place.number))
		return -EINVAL;
	if (pool->is_large)
		rk_large_free(pool, place.range, item);
	if (debug) {
		__atomic_store_n(&rk_item_callers(&place)[1], caller, __ATOMIC_RELAXED);
		rk_item_poison(pool, &place);
	}
	tell_sanitizer(pool, &place, false);
	give_item_back(pool, &place);
	return 0;
}

int rk_percpu_free(struct rk_percpu *pool, void *item)
{
	return rk_percpu_free_for(pool, item, __builtin_return_address(0));
}
