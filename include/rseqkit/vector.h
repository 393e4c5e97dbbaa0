/* SPDX-License-Identifier: MIT */
/*
 * vector.h - up to 16 operations on one CPU's data, done as one.
 *
 * Any thread may do this, for the CPU that it runs on, for another CPU, and for one that is offline or not yet online.
 *
 *	struct rk_vector_op ops[] = {
 *		{.code = RK_VECTOR_EQUAL, .length = 8, .where = 0, .from = &expected},
 *		{.code = RK_VECTOR_ADD, .length = 8, .where = 8, .operand = 1},
 *		{.code = RK_VECTOR_READ, .length = 64, .where = 16, .to = buffer},
 *	};
 *	int r = rk_percpu_vector(pool, item, cpu, ops, 3);
 *
 * The data is a bank (bank.h): that of an item of a pool with RK_PERCPU_CLOSABLE, or the caller's own. Local users see all of
 * the vector's effects or none. While the vector runs, the slot is closed, and local users take their overflow way.
 *
 * How it is done: the function claims and closes the slot, and makes the comparisons. It copies the bank to the spare one and
 * does the operations there. Then one store makes the spare the slot's bank. So a child that is forked in between has the bank
 * as it was, and the next claim of the slot opens it again.
 */
#ifndef RSEQKIT_VECTOR_H
#define RSEQKIT_VECTOR_H

#include <rseqkit/percpu.h>

/* The most operations of a vector, and the most bytes that all its comparisons, copies and reads have together. */
#define RK_VECTOR_OPS_MAX 16
#define RK_VECTOR_BYTES_MAX 4096

/* Numbers are ABI. Arithmetic is on an unsigned number of `length` bytes, wrapping. */
enum rk_vector_code {
	RK_VECTOR_EQUAL = 0,       /* continues if the bank's bytes are those at `from` */
	RK_VECTOR_UNEQUAL = 1,     /* continues if the bank's bytes differ from those at `from` */
	RK_VECTOR_COPY = 2,        /* copies bytes from `from` to the bank */
	RK_VECTOR_READ = 3,        /* copies bytes from the bank to `to`, as the operations before this one left them */
	RK_VECTOR_ADD = 4,         /* adds `operand` */
	RK_VECTOR_AND = 5,         /* keeps the bits of `operand` */
	RK_VECTOR_OR = 6,          /* sets the bits of `operand` */
	RK_VECTOR_XOR = 7,         /* inverts the bits of `operand` */
	RK_VECTOR_SHIFT_LEFT = 8,  /* shifts by `operand` bits */
	RK_VECTOR_SHIFT_RIGHT = 9, /* shifts by `operand` bits, fills with zeros */
	RK_VECTOR_BARRIER = 10     /* a memory barrier, for other memory than the bank: the bank changes all at once */
};

struct rk_vector_op {
	enum rk_vector_code code;
	uint32_t length;  /* bytes: 1, 2, 4 or 8 for arithmetic, 0 for a barrier, otherwise any number from 1 on */
	size_t where;     /* bytes into the bank; for arithmetic a multiple of `length` */
	uint64_t operand; /* for arithmetic; for shifts less than 8 * length */
	const void *from; /* for comparisons and copies */
	void *to;         /* for reads */
};

RKI_BEGIN_DECLS

/*
 * Does the operations, in their order. Comparisons come before all other operations. If one fails, nothing is done.
 *
 * The function reads the memory at `from` before it does anything, and writes the memory at `to` after everything. Neither may be
 * in the slot's banks, and `to` may not be in `ops`. An address that can't be accessed causes a signal at one of these two
 * moments, as in any function of C. So there is never half a vector.
 *
 * Parameters: item belongs to `pool`, which has RK_PERCPU_CLOSABLE. `where` and `length` stay within the size of the pool's
 * items. The function opens a slot that was never opened. count is 0 to RK_VECTOR_OPS_MAX.
 * Returns 0 when the vector is done, or n > 0 when the n-th operation, counted from 1, is a comparison that failed. With a
 * negative errno nothing was done:
 *   -EINVAL         a code, a length, an offset, an operand, an order of operations, a count, a CPU or a pool isn't as described
 *                   above; or an address is NULL; or memory at `from` or `to` overlaps the banks
 *   -EBUSY          another thread, the interrupted code or the caller itself holds the slot's claim
 *   -ESHUTDOWN      the slot is closed
 *   -ESTALE         a bank was taken from the slot and isn't done with (rk_bank_take() gives it)
 *   -EHOSTUNREACH   there is no fence
 * Context: any thread; signal handler (with 10 KiB of stack); after fork; not a vfork child; not under asynchronous
 * cancellation (api.h). A handler that interrupts the function must not leave it by longjmp: the slot would stay closed.
 * Cost: for the CPU that the thread runs on 0.1 us and the time to copy the bank; for another CPU also a fence. See
 * bench/METHOD.md.
 */
RKI_API int rk_percpu_vector(const struct rk_percpu *pool, void *item, int cpu, const struct rk_vector_op *ops,
			     int count);

/*
 * Does the same on the caller's own banks. base is the address of slot 0; banks have `size` bytes. *spare is a bank that no other
 * thread uses. When the function returns, *spare is the bank that isn't in use then.
 *
 * Returns as rk_percpu_vector(). Also returns -ENXIO if the slot was never opened, and -EINVAL if *spare is NULL, isn't aligned
 * to 4 bytes or is the slot's bank.
 * Context and cost: as rk_percpu_vector().
 */
RKI_API int rk_vector(void *base, int cpu, void **spare, size_t size, const struct rk_vector_op *ops, int count);

RKI_END_DECLS

#endif /* RSEQKIT_VECTOR_H */
