/* SPDX-License-Identifier: MIT */
/*
 * vector.c - runs vectors. A vector is a list of operations on the data (the bank, bank.h) of one CPU's slot, which are done as
 * one operation; see rseqkit/vector.h.
 *
 * The invariant: no operation writes to the slot's bank. The operations change a duplicate of it in the spare bank, and one
 * store makes the spare bank the slot's bank. Until that store the slot is closed, and `taken` names the old bank (bank.c). If
 * a child is forked without this thread, the next thread that takes the slot's claim (claim.h) can open the slot with the old
 * bank.
 *
 * A section has one commit, so several operations can't be one section. If a vector runs on the slot's CPU, it closes the
 * slot by a section of its own. When this section commits, no other section on the CPU is half done, so no fence is needed.
 *
 * Kernel developers proposed two system calls for the same purpose, which were never merged. cpu_opv (2017) ran up to 16
 * operations on a given CPU, with preemption off. sched_pair_cpu (2020) paired the calling thread with a CPU, so that the
 * thread and the CPU excluded each other's sections. Both calls worked on any memory, even on memory that processes share,
 * and cost the CPU's own threads nothing. A vector works only on banks, in one process. The CPU's own operations load one
 * word more, and use their fallback while a vector runs. In return a vector needs no new kernel. If a comparison fails,
 * nothing was done, because comparisons come first. If an address that the caller passed can't be accessed, the signal comes
 * before the vector has done anything, or after it has done everything. If the thread is killed, the bank is unchanged, and
 * the next thread that claims the slot opens it. If another thread forks meanwhile, the child has the unchanged bank, too.
 */
#include <rseqkit/vector.h>

#include <errno.h>
#include <string.h>
#include "bank.h"
#include "os/cpus.h"
#include "percpu/percpu_range.h"

/* A vector whose operations are valid, with the bytes of its comparisons, copies and reads. */
struct vector {
	const struct rk_vector_op *ops;
	int count;
	bool writes;
	unsigned char bytes[RK_VECTOR_BYTES_MAX];
};

static bool is_comparison(const struct rk_vector_op *op)
{
	return op->code == RK_VECTOR_EQUAL || op->code == RK_VECTOR_UNEQUAL;
}

static bool has_bytes(const struct rk_vector_op *op)
{
	return op->code <= RK_VECTOR_READ;
}

static bool is_arithmetic(const struct rk_vector_op *op)
{
	return op->code >= RK_VECTOR_ADD && op->code <= RK_VECTOR_SHIFT_RIGHT;
}

static bool is_valid(const struct rk_vector_op *op, size_t size)
{
	uint32_t length = op->length;

	if (op->code == RK_VECTOR_BARRIER)
		return length == 0;
	if ((unsigned)op->code > RK_VECTOR_BARRIER || length == 0 || length > size || op->where > size - length)
		return false;
	if (has_bytes(op))
		return (op->code == RK_VECTOR_READ ? op->to : op->from) != NULL;
	if ((length != 1 && length != 2 && length != 4 && length != 8) || op->where % length != 0)
		return false;
	return (op->code != RK_VECTOR_SHIFT_LEFT && op->code != RK_VECTOR_SHIFT_RIGHT) || op->operand < 8 * length;
}

/* Checks the operations, and copies from the caller's memory the bytes that the operations need. */
static int begin(struct vector *vector, const struct rk_vector_op *ops, int count, size_t size)
{
	bool compares = true;
	size_t total = 0;

	if (count < 0 || count > RK_VECTOR_OPS_MAX || (count > 0 && ops == NULL))
		return -EINVAL;
	vector->ops = ops;
	vector->count = count;
	vector->writes = false;
	for (int i = 0; i < count; i++) {
		if (!is_valid(&ops[i], size) || (is_comparison(&ops[i]) && !compares))
			return -EINVAL;
		compares = is_comparison(&ops[i]);
		vector->writes |= ops[i].code == RK_VECTOR_COPY || is_arithmetic(&ops[i]);
		total += has_bytes(&ops[i]) ? ops[i].length : 0;
		if (total > RK_VECTOR_BYTES_MAX)
			return -EINVAL;
	}
	total = 0;
	for (int i = 0; i < count; i++) {
		if (has_bytes(&ops[i]) && ops[i].code != RK_VECTOR_READ)
			memcpy(vector->bytes + total, ops[i].from, ops[i].length);
		total += has_bytes(&ops[i]) ? ops[i].length : 0;
	}
	return 0;
}

/* Copies to the caller's memory the bytes that the operations have read. */
static void end(const struct vector *vector)
{
	const unsigned char *bytes = vector->bytes;

	for (int i = 0; i < vector->count; i++) {
		const struct rk_vector_op *op = &vector->ops[i];

		if (op->code == RK_VECTOR_READ)
			memcpy(op->to, bytes, op->length);
		bytes += has_bytes(op) ? op->length : 0;
	}
}

static bool overlaps(const struct vector *vector, const void *bank, size_t size)
{
	for (int i = 0; i < vector->count; i++) {
		const struct rk_vector_op *op = &vector->ops[i];
		uintptr_t memory = (uintptr_t)(op->code == RK_VECTOR_READ ? op->to : op->from);

		if (has_bytes(op) && memory < (uintptr_t)bank + size && (uintptr_t)bank < memory + op->length)
			return true;
	}
	return false;
}

/* Returns 0, or the number of the comparison that fails, counted from 1. */
static int compare(const struct vector *vector, const unsigned char *bank)
{
	const unsigned char *bytes = vector->bytes;

	for (int i = 0; i < vector->count && is_comparison(&vector->ops[i]); i++) {
		const struct rk_vector_op *op = &vector->ops[i];

		if ((memcmp(bank + op->where, bytes, op->length) == 0) != (op->code == RK_VECTOR_EQUAL))
			return i + 1;
		bytes += op->length;
	}
	return 0;
}

static uint64_t load_value(const unsigned char *place, uint32_t length)
{
	uint8_t one;
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (length) {
	case 1:
		return memcpy(&one, place, 1), one;
	case 2:
		return memcpy(&two, place, 2), two;
	case 4:
		return memcpy(&four, place, 4), four;
	default:
		return memcpy(&eight, place, 8), eight;
	}
}

static void store(unsigned char *place, uint32_t length, uint64_t value)
{
	uint8_t one = (uint8_t)value;
	uint16_t two = (uint16_t)value;
	uint32_t four = (uint32_t)value;
	const void *from = length == 1 ? (const void *)&one : length == 2 ? (const void *)&two :
			   length == 4		      ? (const void *)&four :
							(const void *)&value;

	memcpy(place, from, length);
}

static uint64_t calculate(enum rk_vector_code code, uint64_t value, uint64_t operand)
{
	switch (code) {
	case RK_VECTOR_ADD:
		return value + operand;
	case RK_VECTOR_AND:
		return value & operand;
	case RK_VECTOR_OR:
		return value | operand;
	case RK_VECTOR_XOR:
		return value ^ operand;
	case RK_VECTOR_SHIFT_LEFT:
		return value << operand;
	default:
		return value >> operand;
	}
}

static void apply(struct vector *vector, unsigned char *bank)
{
	unsigned char *bytes = vector->bytes;

	for (int i = 0; i < vector->count; i++) {
		const struct rk_vector_op *op = &vector->ops[i];
		unsigned char *place = bank + op->where;

		if (op->code == RK_VECTOR_COPY)
			memcpy(place, bytes, op->length);
		else if (op->code == RK_VECTOR_READ)
			memcpy(bytes, place, op->length);
		else if (is_arithmetic(op))
			store(place, op->length, calculate(op->code, load_value(place, op->length), op->operand));
		else if (op->code == RK_VECTOR_BARRIER)
			__sync_synchronize();
		bytes += has_bytes(op) ? op->length : 0;
	}
}

/* Runs a vector whose claim the caller holds. Returns what rk_vector() returns. */
static int run(struct vector *vector, void *base, int cpu, void **spare, size_t size)
{
	struct rk_bank_slot *slot = rk_percpu_slot(base, cpu);
	void *bank;
	int r = rk_bank_current(slot, &bank);

	if (r < 0)
		return r;
	if (*spare == bank || overlaps(vector, bank, size) || overlaps(vector, *spare, size))
		return -EINVAL;
	r = rk_bank_close(base, cpu);
	if (r < 0)
		return r;
	r = compare(vector, bank);
	if (r == 0 && vector->writes) {
		memcpy(*spare, bank, size);
		apply(vector, *spare);
		rk_bank_reopen(slot, *spare);
		*spare = bank;
	} else {
		if (r == 0)
			apply(vector, bank); /* no operation of this vector writes */
		rk_bank_reopen(slot, bank);
	}
	return r;
}

int rk_vector(void *base, int cpu, void **spare, size_t size, const struct rk_vector_op *ops, int count)
{
	struct vector vector;
	int r;

	if (spare == NULL || *spare == NULL || (uintptr_t)*spare % 4 != 0)
		return -EINVAL;
	r = begin(&vector, ops, count, size);
	if (r == 0)
		r = rk_bank_begin_exclusively(base, cpu);
	if (r < 0)
		return r;
	r = run(&vector, base, cpu, spare, size);
	rk_bank_end_exclusively(base, cpu);
	if (r == 0)
		end(&vector);
	return r;
}

int rk_percpu_vector(const struct rk_percpu *pool, void *item, int cpu, const struct rk_vector_op *ops, int count)
{
	struct vector vector;
	void *spare;
	int r;

	if (pool == NULL || item == NULL || !(pool->flags & RK_PERCPU_CLOSABLE))
		return -EINVAL;
	r = begin(&vector, ops, count, pool->item_size);
	if (r == 0)
		r = rk_bank_begin_exclusively(item, cpu);
	if (r < 0)
		return r;
	(void)rk_percpu_open(pool, item, cpu);
	spare = rk_percpu_spare(pool, item, cpu);
	r = run(&vector, item, cpu, &spare, pool->item_size);
	rk_bank_end_exclusively(item, cpu);
	if (r == 0)
		end(&vector);
	return r;
}
