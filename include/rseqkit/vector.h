/* SPDX-License-Identifier: MIT */
/*
 * vector.h - vectors: up to 16 operations on one CPU's data, done as if they were one operation.
 *
 * A thread can run a vector for its own CPU, for another CPU, and for a CPU that is offline or was never online.
 *
 *	struct rk_vector_op ops[] = {
 *		{.code = RK_VECTOR_EQUAL, .length = 8, .where = 0, .from = &expected},
 *		{.code = RK_VECTOR_ADD, .length = 8, .where = 8, .operand = 1},
 *		{.code = RK_VECTOR_READ, .length = 64, .where = 16, .to = buffer},
 *	};
 *	int r = rk_percpu_vector(pool, item, cpu, ops, 3);
 *
 * The data is a bank (bank.h). The bank belongs to an item of a pool with RK_PERCPU_CLOSABLE, or to the caller. Local users, the
 * threads on that CPU, see all of the vector's effects or none. While the vector runs, the slot is closed, and local users take
 * their fallback.
 *
 * The function works as follows. It takes the slot's claim (remote.h), closes the slot, and makes the comparisons. It copies
 * the bank to the spare bank, and does the operations on the spare bank. Then one store makes the spare bank the slot's bank.
 * A child that is forked before this store has the unchanged bank. The next claim of the slot in the child opens the slot
 * with this bank.
 */
#ifndef RSEQKIT_VECTOR_H
#define RSEQKIT_VECTOR_H

#include <rseqkit/percpu.h>

/* The highest number of operations in a vector, and the highest number of bytes in its comparisons, copies and reads together. */
#define RK_VECTOR_OPS_MAX 16
#define RK_VECTOR_BYTES_MAX 4096

/* Numbers are ABI. Arithmetic works on an unsigned number of `length` bytes, and wraps. */
enum rk_vector_code {
	RK_VECTOR_EQUAL = 0,       /* compares: fails if the bank's bytes differ from the bytes at `from` */
	RK_VECTOR_UNEQUAL = 1,     /* compares: fails if the bank's bytes equal the bytes at `from` */
	RK_VECTOR_COPY = 2,        /* copies bytes from `from` to the bank */
	RK_VECTOR_READ = 3,        /* copies bytes from the bank to `to`, as the earlier operations left them */
	RK_VECTOR_ADD = 4,         /* adds `operand` */
	RK_VECTOR_AND = 5,         /* keeps the bits of `operand` */
	RK_VECTOR_OR = 6,          /* sets the bits of `operand` */
	RK_VECTOR_XOR = 7,         /* inverts the bits of `operand` */
	RK_VECTOR_SHIFT_LEFT = 8,  /* shifts by `operand` bits */
	RK_VECTOR_SHIFT_RIGHT = 9, /* shifts by `operand` bits, fills with zeros */
	RK_VECTOR_BARRIER = 10     /* a memory barrier, for memory outside the bank; changes of the bank all appear at once */
};

struct rk_vector_op {
	enum rk_vector_code code;
	uint32_t length;  /* bytes: 1, 2, 4 or 8 for arithmetic, 0 for a barrier, otherwise any number from 1 on */
	size_t where;     /* bytes into the bank; for arithmetic a multiple of `length` */
	uint64_t operand; /* for arithmetic; for shifts it must be less than 8 * length */
	const void *from; /* for comparisons and copies */
	void *to;         /* for reads */
};

RKI_BEGIN_DECLS

/*
 * Does the operations, in their order. Put the comparisons before all other operations. If a comparison fails, the vector
 * changes nothing.
 *
 * The function reads all memory at `from` before it changes anything, and writes the memory at `to` after all changes. Memory at
 * `from` or `to` must not be in the slot's banks, and memory at `to` must not be in `ops`. If an address can't be accessed,
 * that read or write causes a signal, as in any function of C. Because of this order of reads, changes and writes, a vector is
 * never half done.
 *
 * Parameters: `item` belongs to `pool`, which must have RK_PERCPU_CLOSABLE. The bytes that `where` and `length` describe must
 * be inside an item of the pool. If the slot was never opened, the function opens the slot. `count` is 0 to RK_VECTOR_OPS_MAX.
 * Returns 0 if the vector is done. Returns n > 0 if the n-th operation, counted from 1, is a comparison that failed. If the
 * function returns a negative errno, nothing was done:
 *   -EINVAL         a code, length, offset, operand, count, CPU or pool, or the order of the operations, isn't as described
 *                   above; or an address is NULL; or memory at `from` or `to` overlaps the banks
 *   -EBUSY          the slot's claim is held by another thread, by the code that this signal handler interrupted, or by the
 *                   caller itself
 *   -ESHUTDOWN      the slot is closed
 *   -ESTALE         a bank was taken from the slot, and rk_bank_done() wasn't called yet (rk_bank_take() gives this bank)
 *   -EHOSTUNREACH   rk_fence_cpu() can't fence the CPU (remote.h)
 * Context: any thread; signal handler (with 10 KiB of stack); after fork; not a vfork child; not under asynchronous
 * cancellation (api.h). A signal handler that interrupts the function must not end by longjmp. Otherwise the slot stays closed.
 * Cost: 0.1 us and the time to copy the bank, if `cpu` is the CPU that the thread runs on. For another CPU, also a fence. See
 * bench/METHOD.md.
 */
RKI_API int rk_percpu_vector(const struct rk_percpu *pool, void *item, int cpu, const struct rk_vector_op *ops,
			     int count);

/*
 * Does the same as rk_percpu_vector(), on the caller's own banks. `base` is the address of slot 0. Each bank has `size` bytes.
 * *spare must be a bank that no other thread uses. When the function returns, *spare is the bank that the slot doesn't use
 * then: the old bank if the vector changed something, otherwise the same spare.
 *
 * Returns as rk_percpu_vector(). Also returns -ENXIO if the slot was never opened. Also returns -EINVAL if spare or *spare is
 * NULL, or if *spare isn't aligned to 4 bytes or is the slot's bank.
 * Context and cost: as rk_percpu_vector().
 */
RKI_API int rk_vector(void *base, int cpu, void **spare, size_t size, const struct rk_vector_op *ops, int count);

RKI_END_DECLS

#endif /* RSEQKIT_VECTOR_H */
