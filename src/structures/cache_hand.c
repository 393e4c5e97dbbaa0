/* SPDX-License-Identifier: MIT */
/*
 * cache_hand.c - operations on a cache's depot (cache_depot.h) inside a bracket (rk_vfork_begin()), where the vfork child can
 * be killed at each instruction. The depot keeps objects in magazines, which are in stacks (cache_stack.h).
 *
 * One magazine is in hand: it stays out of the stacks from one operation to the next. A store of the magazine's count moves
 * objects: before this store the objects belong to the side that gives them, and after the store to the other side. During
 * an operation the thread holds the hand's claim, which is free when the bracket has ended (claim.h). The thread changes
 * none of the depot's counts: after a kill, another thread couldn't find out whether the change was made. Instead, `base` is
 * the part of the magazine's count that the depot's counts include. The correct counts follow from `base` and the magazine's
 * present count. A thread outside of brackets updates the depot's counts (rk_hand_settle()).
 *
 * One change of a word (cache_stack.h) moves a magazine into the hand or out of it. After a kill, another thread couldn't find
 * out whether this change was made, so the thread first stores the word's new value in `intent`. A word never has the same
 * value twice, and the value in `intent` has BY_HAND set. If the word has the value in `intent`, the change was made. Before
 * another thread changes a word with BY_HAND, that thread stores DONE in `intent`. The invariant: if the change was made, the
 * word equals `intent`, or `intent` is DONE.
 */
#include "cache_stack.h"

#include <string.h>
#include "sync/claim.h"
#include "thread/bracket.h"

#define PATIENCE 10000000 /* ns that an operation waits for another thread's vfork child */

enum step {
	STILL = 0,  /* `magazine` is in hand, unless it is 0 */
	TAKING, /* `magazine` is in hand if the change was made */
	GIVING  /* if the change was made, `magazine` isn't in hand any more and `owed_next` is the new `owed` */
};

/* Stores a value in a word of the hand. A thread that recovers after a kill sees such stores in the order of the program. */
static void put_down(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void put_down_intent(struct depot_hand *hand, uint64_t intent)
{
	__atomic_store_n(&hand->intent, intent, __ATOMIC_RELEASE);
}

/*
 * The caller holds the claim. Changes one of the depot's words from `old` to a value that names magazine `number`.
 * Returns false if another thread has changed the word.
 */
static bool change(struct depot *depot, uint64_t *word, uint64_t old, uint64_t number)
{
	uint64_t next = changed(old, number) | BY_HAND;

	acknowledge(depot, old);
	put_down_intent(&depot->hand, next);
	if (!__atomic_compare_exchange_n(word, &old, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	put_down_intent(&depot->hand, DONE);
	return true;
}

/* Returns whether the change to the value in `intent` was made. */
static bool was_made(struct depot *depot)
{
	uint64_t intent = __atomic_load_n(&depot->hand.intent, __ATOMIC_ACQUIRE);
	uint64_t kind = intent >> KIND_AT;
	const uint64_t *word = &depot->fresh;

	if (kind < DEPOT_STACKS * DEPOT_PARTS)
		word = &depot->parts[kind / DEPOT_STACKS].stacks[kind % DEPOT_STACKS];
	if (intent == 0 || intent == DONE || __atomic_load_n(word, __ATOMIC_ACQUIRE) == intent)
		return intent != 0;
	return __atomic_load_n(&depot->hand.intent, __ATOMIC_ACQUIRE) == DONE;
}

static void taken(struct depot *depot, bool made)
{
	struct depot_hand *hand = &depot->hand;

	if (made)
		put_down(&hand->base, magazine_of(depot, hand->magazine)->count);
	else
		put_down(&hand->magazine, 0);
	put_down(&hand->step, STILL);
}

/*
 * The caller holds the hand's claim, and no magazine is in hand. Takes into the hand a stack's top magazine, or the next
 * magazine that was never used. `word` is the stack, or `fresh`.
 */
static bool take_magazine(struct depot *depot, uint64_t *word)
{
	struct depot_hand *hand = &depot->hand;
	bool is_fresh = word == &depot->fresh, made;
	uint64_t old, number;

	do {
		old = __atomic_load_n(word, __ATOMIC_ACQUIRE);
		number = (old & NUMBER_MASK) + is_fresh;
		if (number == 0 || number > depot->magazines)
			return false;
		put_down_intent(hand, 0);
		put_down(&hand->step, TAKING);
		put_down(&hand->magazine, (uint32_t)number);
		made = change(depot, word, old, is_fresh ? number : next_of(magazine_of(depot, number)));
		taken(depot, made);
	} while (!made);
	return true;
}

/* Takes into the hand the top magazine of this stack of any part. */
static bool take_from_any(struct depot *depot, enum depot_stack which)
{
	for (uint32_t i = 0; i <= depot->last_part; i++)
		if (take_magazine(depot, &depot->parts[i].stacks[which]))
			return true;
	return false;
}

/*
 * Returns the number of objects of the magazine in hand that the depot's counts don't include. If the caller holds the claim,
 * the result is exact. Otherwise other threads can change the hand's magazine, its count, or `base` between this function's
 * loads.
 */
static int64_t more_than_known(const struct depot *depot)
{
	uint32_t magazine = __atomic_load_n(&depot->hand.magazine, __ATOMIC_ACQUIRE), count, base;

	if (magazine == 0)
		return 0;
	count = __atomic_load_n(&magazine_of(depot, magazine)->count, __ATOMIC_RELAXED);
	base = __atomic_load_n(&depot->hand.base, __ATOMIC_RELAXED);
	return (int64_t)count - base;
}

/* Returns the number of objects that the depot's counts don't include. */
static int64_t unknown_now(const struct depot *depot)
{
	return __atomic_load_n(&depot->hand.owed, __ATOMIC_RELAXED) + more_than_known(depot);
}

/* Completes the step GIVING: pushes the magazine in hand to a stack. */
static void give_on(struct depot *depot)
{
	struct depot_hand *hand = &depot->hand;
	struct magazine *m = magazine_of(depot, hand->magazine);
	uint64_t *stack = stack_for(&depot->parts[0], m->count), old;

	__atomic_store_n(&hand->owed, hand->owed_next, __ATOMIC_RELEASE);
	do {
		old = __atomic_load_n(stack, __ATOMIC_ACQUIRE);
		put_down_intent(hand, 0);
		set_next(m, old);
	} while (!change(depot, stack, old, hand->magazine));
	put_down(&hand->magazine, 0);
	put_down(&hand->step, STILL);
}

static void give_magazine(struct depot *depot)
{
	struct depot_hand *hand = &depot->hand;

	put_down_intent(hand, 0);
	__atomic_store_n(&hand->owed_next, unknown_now(depot), __ATOMIC_RELEASE);
	put_down(&hand->step, GIVING);
	give_on(depot);
}

/*
 * The caller holds the claim. Completes or undoes a step of an earlier holder, which was killed, or which fork didn't copy to
 * this process.
 */
static void recover(struct depot *depot)
{
	struct depot_hand *hand = &depot->hand;

	if (hand->step == TAKING) {
		taken(depot, was_made(depot));
	} else if (hand->step == GIVING) {
		if (hand->magazine != 0 && !was_made(depot)) {
			give_on(depot);
		} else {
			__atomic_store_n(&hand->owed, hand->owed_next, __ATOMIC_RELEASE);
			put_down(&hand->magazine, 0);
			put_down(&hand->step, STILL);
		}
	}
}

static bool enter_hand(struct depot *depot, uint64_t *me)
{
	if (rk_claim_enter(&depot->hand.claim, PATIENCE, me) < 0)
		return false;
	recover(depot);
	return true;
}

static struct magazine *in_hand(const struct depot *depot)
{
	return depot->hand.magazine == 0 ? NULL : magazine_of(depot, depot->hand.magazine);
}

size_t rk_hand_take(struct depot *depot, void **objects, size_t count)
{
	struct magazine *m;
	uint64_t me;

	if (count == 0 || !enter_hand(depot, &me))
		return 0;
	m = in_hand(depot);
	if (m != NULL && m->count == 0) {
		give_magazine(depot);
		m = NULL;
	}
	if (m == NULL && (take_from_any(depot, DEPOT_BEGUN) || take_from_any(depot, DEPOT_FULL)))
		m = in_hand(depot);
	count = m == NULL ? 0 : count < m->count ? count : m->count;
	if (count != 0) {
		memcpy(objects, m->objects + (m->count - count), count * sizeof(*objects));
		__atomic_store_n(&m->count, m->count - (uint32_t)count, __ATOMIC_RELEASE);
	}
	rk_claim_leave(&depot->hand.claim, me);
	return count;
}

size_t rk_hand_put(struct depot *depot, void *const *objects, size_t count)
{
	struct magazine *m;
	uint64_t me;

	if (count == 0 || !enter_hand(depot, &me))
		return 0;
	m = in_hand(depot);
	if (m != NULL && m->count == RK_CACHE_BATCH_MAX) {
		give_magazine(depot);
		m = NULL;
	}
	if (m == NULL && (take_from_any(depot, DEPOT_BEGUN) || take_from_any(depot, DEPOT_EMPTY) ||
			  take_magazine(depot, &depot->fresh)))
		m = in_hand(depot);
	if (m == NULL)
		count = 0;
	else if (count > RK_CACHE_BATCH_MAX - m->count)
		count = RK_CACHE_BATCH_MAX - m->count;
	if (count != 0) {
		memcpy(m->objects + m->count, objects, count * sizeof(*objects));
		__atomic_store_n(&m->count, m->count + (uint32_t)count, __ATOMIC_RELEASE);
	}
	rk_claim_leave(&depot->hand.claim, me);
	return count;
}

/* rk_depot_objects() and rk_hand_room() don't take the claim, so another thread can change the hand meanwhile. */
int64_t rk_depot_objects(const struct depot *depot)
{
	int64_t unknown = unknown_now(depot);
	uint32_t known = 0;

	for (uint32_t i = 0; i <= depot->last_part; i++)
		known += __atomic_load_n(&depot->parts[i].objects, __ATOMIC_RELAXED);
	return (int32_t)known + unknown;
}

uint64_t rk_hand_room(const struct depot *depot, uint64_t wanted)
{
	int64_t unknown = unknown_now(depot);
	int64_t left = rk_depot_left(depot) - unknown, budget;

	if (depot->budget != NULL) {
		budget = __atomic_load_n(&depot->budget->left, __ATOMIC_RELAXED) / (int64_t)depot->weight - unknown;
		left = budget < left ? budget : left;
	}
	return left <= 0 ? 0 : (uint64_t)left < wanted ? (uint64_t)left : wanted;
}

bool rk_hand_settle(struct depot *depot)
{
	struct depot_hand *hand = &depot->hand;
	struct magazine *m;
	int64_t unknown;
	bool any;

	if (RKI_LIKELY(!rk_hand_is_used(depot)))
		return false;
	if (rk_bracket_is_open() || rk_claim_try_exclusively(&hand->claim) < 0)
		return false;
	recover(depot);
	m = in_hand(depot);
	unknown = unknown_now(depot);
	any = m != NULL || unknown != 0;
	/* If another thread forks between these stores, the child lacks this magazine, as with any move to or from the depot. */
	put_down(&hand->magazine, 0);
	__atomic_store_n(&hand->owed, 0, __ATOMIC_RELAXED);
	__atomic_fetch_add(&depot->parts[0].objects, (uint32_t)unknown, __ATOMIC_RELAXED);
	if (unknown < 0)
		rk_depot_give_left(depot, (uint64_t)-unknown);
	else
		__atomic_fetch_add(&depot->debt, (int32_t)(unknown - (int64_t)rk_depot_take_left(depot, (uint64_t)unknown)),
				   __ATOMIC_RELAXED);
	if (depot->budget != NULL)
		__atomic_fetch_sub(&depot->budget->left, unknown * (int64_t)depot->weight, __ATOMIC_RELAXED);
	if (m != NULL)
		rk_depot_push(depot, &depot->parts[0], m);
	(void)rk_claim_release_exclusively(&hand->claim);
	return any;
}
