/* SPDX-License-Identifier: MIT */
/*
 * compound.h - lists, stacks, arrays, logs and pointers in per-CPU memory, the operations on them that need more than one word,
 * and checks of the results. A slot is one CPU's copy of this memory. A tally is a thread's own count of what the thread has
 * done (tally.h).
 *
 * The invariants: each node is either in one list or held by the thread that popped the node. A stack or an array
 * holds exactly the elements that operations have stored and not removed; an operation counts only if it returned
 * RK_DONE. The newest records of a log are whole.
 */
#ifndef COMPOUND_H
#define COMPOUND_H

#include "tally.h"

#define NODES 64
#define DEPTH 32
#define RECORDS 8
#define RECORD_WORDS 9

struct node {
	intptr_t next;
	int owned, seen;
};

struct compound {
	intptr_t list[INDICES];
	intptr_t through[INDICES], target[INDICES]; /* in each slot, through[i] points to target[i] */
	struct {
		intptr_t depth, elements[DEPTH];
	} stack[INDICES];
	struct {
		struct rk_array head;
		intptr_t elements[DEPTH];
	} array[INDICES];
	struct {
		intptr_t count, records[RECORDS][RECORD_WORDS];
	} log[INDICES];
};

static struct node nodes[NODES];
static struct compound *compound;
static struct node *spilled; /* a list of the nodes that threads couldn't push to a slot's list; no thread pops them again */

static void spill(struct node *node)
{
	struct node *first = __atomic_load_n(&spilled, __ATOMIC_RELAXED);

	do
		node->next = (intptr_t)first;
	while (!__atomic_compare_exchange_n(&spilled, &first, node, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static void push_somewhere(struct tally *t, struct node *node, enum index index)
{
	intptr_t *list = &compound->list[index];

	for (int tries = 0; tries < 1000; tries++) {
		enum rk_result result = tries % 2 == 0 ? BY_INDEX(index, rk_cpu(), push, list, node, 0) :
							 BY_INDEX(index, rk_cpu(), push_release, list, node, 0);

		tally_result(t, result);
		if (result == RK_DONE)
			return;
		if (result == RK_NO_RSEQ)
			break;
	}
	spill(node);
}

static void use_list(struct tally *t, enum index index, int cpu, uint64_t *random)
{
	void *got;
	enum rk_result result = BY_INDEX(index, cpu, pop, &compound->list[index], 0, 0, &got);
	struct node *node = got;

	tally_result(t, result);
	if (result != RK_DONE)
		return;
	EXPECT(node >= nodes && node < nodes + NODES);
	EXPECT(__atomic_exchange_n(&node->owned, 1, __ATOMIC_RELAXED) == 0);
	EXPECT(__atomic_exchange_n(&node->owned, 0, __ATOMIC_RELAXED) == 1);
	t->popped++;
	push_somewhere(t, node, (enum index)(draw(random) % INDICES));
}

/*
 * Removes the last element of a stack, if the stack's depth is still `depth`, and the element is still the one that was loaded.
 */
static void unstack(struct tally *t, enum index index, int cpu, intptr_t depth)
{
	intptr_t seen, *word = &compound->stack[index].depth, *last = &compound->stack[index].elements[depth - 1];
	enum rk_result result = BY_INDEX(index, cpu, load, last, &seen);

	tally_result(t, result);
	if (result != RK_DONE)
		return;
	result = BY_INDEX(index, cpu, store_if_both_equal, word, depth, (char *)last - (char *)word, seen, depth - 1);
	tally_result(t, result);
	if (result == RK_DONE) {
		t->stacked--;
		t->stacked_sum -= (uint64_t)seen;
		t->unstacked++;
	}
}

static void use_stack(struct tally *t, enum index index, int cpu, uint64_t *random)
{
	intptr_t depth, value = (intptr_t)draw(random), *word = &compound->stack[index].depth;
	enum rk_result result = BY_INDEX(index, cpu, load, word, &depth);

	tally_result(t, result);
	if (result != RK_DONE)
		return;
	EXPECT(depth >= 0 && depth <= DEPTH);
	if (depth == DEPTH || (depth > 0 && value % 2 == 0)) {
		unstack(t, index, cpu, depth);
		return;
	}
	result = BY_INDEX(index, cpu, store_two_if_equal, word, depth,
			  (char *)&compound->stack[index].elements[depth] - (char *)word, value, depth + 1);
	tally_result(t, result);
	if (result == RK_DONE) {
		t->stacked++;
		t->stacked_sum += (uint64_t)value;
	}
}

static void use_log(struct tally *t, enum index index, int cpu, uint64_t *random)
{
	intptr_t count, record[RECORD_WORDS], *word = &compound->log[index].count;
	enum rk_result result = BY_INDEX(index, cpu, load, word, &count);
	char *place;

	tally_result(t, result);
	if (result != RK_DONE)
		return;
	record[0] = (intptr_t)draw(random);
	for (int i = 1; i < RECORD_WORDS; i++)
		record[i] = record[0];
	place = (char *)compound->log[index].records[count % RECORDS];
	result = BY_INDEX(index, cpu, copy_if_equal_release, word, count, place - (char *)word, record, sizeof(record),
			  count + 1);
	tally_result(t, result);
	t->logged += result == RK_DONE;
}

/*
 * Takes the last `count` elements of the array at once, if the array's state (its length and a count, see ops.h) is still
 * `state`, which the caller loaded.
 */
static void take_from_array(struct tally *t, enum index index, int cpu, intptr_t state, int count)
{
	intptr_t got[DEPTH], *word = &compound->array[index].head.state;
	char *from = (char *)&compound->array[index].elements[RK_ARRAY_LENGTH(state) - count];
	enum rk_result result = BY_INDEX(index, cpu, copy_out_if_equal, word, state, from - (char *)word, got,
					 (size_t)count * sizeof(got[0]), state + RK_ARRAY_POPPED(count));

	tally_result(t, result);
	for (int i = 0; result == RK_DONE && i < count; i++)
		t->stacked_sum -= (uint64_t)got[i];
	t->stacked -= result == RK_DONE ? (uint64_t)count : 0;
	t->taken_at_once += result == RK_DONE;
}

static void use_array(struct tally *t, enum index index, int cpu, uint64_t *random)
{
	intptr_t state, value = (intptr_t)draw(random), *word = &compound->array[index].head.state;
	enum rk_result result = BY_INDEX(index, cpu, load, word, &state);
	void *popped;

	tally_result(t, result);
	if (result != RK_DONE)
		return;
	EXPECT(RK_ARRAY_LENGTH(state) <= DEPTH);
	if (value % 8 == 0 && RK_ARRAY_LENGTH(state) > 0) {
		take_from_array(t, index, cpu, state, 1 + (int)((uint64_t)value % (uint64_t)RK_ARRAY_LENGTH(state)));
	} else if (value % 8 < 3) {
		result = BY_INDEX(index, cpu, array_pop, word, &popped);
		tally_result(t, result);
		t->stacked_sum -= result == RK_DONE ? (uint64_t)(intptr_t)popped : 0;
		t->stacked -= result == RK_DONE;
	} else {
		result = BY_INDEX(index, cpu, array_push, word, (void *)value);
		tally_result(t, result);
		t->stacked_sum += result == RK_DONE ? (uint64_t)value : 0;
		t->stacked += result == RK_DONE;
	}
}

static void use_pointer(struct tally *t, enum index index, int cpu, uint64_t *random)
{
	intptr_t value = (intptr_t)draw(random);
	enum rk_result result = BY_INDEX(index, cpu, add_through, &compound->through[index], 0, value);

	tally_result(t, result);
	t->through += result == RK_DONE ? (uint64_t)value : 0;
}

/* Does one operation of each kind, by a random kind of index. Handlers call this function too. */
static void operate_compound(struct tally *t, uint64_t *random)
{
	enum index index = (enum index)(draw(random) % INDICES);
	int cpu = draw(random) % 8 == 0 ? any_cpu(random) : rk_cpu();

	use_list(t, index, cpu, random);
	use_stack(t, index, cpu, random);
	use_log(t, index, cpu, random);
	use_array(t, index, cpu, random);
	use_pointer(t, index, cpu, random);
}

static void set_up_compound(void)
{
	struct tally t = {.handlers = 0};

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		struct compound *slot = rk_percpu_slot(compound, cpu);

		for (int i = 0; i < INDICES; i++) {
			slot->through[i] = (intptr_t)&slot->target[i];
			slot->array[i].head.capacity = DEPTH;
		}
	}
	for (int i = 0; i < NODES; i++)
		push_somewhere(&t, &nodes[i], BY_CPU);
}

static int count_nodes(intptr_t head)
{
	int count = 0;

	for (struct node *node; head != 0 && count <= NODES; head = node->next) {
		node = (struct node *)head;
		EXPECT(node >= nodes && node < nodes + NODES && node->seen++ == 0 && node->owned == 0);
		count++;
	}
	return count;
}

/*
 * Checks all records in the log, except the oldest record of a full log: an operation that failed may have overwritten a part
 * of that record.
 */
static void check_log(const struct compound *slot, int index)
{
	intptr_t count = slot->log[index].count;

	for (intptr_t i = count < RECORDS ? 0 : count - RECORDS + 1; i < count; i++) {
		const intptr_t *record = slot->log[index].records[i % RECORDS];

		for (int word = 1; word < RECORD_WORDS; word++)
			EXPECT(record[word] == record[0]);
	}
}

/* Compares the memory with the sum of all threads' tallies. Call this function after all threads have ended. */
static void check_compound(const struct tally *all)
{
	uint64_t through = 0, stacked = 0, stacked_sum = 0, logged = 0;
	int found = count_nodes((intptr_t)spilled);

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		const struct compound *slot = rk_percpu_slot(compound, cpu);

		for (int i = 0; i < INDICES; i++) {
			found += count_nodes(slot->list[i]);
			through += (uint64_t)slot->target[i];
			stacked += (uint64_t)slot->stack[i].depth;
			for (intptr_t at = 0; at < slot->stack[i].depth; at++)
				stacked_sum += (uint64_t)slot->stack[i].elements[at];
			stacked += (uint64_t)RK_ARRAY_LENGTH(slot->array[i].head.state);
			for (intptr_t at = 0; at < RK_ARRAY_LENGTH(slot->array[i].head.state); at++)
				stacked_sum += (uint64_t)slot->array[i].elements[at];
			logged += (uint64_t)slot->log[i].count;
			check_log(slot, i);
		}
	}
	EXPECT(found == NODES);
	EXPECT(through == all->through);
	EXPECT(stacked == all->stacked);
	EXPECT(stacked_sum == all->stacked_sum);
	EXPECT(logged == all->logged);
}

#endif /* COMPOUND_H */
