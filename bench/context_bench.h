/* SPDX-License-Identifier: MIT */
/*
 * context_bench.h - the benches `context`, `context-code` and `context-cold`: what an operation adds to a program that does other
 * things between two operations.
 *
 *   context        a chain of dependent multiplications, which takes 46 ns at 3 GHz and leaves most of the core idle
 *   context-code   additions that don't depend on each other, which keep the core busy; about 90 ns
 *   context-cold   a sweep that displaces the operation's data from the first caches; only the operation is timed
 *
 * Each operation is used in all three. A bench has a contender for each operation (bench.h). The contender `nothing` is the same
 * loop without an operation. The tool subtracts the time of `nothing` from that of each other contender (BENCH_NOTHING in the
 * tool's bench.h).
 */
#ifndef RK_BENCH_CONTEXT_H
#define RK_BENCH_CONTEXT_H

#include "cache_bench.h"
#include "histogram_bench.h"
#include "ring_bench.h"

#define BENCH_CONTEXT_SWEEP ((size_t)4 << 20) /* the bytes that a sweep of `context-cold` reads */
#define BENCH_CONTEXT_COLD 4 /* the operations in a slice (one measured run) of `context-cold` */

extern struct rk_ring *bench_context_ring; /* this ring overwrites old records, so it needs no reader */
extern uint64_t *bench_context_contended;

int bench_context_create(void);

/* Checks the records in the ring. */
bool bench_settle_context_ring(void);

/*
 * Starts a thread on each CPU except one, unless these threads run already. They add to *bench_context_contended all the time.
 * Binds the calling thread to the remaining CPU. Returns false if one of these steps fails.
 */
bool bench_context_contend(void);

/* Ends the threads of bench_context_contend(). Returns the number of adds that the measuring threads made. */
uint64_t bench_sum_contended(void);

#define CONTEXT_ADD(word)                                                                                              \
	do {                                                                                                           \
		uint64_t old = __atomic_fetch_add(word, 1, __ATOMIC_RELAXED);                                          \
                                                                                                                       \
		__asm__ __volatile__("" : : "r"(old));                                                                 \
	} while (0);

/*
 * Calls Y(X, name, contender, condition, sum, settle, setup, operation) for each operation. The code `operation` can use n, the
 * number of operations that are left.
 */
#define CONTEXT_OPERATIONS(Y, X)                                                                                       \
	Y(X, counter, "counter", BENCH_ANY, bench_sum_counter, NULL,                                                   \
	  struct rk_counter *counter = bench_counter;,                                                                 \
	  rk_counter_add(counter, 1);)                                                                                 \
	Y(X, cache, "cache", BENCH_ANY, NULL, bench_settle_cache_rseqkit,                                              \
	  struct rk_cache *cache = bench_cache;,                                                                       \
	  failed |= cache_rseqkit(cache);)                                                                             \
	Y(X, ring, "ring", BENCH_RSEQ, NULL, bench_settle_context_ring,                                                \
	  struct rk_ring *ring = bench_context_ring;,                                                                  \
	  failed |= rk_ring_write(ring, ring_record(n), sizeof(struct bench_ring_record));)                            \
	Y(X, histogram, "histogram", BENCH_ANY, bench_sum_histogram, NULL,                                             \
	  struct rk_histogram *histogram = bench_histogram;,                                                           \
	  rk_histogram_record(histogram, n);)                                                                          \
	Y(X, shared, "shared-atomic", BENCH_ANY, bench_sum_shared, NULL,                                               \
	  uint64_t *word = bench_shared;,                                                                              \
	  CONTEXT_ADD(word))                                                                                           \
	Y(X, contended, "contended-atomic", BENCH_CPUS, bench_sum_contended, NULL,                                     \
	  uint64_t *word = bench_context_contended; failed |= !bench_context_contend();,                               \
	  CONTEXT_ADD(word))                                                                                           \
	Y(X, thread_local, "thread-local", BENCH_ANY, NULL, NULL,                                                      \
	  uint64_t *word = &bench_thread_local;,                                                                       \
	  ++*word; __asm__ __volatile__("" : "+m"(*word));)                                                            \
	Y(X, malloc, "malloc", BENCH_GLIBC, NULL, bench_settle_cache_malloc, ,                                         \
	  failed |= cache_malloc();)                                                                                   \
	Y(X, nothing, "nothing", BENCH_ANY, NULL, NULL, , )

#define CONTEXT_8(step, first)                                                                                         \
	step(first) step(first + 1) step(first + 2) step(first + 3) step(first + 4) step(first + 5) step(first + 6)    \
	step(first + 7)

/* context_chain() makes 48 multiplications, each of which needs the result of the previous multiplication. */
#define CONTEXT_MULTIPLY(number)                                                                                       \
	value *= factor;                                                                                               \
	__asm__ __volatile__("" : "+r"(value));

BENCH_INLINE uint64_t context_chain(uint64_t value, uint64_t factor)
{
	CONTEXT_8(CONTEXT_MULTIPLY, 0)
	CONTEXT_8(CONTEXT_MULTIPLY, 8)
	CONTEXT_8(CONTEXT_MULTIPLY, 16)
	CONTEXT_8(CONTEXT_MULTIPLY, 24)
	CONTEXT_8(CONTEXT_MULTIPLY, 32)
	CONTEXT_8(CONTEXT_MULTIPLY, 40)
	return value;
}

/* context_code() makes 64 additions, of which none needs the result of another, and repeats them 25 times. */
#define CONTEXT_ADDITION(number)                                                                                       \
	{                                                                                                              \
		uint64_t sum = turn + (number) + 1;                                                                    \
                                                                                                                       \
		__asm__ __volatile__("" : : "r"(sum));                                                                 \
	}

BENCH_INLINE void context_code(void)
{
	for (uint64_t turn = 25; turn != 0; turn--) {
		CONTEXT_8(CONTEXT_ADDITION, 0)
		CONTEXT_8(CONTEXT_ADDITION, 8)
		CONTEXT_8(CONTEXT_ADDITION, 16)
		CONTEXT_8(CONTEXT_ADDITION, 24)
		CONTEXT_8(CONTEXT_ADDITION, 32)
		CONTEXT_8(CONTEXT_ADDITION, 40)
		CONTEXT_8(CONTEXT_ADDITION, 48)
		CONTEXT_8(CONTEXT_ADDITION, 56)
	}
}

#define CONTEXT_CHAIN(X, name, contender, condition, sum, settle, setup, operation)                                    \
	X("context", contender, condition, context_##name, sum, settle,                                                \
	  setup uint64_t value = n; uint64_t factor = (uint64_t)bench_one;,                                            \
	  operation value = context_chain(value, factor);)

#define CONTEXT_CODE(X, name, contender, condition, sum, settle, setup, operation)                                     \
	X("context-code", contender, condition, context_code_##name, sum, settle, setup, operation context_code();)

#define CONTEXTS(X) CONTEXT_OPERATIONS(CONTEXT_CHAIN, X) CONTEXT_OPERATIONS(CONTEXT_CODE, X)

/* The functions of `context-cold` return the time of the operations. */
#define CONTEXT_DECLARATION(X, name, contender, condition, sum, settle, setup, operation)                              \
	uint64_t context_cold_##name(uint64_t n);
CONTEXT_OPERATIONS(CONTEXT_DECLARATION, )

#endif /* RK_BENCH_CONTEXT_H */
