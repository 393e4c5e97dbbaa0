/* SPDX-License-Identifier: MIT */
/*
 * vector.h - up to 16 operations on one CPU's data, done as one: by any thread, whether that CPU is this one, another,
 * offline or not yet online.
 *
 *	struct rk_vector_op ops[] = {
 *		{.code = RK_VECTOR_EQUAL, .length = 8, .where = 0, .from = &expected},
 *		{.code = RK_VECTOR_ADD, .length = 8, .where = 8, .operand = 1},
 *		{.code = RK_VECTOR_READ, .length = 64, .where = 16, .to = buffer},
 *	};
 *	int r = rk_percpu_vector(pool, item, cpu, ops, 3);
 *
 * The data is a bank (bank.h): of an item of a pool with RK_PERCPU_CLOSABLE, or the caller's own. Local users see all of
 * the vector's effects or none. While it runs the slot is closed, and they take their overflow way.
 *
 * How it is done: the slot is claimed and closed, comparisons are made, the bank is copied to the spare one, operations
 * are done there, and one store makes the spare the slot's bank. So a child that is forked in between has the bank as it
 * was; who claims the slot next opens it again.
 */
#ifndef RSEQKIT_VECTOR_H
#define RSEQKIT_VECTOR_H

#include <rseqkit/percpu.h>

/* How many operations a vector has at most, and bytes that all its comparisons, copies and reads have together. */
#define RK_VECTOR_OPS_MAX 16
#define RK_VECTOR_BYTES_MAX 4096

/* Numbers are ABI. Arithmetic is on an unsigned number of `length` bytes, wrapping. */
enum rk_vector_code {
	RK_VECTOR_EQUAL = 0,       /* goes on if the bank's bytes are those at `from` */
	RK_VECTOR_UNEQUAL = 1,     /* goes on if they aren't */
	RK_VECTOR_COPY = 2,        /* from `from` to the bank */
	RK_VECTOR_READ = 3,        /* from the bank to `to`, as they are after the operations before this one */
	RK_VECTOR_ADD = 4,         /* adds `operand` */
	RK_VECTOR_AND = 5,         /* keeps the bits of `operand` */
	RK_VECTOR_OR = 6,          /* sets them */
	RK_VECTOR_XOR = 7,         /* inverts them */
	RK_VECTOR_SHIFT_LEFT = 8,  /* by `operand` bits */
	RK_VECTOR_SHIFT_RIGHT = 9, /* by `operand` bits, zeros come in */
	RK_VECTOR_BARRIER = 10     /* a memory barrier, for other memory than the bank: that changes all at once */
};

struct rk_vector_op {
	enum rk_vector_code code;
	uint32_t length;  /* bytes: 1, 2, 4 or 8 for arithmetic, 0 for a barrier, else any number from 1 on */
	size_t where;     /* bytes into the bank; for arithmetic a multiple of `length` */
	uint64_t operand; /* of arithmetic; of shifts less than 8 * length */
	const void *from; /* of comparisons and copies */
	void *to;         /* of reads */
};

RKI_BEGIN_DECLS

/*
 * Does the operations, in their order. Comparisons come before all others, and nothing is done if one fails.
 *
 * What `from` points to is read before anything is done, and `to` written after everything is. Neither may be in the
 * slot's banks, nor `to` in `ops`. An address that can't be accessed ends in a signal, as in any function of C, at one of
 * these two moments: there is never half a vector.
 *
 * Parameters: item is of that pool, which has RK_PERCPU_CLOSABLE; `where` and `length` stay within its items' size. A slot
 * that was never opened is opened. count is 0 to RK_VECTOR_OPS_MAX.
 * Returns 0 when it is done; n > 0 when the n-th operation, counted from 1, is a comparison that failed.
 * Else nothing was done: -EINVAL for a code, a length, an offset, an operand, an order of operations, a count, a CPU or a
 * pool that isn't as said above, or for memory that overlaps the banks; -EBUSY when the slot's claim is held: by another
 * thread, by the interrupted code, by the caller; -ESHUTDOWN when the slot was closed; -ESTALE when a bank was taken of it
 * that nobody is done with (rk_bank_take() gives it); -EHOSTUNREACH when there is no fence.
 * Context: any thread; signal handler (with 10 KiB of stack); after fork; not a vfork child; not under asynchronous
 * cancellation (api.h). A handler that interrupts it must not leave it by longjmp: the slot would stay closed.
 * Cost: on the CPU it runs on 0.1 us and what copying the bank takes; elsewhere a fence as well. See bench/METHOD.md.
 */
RKI_API int rk_percpu_vector(const struct rk_percpu *pool, void *item, int cpu, const struct rk_vector_op *ops,
			     int count);

/*
 * The same on the caller's own banks. base is the address of slot 0; banks have `size` bytes. *spare is a bank that
 * nobody else uses, and when the function returns the one that isn't in use by then.
 *
 * Returns as rk_percpu_vector(); -ENXIO when the slot was never opened; -EINVAL when spare isn't aligned to 4 bytes or is
 * the slot's bank, too.
 * Context and cost: as rk_percpu_vector().
 */
RKI_API int rk_vector(void *base, int cpu, void **spare, size_t size, const struct rk_vector_op *ops, int count);

RKI_END_DECLS

#endif /* RSEQKIT_VECTOR_H */
