/* SPDX-License-Identifier: MIT */
/*
 * bench.h - types and functions that the loops of the benches, the benches' data and the worker's main program share.
 *
 * A bench is a set of contenders that do the same job. A slice is one measured run of a contender's loop, in all threads at the
 * same time. A turn is one iteration of the loop. A placement is a copy of the loop at other code addresses: each loop is
 * compiled BENCH_PLACEMENTS times. The worker is the process that runs loops for the tool (worker.c).
 */
#ifndef RK_BENCH_H
#define RK_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <rseqkit.h>

/* A condition for a contender's threads. The tool (rseqkit bench) makes it true. */
enum bench_condition {
	BENCH_ANY,  /* works in any thread */
	BENCH_RSEQ, /* has no fallback: needs a thread with rseq, whichever component registered it */
	BENCH_SELF, /* this library registers threads, the libc doesn't */
	BENCH_NONE, /* threads can't have rseq */
	BENCH_CPUS, /* the process may use at least two CPUs */
	BENCH_CK,   /* the worker was built with Concurrency Kit */
	BENCH_CK_SPINS, /* like BENCH_CK, but each thread needs its own CPU: a thread spins while another thread is preempted */
	BENCH_URCU, /* the worker was built with liburcu */
	BENCH_URCU_FLAVOURS, /* the worker was built with the libraries of liburcu's flavours */
	/* malloc() must be this allocator's function: */
	BENCH_GLIBC,
	BENCH_JEMALLOC,
	BENCH_MIMALLOC,
	BENCH_TCMALLOC
};

/* The time that a loop returns if it measured nothing usable. */
#define BENCH_FAILED UINT64_MAX

struct bench_loop {
	const char *bench;
	const char *contender;
	enum bench_condition condition;
	/*
	 * Makes n turns, each of `per_turn` operations (struct bench). Returns 0 if the caller measures the time. If the loop
	 * itself measures the time, returns nanoseconds, or BENCH_FAILED if it measured nothing usable.
	 */
	uint64_t (*run)(uint64_t n);
	/*
	 * Returns the sum over all runs so far, which the caller compares with the number of operations. This member is NULL
	 * if the loop has no sum.
	 */
	uint64_t (*sum)(void);
	/*
	 * Checks the contender's memory after a slice, and prepares it for the next slice. Returns false if the memory isn't as
	 * it must be. NULL: there is nothing to check or prepare.
	 */
	bool (*settle)(void);
	uint64_t iterations; /* the number of turns in a slice; 0: as many as fit into its time */
	/* Returns why the loop can't run here, in static storage; NULL if it can. If `why` is NULL, only `condition` decides. */
	const char *(*why)(void);
	/* Returns the private memory that the operation takes, in KiB; negative if it isn't known. NULL: it isn't measured. */
	double (*memory)(void);
};

struct bench {
	const char *name;
	unsigned seconds;  /* the time for which the bench is measured by default */
	bool one_thread;   /* the bench is measured with one thread only */
	unsigned per_turn; /* operations in a turn of the loop */
	const char *what;
};

#define BENCH_PLACEMENTS 8

/*
 * Makes a function inline, whatever its length. Compilers judge the size of an asm statement by its text, so otherwise they would
 * not inline a function with a section.
 */
#define BENCH_INLINE static inline __attribute__((__always_inline__))

/* Hides a pointer and the memory it points to from the compiler, so that the compiler removes no operation. */
#define BENCH_HIDE(pointer) __asm__ __volatile__("" : "+r"(pointer) : : "memory")

#define BENCH_GLUE_(a, b) a##b
#define BENCH_GLUE(a, b) BENCH_GLUE_(a, b)

extern const struct bench benches[];
extern const unsigned bench_count;

extern const struct bench_loop *const bench_loops[BENCH_PLACEMENTS];
extern const unsigned bench_loop_count;

/*
 * The memory of the contenders. Each contender has its own: a word for each CPU, in the layout of rk_percpu, or one shared word.
 */
extern struct rk_counter *bench_counter;
extern void *bench_slots_classic;
extern void *bench_slots_floor;
extern void *bench_slots_percpu;
extern void *bench_slots_getcpu;
extern uint64_t *bench_shared;
extern __thread uint64_t bench_thread_local;

extern int64_t bench_one; /* always 1; the compiler of the loops doesn't know this value */

uint64_t bench_sum_counter(void);
uint64_t bench_sum_classic(void);
uint64_t bench_sum_percpu(void);
uint64_t bench_sum_getcpu(void);
uint64_t bench_sum_shared(void);

/* Allocates the memory that is declared above. Returns 0 or a negative errno. */
int bench_data_create(void);

/* Allocates the memory of all benches (list.c). Returns 0 or a negative errno. */
int bench_create(void);

/*
 * Allocates one more word for each CPU, in the layout of rk_percpu. Each word is alone in its cache line. Returns 0 or a negative
 * errno.
 */
int bench_slots_create(void **slots);

/*
 * Registers the calling thread by the bare system call, without the library. Returns 0 or a negative errno. Don't call this in
 * threads that use the library's operations.
 */
int bench_bare_register(void);
int bench_bare_unregister(void);

/*
 * Calls `operation` once in each of n fresh threads. Returns the nanoseconds spent in these calls, without the time for reading
 * the clock. Returns BENCH_FAILED if a thread couldn't be created, or if `operation` returned false.
 */
uint64_t bench_in_fresh_threads(uint64_t n, bool (*operation)(void));

uint64_t bench_now(void); /* returns the nanoseconds of CLOCK_MONOTONIC */

#endif /* RK_BENCH_H */
