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

/* list: pop a node, and push it back */
LOOP(list_rseqkit, struct bench_list *list = &bench_list_rseqkit; void *slots = list->slots;,
     failed |= list_rseqkit(list, slots);)

#if BENCH_HAVE_CLASSIC
LOOP(list_classic, struct bench_list *list = &bench_list_classic; void *slots = list->slots;,
     failed |= list_classic(list, slots);)
#endif

LOOP(list_stack, struct bench_list *list = &bench_list_stack;, failed |= list_stack(list);)

LOOP(list_mutex, struct bench_list *list = &bench_list_mutex;, failed |= list_mutex(list);)

LOOP(list_thread_local, intptr_t *first = list_of_thread();, list_thread_local(first);)

/* log: append a record, and count it */
LOOP(log_rseqkit, void *logs = bench_log_rseqkit; intptr_t count = 0;,
     failed |= log_rseqkit(logs, &count, &bench_record);)

#if BENCH_HAVE_CLASSIC
LOOP(log_classic, void *logs = bench_log_classic; intptr_t count = 0;,
     failed |= log_classic(logs, &count, &bench_record);)
#endif

LOOP(log_shared, struct bench_log *log = &bench_log_shared;, log_shared(log, &bench_record);)

LOOP(log_thread_local, struct bench_log *log = &bench_log_thread_local;, log_thread_local(log, &bench_record);)

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
	{"counter", "rseqkit", BENCH_ANY, LOOPS(counter_rseqkit), bench_sum_counter, NULL, 0},
#if BENCH_HAVE_CLASSIC
	{"counter", "classic", BENCH_RSEQ, LOOPS(counter_classic), bench_sum_classic, NULL, 0},
#endif
	{"counter", "percpu-atomic", BENCH_ANY, LOOPS(counter_percpu), bench_sum_percpu, NULL, 0},
	{"counter", "getcpu-atomic", BENCH_ANY, LOOPS(counter_getcpu), bench_sum_getcpu, NULL, 0},
	{"counter", "shared-atomic", BENCH_ANY, LOOPS(counter_shared), bench_sum_shared, NULL, 0},
	{"counter", "thread-local", BENCH_ANY, LOOPS(counter_thread_local), NULL, NULL, 0},

	{"fallback", "rseqkit-no-rseq", BENCH_NONE, LOOPS(counter_rseqkit), bench_sum_counter, NULL, 0},
	{"fallback", "shared-atomic", BENCH_NONE, LOOPS(counter_shared), bench_sum_shared, NULL, 0},

	{"list", "rseqkit", BENCH_RSEQ, LOOPS(list_rseqkit), NULL, bench_settle_list_rseqkit, 0},
#if BENCH_HAVE_CLASSIC
	{"list", "classic", BENCH_RSEQ, LOOPS(list_classic), NULL, bench_settle_list_classic, 0},
#endif
	{"list", "shared-stack", BENCH_ANY, LOOPS(list_stack), NULL, bench_settle_list_stack, 0},
	{"list", "mutex", BENCH_ANY, LOOPS(list_mutex), NULL, bench_settle_list_mutex, 0},
	{"list", "thread-local", BENCH_ANY, LOOPS(list_thread_local), NULL, NULL, 0},

	{"log", "rseqkit", BENCH_RSEQ, LOOPS(log_rseqkit), bench_sum_log_rseqkit, bench_settle_log_rseqkit, 0},
#if BENCH_HAVE_CLASSIC
	{"log", "classic", BENCH_RSEQ, LOOPS(log_classic), bench_sum_log_classic, bench_settle_log_classic, 0},
#endif
	{"log", "shared", BENCH_ANY, LOOPS(log_shared), bench_sum_log_shared, bench_settle_log_shared, 0},
	{"log", "thread-local", BENCH_ANY, LOOPS(log_thread_local), NULL, NULL, 0},

	{"cpu", "rseqkit", BENCH_ANY, LOOPS(cpu_rseqkit), NULL, NULL, 0},
	{"cpu", "sched_getcpu", BENCH_ANY, LOOPS(cpu_sched_getcpu), NULL, NULL, 0},
	{"cpu", "getcpu-syscall", BENCH_ANY, LOOPS(cpu_syscall), NULL, NULL, 0},

	{"register", "rseqkit", BENCH_RSEQ, LOOPS(register_pair), NULL, NULL, 0},

	{"register-self", "rseqkit", BENCH_SELF, LOOPS(register_nested), NULL, NULL, 0},
	{"register-self", "rseqkit-first", BENCH_SELF, register_first, NULL, NULL, 16},
	{"register-self", "rseqkit-vfork-bracket", BENCH_SELF, LOOPS(register_vfork), NULL, NULL, 0},
	{"register-self", "bare-syscalls", BENCH_SELF, LOOPS(register_bare), NULL, NULL, 0},
	{"register-self", "bare-syscalls-first", BENCH_SELF, register_bare_first, NULL, NULL, 16},
};

#undef NAME
#undef PLACE
#undef LOOP
#undef LOOPS
