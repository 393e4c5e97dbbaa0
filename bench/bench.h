/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the loops of the benches, their data and the worker's main program agree on.
 *
 * A bench is a set of contenders that do the same job. To add one: an entry in benches[] (list.c), and one per
 * contender in contenders.h. Everything else - placements, PIE and not, threads, interleaving, statistics, output -
 * follows from these.
 */
#ifndef RK_BENCH_H
#define RK_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <rseqkit.h>

/* What a contender needs to be true of its threads; how to make it true is the tool's business. */
enum bench_condition {
	BENCH_ANY,  /* works in any thread */
	BENCH_RSEQ, /* has no fallback: needs a thread with rseq, whoever owns it */
	BENCH_SELF, /* this library registers threads, the libc doesn't */
	BENCH_NONE, /* threads can't have rseq */
	BENCH_CK,   /* the worker was built with Concurrency Kit */
	BENCH_CK_SPINS, /* the same, and there is a CPU for each thread: it spins while another is preempted */
	BENCH_URCU, /* with liburcu */
	BENCH_URCU_FLAVOURS, /* with the libraries of its flavours, too */
	/* malloc() is that of: */
	BENCH_GLIBC,
	BENCH_JEMALLOC,
	BENCH_MIMALLOC,
	BENCH_TCMALLOC
};

/* What a loop returns when it measured nothing usable. */
#define BENCH_FAILED UINT64_MAX

struct bench_loop {
	const char *bench;
	const char *contender;
	enum bench_condition condition;
	/*
	 * Takes n turns, of as many operations as the bench has in each. Returns 0 if the time is the caller's to
	 * take, the nanoseconds if the loop takes it itself, or BENCH_FAILED.
	 */
	uint64_t (*run)(uint64_t n);
	/* What all runs so far have added up to, to be compared with how often they ran; NULL if it can't be told. */
	uint64_t (*sum)(void);
	/* After a slice: is the memory as it must be? Makes it ready for the next, too. NULL if nothing is to do. */
	bool (*settle)(void);
	uint64_t iterations; /* of a slice; 0: as many as fit */
};

struct bench {
	const char *name;
	unsigned seconds;  /* measuring time by default */
	bool one_thread;   /* not measured with several */
	unsigned per_turn; /* operations in a turn of the loop */
	const char *what;
};

#define BENCH_PLACEMENTS 8

/* For what a loop does, at any length: compilers take a section for as long as its text, and would call it. */
#define BENCH_INLINE static inline __attribute__((__always_inline__))

/* The compiler doesn't know what becomes of a pointer, nor of what it points to: nothing is left out or undone. */
#define BENCH_HIDE(pointer) __asm__ __volatile__("" : "+r"(pointer) : : "memory")

#define BENCH_GLUE_(a, b) a##b
#define BENCH_GLUE(a, b) BENCH_GLUE_(a, b)

extern const struct bench benches[];
extern const unsigned bench_count;

extern const struct bench_loop *const bench_loops[BENCH_PLACEMENTS];
extern const unsigned bench_loop_count;

/*
 * The memory of the contenders, each its own, of the same layout: per CPU as rk_percpu lays it out, or one shared
 * word.
 */
extern struct rk_counter *bench_counter;
extern void *bench_slots_classic;
extern void *bench_slots_floor;
extern void *bench_slots_percpu;
extern void *bench_slots_getcpu;
extern uint64_t *bench_shared;
extern __thread uint64_t bench_thread_local;

extern int64_t bench_one; /* 1, which loops don't know */

uint64_t bench_sum_counter(void);
uint64_t bench_sum_classic(void);
uint64_t bench_sum_percpu(void);
uint64_t bench_sum_getcpu(void);
uint64_t bench_sum_shared(void);

/* Allocates the above. Returns 0 or a negative errno. */
int bench_data_create(void);

/* Allocates the memory of all benches (list.c). Returns 0 or a negative errno. */
int bench_create(void);

/* Another word per CPU, of the same layout, each alone in its line. Returns 0 or a negative errno. */
int bench_slots_create(void **slots);

/*
 * Bare registration of the calling thread, beside the library: 0 or a negative errno. Not for threads that use
 * operations.
 */
int bench_bare_register(void);
int bench_bare_unregister(void);

/* Nanoseconds spent in `operation`, called once in each of n fresh threads, less what the clock itself takes. */
uint64_t bench_in_fresh_threads(uint64_t n, bool (*operation)(void));

uint64_t bench_now(void); /* nanoseconds of CLOCK_MONOTONIC */

#endif /* RK_BENCH_H */
