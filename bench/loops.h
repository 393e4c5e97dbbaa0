/* SPDX-License-Identifier: MIT */
/*
 * loops.h - the loop of every contender, at one placement (one of the code addresses at which each loop is compiled). loops.c
 * includes this file once for each PLACEMENT. No other file includes it, so it has no include guard.
 *
 * Invariant: contenders, the different ways to do a bench's job, differ only in the operation. One macro makes all loops, so all
 * have the same skeleton. Loops are never unrolled (-fno-unroll-loops), and the compiler never aligns them (-falign-loops=1 and
 * similar options). PLACEMENT moves the loop's head. Constants, for example addresses, are read into local variables before the
 * loop.
 */
#define NAME(name) BENCH_GLUE(BENCH_GLUE(name, _at_), PLACEMENT)

/* Steps of 9 bytes give even and odd offsets in all parts of a 64-byte line. The nops run once in a call, before the loop. */
#define PLACE() __asm__ __volatile__(".balign 64\n\t.rept %c0\n\tnop\n\t.endr" : : "i"(PLACEMENT * 9 % 64))

/* `body` sets `failed` to a value other than 0 if the operation failed. */
#define LOOP(bench, contender, condition, name, sum, settle, setup, body)                                              \
	static __attribute__((__noinline__)) uint64_t NAME(loop_##name)(uint64_t n)                                    \
	{                                                                                                              \
		int failed = 0;                                                                                        \
		setup                                                                                                  \
		PLACE();                                                                                               \
		do {                                                                                                   \
			body                                                                                           \
		} while (--n != 0);                                                                                    \
		return failed ? BENCH_FAILED : 0;                                                                      \
	}

#define ENTRY(bench, contender, condition, name, sum, settle, setup, body)                                             \
	{bench, contender, condition, NAME(loop_##name), sum, settle, 0, NULL, NULL},

#define REMOTE(bench, contender, condition, function) {bench, contender, condition, function, NULL, NULL, 0, NULL, NULL},

/* A contender that measures the time itself, in processes of its own. */
#define START(contender, name)                                                                                         \
	{"start", contender, BENCH_ANY, start_##name, NULL, NULL, BENCH_START_PROCESSES, start_why_##name, NULL},

#define FIRST(name)                                                                                                    \
	{"first", #name, BENCH_ANY, first_create_##name, NULL, NULL, BENCH_FIRST_PROCESSES, first_why, first_memory_##name}, \
	{"first", #name "-use", BENCH_ANY, first_use_##name, NULL, NULL, BENCH_FIRST_PROCESSES, first_why, NULL},       \
	{"second", #name, BENCH_ANY, second_create_##name, NULL, NULL, BENCH_FIRST_PROCESSES, first_why, second_memory_##name}, \
	{"second", #name "-use", BENCH_ANY, second_use_##name, NULL, NULL, BENCH_FIRST_PROCESSES, first_why, NULL},

#define COLD(X, name, contender, condition, sum, settle, setup, operation)                                             \
	{"context-cold", contender, condition, context_cold_##name, sum, settle, BENCH_CONTEXT_COLD, NULL, NULL},

CONTENDERS(LOOP)

static const struct bench_loop NAME(loops)[] = {
	CONTENDERS(ENTRY)
	REMOTES(REMOTE)
	RING_REMOTES(REMOTE)
	RCU_WRITERS(REMOTE)
	STARTS(START)
	FIRSTS(FIRST)
	CONTEXT_OPERATIONS(COLD, )
	{"stamped", "lttng-ust", BENCH_ANY, bench_stamped_lttng, NULL, bench_settle_stamped_lttng, 0, bench_stamped_lttng_why,
	 NULL},
	{"fallback", "rseqkit-no-rseq", BENCH_NONE, NAME(loop_counter_rseqkit), bench_sum_counter, NULL, 0, NULL, NULL},
	{"fallback", "group", BENCH_NONE, NAME(loop_counter_group), bench_sum_group, NULL, 0, NULL, NULL},
	{"fallback", "peak", BENCH_NONE, NAME(loop_peak_rseqkit), NULL, bench_settle_peak, 0, NULL, NULL},
	{"fallback", "peak-rising", BENCH_NONE, NAME(loop_peak_rising_rseqkit), NULL, bench_settle_peak, 0, NULL, NULL},
	{"fallback", "level-rising", BENCH_NONE, NAME(loop_level_rising_rseqkit), bench_sum_level, bench_settle_level, 0, NULL,
	 NULL},
	{"fallback", "shared-atomic", BENCH_NONE, NAME(loop_counter_shared), bench_sum_shared, NULL, 0, NULL, NULL},
	{"register-self", "rseqkit-first", BENCH_SELF, register_first, NULL, NULL, 16, NULL, NULL},
	{"register-self", "bare-syscalls-first", BENCH_SELF, register_bare_first, NULL, NULL, 16, NULL, NULL},
	{"register-self", "three-syscalls-first", BENCH_SELF, register_three_first, NULL, NULL, 16, NULL, NULL},
};

#undef NAME
#undef PLACE
#undef LOOP
#undef ENTRY
#undef REMOTE
#undef START
#undef FIRST
#undef COLD
