/* SPDX-License-Identifier: MIT */
/*
 * loops.h - the loop of every contender, at one code placement. loops.c includes this once for each PLACEMENT; nothing
 * else does, which is why it has no include guard.
 *
 * The invariant: contenders differ in nothing but the operation. One macro makes all loops: the same skeleton, never
 * unrolled (-fno-unroll-loops), never aligned by the compiler (-falign-loops=1 and its kin), its head moved by
 * PLACEMENT. What is constant, an address say, is read into a local variable before the loop.
 */
#define NAME(name) BENCH_GLUE(BENCH_GLUE(name, _at_), PLACEMENT)

/* Steps of 9 bytes visit even and odd offsets in all parts of a 64-byte line. The padding runs once per call. */
#define PLACE() __asm__ __volatile__(".balign 64\n\t.rept %c0\n\tnop\n\t.endr" : : "i"(PLACEMENT * 9 % 64))

/* `body` sets `failed` to something else than 0 if the operation didn't do what it should. */
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
	{bench, contender, condition, NAME(loop_##name), sum, settle, 0},

#define REMOTE(bench, contender, condition, function) {bench, contender, condition, function, NULL, NULL, 0},

CONTENDERS(LOOP)

static const struct bench_loop NAME(loops)[] = {
	CONTENDERS(ENTRY)
	REMOTES(REMOTE)
	RING_REMOTES(REMOTE)
	RCU_WRITERS(REMOTE)
	{"fallback", "rseqkit-no-rseq", BENCH_NONE, NAME(loop_counter_rseqkit), bench_sum_counter, NULL, 0},
	{"fallback", "shared-atomic", BENCH_NONE, NAME(loop_counter_shared), bench_sum_shared, NULL, 0},
	{"register-self", "rseqkit-first", BENCH_SELF, register_first, NULL, NULL, 16},
	{"register-self", "bare-syscalls-first", BENCH_SELF, register_bare_first, NULL, NULL, 16},
	{"register-self", "three-syscalls-first", BENCH_SELF, register_three_first, NULL, NULL, 16},
};

#undef NAME
#undef PLACE
#undef LOOP
#undef ENTRY
#undef REMOTE
