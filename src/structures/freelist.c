/* SPDX-License-Identifier: MIT */
/*
 * freelist.c - per-CPU free lists (rseqkit/freelist.h): their memory, the list that threads without rseq use (the overflow
 * list), and rk_freelist_drain().
 *
 * A free list has a slot for each CPU, with two banks. The slot's first word names the bank in use (rseqkit/bank.h). A bank
 * is one word, the address of a list's first node. rk_freelist_drain() takes the bank in use. From then on the other, empty
 * bank is in use. The invariant: a spare bank holds no node. A bank is spare if it is neither in use nor being drained.
 *
 * In the overflow slot the first bank is the overflow list. A thread that takes nodes off this list holds the slot's claim
 * (rseqkit/remote.h). The claim prevents ABA: while a thread is about to pop a node, no other thread can pop that node and
 * push it again. Pushes need no claim.
 */
#include <rseqkit/freelist.h>
#include <rseqkit/remote.h>
#include <rseqkit/thread.h>

#include <errno.h>
#include "percpu/percpu.h"
#include "sync/pool.h"
#include "sync/bank.h"
#include "sync/claim.h"

#define PATIENCE 1000000 /* ns that rk_freelist_pop() waits for the claim of the overflow list */

typedef struct rk_freelist_node *chain;

struct lists {
	struct rk_bank_slot slot;
	chain banks[2];
};

static struct rk_percpu *freelist_pool;

static struct lists *lists_of(const struct rk_freelist *list, int index)
{
	return (struct lists *)rk_percpu_slot(list, index);
}

static int get_list_pool(struct rk_percpu **out)
{
	static const struct rk_percpu_options options = {.item_size = sizeof(struct lists), .alignment = 64};

	return rk_pool_get_fenced(&freelist_pool, &options, out);
}

int rk_freelist_create(struct rk_freelist **list)
{
	struct rk_percpu *from;
	void *item;
	int r;

	if (list == NULL)
		return -EINVAL;
	r = get_list_pool(&from);
	if (r == 0)
		r = rk_percpu_alloc_for(from, &item, __builtin_return_address(0));
	*list = r == 0 ? (struct rk_freelist *)item : NULL;
	return r;
}

/* Puts the nodes of `from` before the nodes of *to. */
static void join(chain *to, chain from)
{
	struct rk_freelist_node *last = from;

	if (from == NULL)
		return;
	while (*to != NULL && last->next != NULL)
		last = last->next;
	if (*to != NULL)
		last->next = *to;
	*to = from;
}

int rk_freelist_destroy(struct rk_freelist *list, struct rk_freelist_node **rest)
{
	struct rk_percpu *from = __atomic_load_n(&freelist_pool, __ATOMIC_ACQUIRE);
	struct place place;

	if (rest != NULL)
		*rest = NULL;
	if (list == NULL)
		return 0;
	if (!rk_pool_has(from, list, &place))
		return -EINVAL;
	for (int i = RK_INDEX_OVERFLOW; rest != NULL && i <= place.range->highest; i++)
		for (int which = 0; which < 2; which++) {
			join(rest, lists_of(list, i)->banks[which]);
			lists_of(list, i)->banks[which] = NULL;
		}
	return rk_percpu_free_for(from, list, __builtin_return_address(0));
}

static void push_overflow(struct rk_freelist *list, struct rk_freelist_node *first, struct rk_freelist_node *last)
{
	chain *head = &lists_of(list, RK_INDEX_OVERFLOW)->banks[0];
	chain next = __atomic_load_n(head, __ATOMIC_RELAXED);

	do
		last->next = next;
	while (!__atomic_compare_exchange_n(head, &next, first, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static struct rk_freelist_node *pop_overflow(struct rk_freelist *list)
{
	struct lists *lists = lists_of(list, RK_INDEX_OVERFLOW);
	chain node = __atomic_load_n(&lists->banks[0], __ATOMIC_RELAXED);
	uint64_t me;

	if (node == NULL || rk_claim_enter(&lists->slot.claim, PATIENCE, &me) < 0)
		return NULL;
	node = __atomic_load_n(&lists->banks[0], __ATOMIC_ACQUIRE);
	while (node != NULL &&
	       !__atomic_compare_exchange_n(&lists->banks[0], &node, node->next, 1, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		;
	rk_claim_leave(&lists->slot.claim, me);
	return node;
}

/* Opens the list of the CPU that the thread runs on, if this list was never opened. */
static bool open_list(struct rk_freelist *list)
{
	struct lists *lists = lists_of(list, rk_cpu());

	return rk_bank_open_first(&lists->slot, &lists->banks[0]) == 0;
}

void rki_freelist_push_slow(struct rk_freelist *list, struct rk_freelist_node *first, struct rk_freelist_node *last,
			   enum rk_result outcome)
{
	for (int i = 0; i < RK_ABORTS_MAX && (outcome == RK_ABORTED || outcome == RK_CLOSED); i++) {
		if (outcome == RK_CLOSED)
			(void)open_list(list);
		outcome = rki_freelist_push(list, first, last);
	}
	if (outcome != RK_DONE)
		push_overflow(list, first, last);
}

struct rk_freelist_node *rki_freelist_pop_slow(struct rk_freelist *list, enum rk_result outcome)
{
	void *node = NULL;

	for (int i = 0; i < RK_ABORTS_MAX && outcome == RK_ABORTED; i++)
		outcome = rki_freelist_pop(list, &node);
	return outcome == RK_DONE ? (struct rk_freelist_node *)node : pop_overflow(list);
}

static int drain_overflow(struct rk_freelist *list, chain *nodes)
{
	struct lists *lists = lists_of(list, RK_INDEX_OVERFLOW);

	if (__atomic_load_n(&lists->banks[0], __ATOMIC_RELAXED) == NULL)
		return 0;
	if (rk_claim_take_for(&lists->slot.claim, PATIENCE) < 0)
		return -EBUSY;
	join(nodes, __atomic_exchange_n(&lists->banks[0], NULL, __ATOMIC_ACQUIRE));
	(void)rk_claim_release(&lists->slot.claim);
	return 0;
}

/*
 * Takes the bank that a CPU uses, and empties it. Returns 1 if an earlier call had taken a bank and not emptied it. Then this
 * call has emptied only that bank, and the bank in use has to be emptied, too.
 */
static int drain_bank(struct rk_freelist *list, int cpu, chain *nodes)
{
	struct lists *lists = lists_of(list, cpu);
	void *bank;
	int r = rk_bank_take_of_two(list, cpu, &lists->banks[0], &lists->banks[1], &bank);

	if (r >= 0 && bank != NULL) {
		chain taken = __atomic_load_n((chain *)bank, __ATOMIC_RELAXED);

		__atomic_store_n((chain *)bank, NULL, __ATOMIC_RELEASE); /* this bank is the spare bank now */
		join(nodes, taken);
	}
	return r;
}

static int drain(struct rk_freelist *list, int cpu, chain *nodes)
{
	int r;

	do {
		r = rk_bank_begin_try(list, cpu);
		if (r < 0)
			return r;
		r = drain_bank(list, cpu, nodes);
		(void)rk_bank_done(list, cpu);
	} while (r == 1);
	return r;
}

int rk_freelist_drain(struct rk_freelist *list, int cpu, struct rk_freelist_node **nodes)
{
	if (nodes == NULL)
		return -EINVAL;
	*nodes = NULL;
	if (list == NULL)
		return -EINVAL;
	return cpu == RK_INDEX_OVERFLOW ? drain_overflow(list, nodes) : drain(list, cpu, nodes);
}

int rk_freelist_drain_all(struct rk_freelist *list, struct rk_freelist_node **nodes)
{
	int result;

	if (nodes == NULL)
		return -EINVAL;
	*nodes = NULL;
	if (list == NULL)
		return -EINVAL;
	result = drain_overflow(list, nodes);
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		bool unused = __atomic_load_n(&lists_of(list, cpu)->slot.bank, __ATOMIC_RELAXED) == 0;
		int r = unused ? 0 : drain(list, cpu, nodes);

		result = r < 0 ? r : result;
	}
	return result;
}
