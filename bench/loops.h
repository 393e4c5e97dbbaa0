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
#define LOOP(name, setup, body)                                                                                        \
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

/* counter: add 1 */
LOOP(counter_rseqkit, struct rk_counter *counter = bench_counter;, rk_counter_add(counter, 1);)

#if BENCH_HAVE_CLASSIC
LOOP(counter_classic, void *slots = bench_slots_classic;, classic_add(slots, 1);)
#endif

LOOP(counter_percpu, void *slots = bench_slots_percpu;, ATOMIC_ADD(rk_percpu_slot(slots, rk_cpu()));)

LOOP(counter_getcpu, void *slots = bench_slots_getcpu;, ATOMIC_ADD(rk_percpu_slot(slots, sched_getcpu()));)

LOOP(counter_shared, uint64_t *shared = bench_shared;, ATOMIC_ADD(shared);)

LOOP(counter_thread_local, uint64_t *word = &bench_thread_local;, ++*word; __asm__ __volatile__("" : "+m"(*word));)

/* cpu: the current CPU's number */
LOOP(cpu_rseqkit, , USE(rk_cpu());)

LOOP(cpu_sched_getcpu, , USE(sched_getcpu());)

LOOP(cpu_syscall, unsigned cpu;, failed |= (int)syscall(SYS_getcpu, &cpu, NULL, NULL);)

/* register, register-self: take part, and stop taking part */
LOOP(register_pair, , failed |= rk_thread_register(); failed |= rk_thread_unregister();)

LOOP(register_nested, failed = rk_thread_register();, failed |= rk_thread_register(); failed |= rk_thread_unregister();)

LOOP(register_vfork, failed = rk_thread_prepare();, failed |= rk_vfork_begin(); failed |= rk_vfork_end();)

LOOP(register_bare, (void)bench_bare_unregister();, failed |= bench_bare_register(); failed |= bench_bare_unregister();)

#define LOOPS(name) NAME(loop_##name)

static const struct bench_loop NAME(loops)[] = {
	{"counter", "rseqkit", BENCH_ANY, LOOPS(counter_rseqkit), bench_sum_counter, 0},
#if BENCH_HAVE_CLASSIC
	{"counter", "classic", BENCH_RSEQ, LOOPS(counter_classic), bench_sum_classic, 0},
#endif
	{"counter", "percpu-atomic", BENCH_ANY, LOOPS(counter_percpu), bench_sum_percpu, 0},
	{"counter", "getcpu-atomic", BENCH_ANY, LOOPS(counter_getcpu), bench_sum_getcpu, 0},
	{"counter", "shared-atomic", BENCH_ANY, LOOPS(counter_shared), bench_sum_shared, 0},
	{"counter", "thread-local", BENCH_ANY, LOOPS(counter_thread_local), NULL, 0},

	{"fallback", "rseqkit-no-rseq", BENCH_NONE, LOOPS(counter_rseqkit), bench_sum_counter, 0},
	{"fallback", "shared-atomic", BENCH_NONE, LOOPS(counter_shared), bench_sum_shared, 0},

	{"cpu", "rseqkit", BENCH_ANY, LOOPS(cpu_rseqkit), NULL, 0},
	{"cpu", "sched_getcpu", BENCH_ANY, LOOPS(cpu_sched_getcpu), NULL, 0},
	{"cpu", "getcpu-syscall", BENCH_ANY, LOOPS(cpu_syscall), NULL, 0},

	{"register", "rseqkit", BENCH_RSEQ, LOOPS(register_pair), NULL, 0},

	{"register-self", "rseqkit", BENCH_SELF, LOOPS(register_nested), NULL, 0},
	{"register-self", "rseqkit-first", BENCH_SELF, register_first, NULL, 16},
	{"register-self", "rseqkit-vfork-bracket", BENCH_SELF, LOOPS(register_vfork), NULL, 0},
	{"register-self", "bare-syscalls", BENCH_SELF, LOOPS(register_bare), NULL, 0},
	{"register-self", "bare-syscalls-first", BENCH_SELF, register_bare_first, NULL, 16},
};

#undef NAME
#undef PLACE
#undef LOOP
#undef LOOPS
