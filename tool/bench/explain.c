/* SPDX-License-Identifier: MIT */
/* explain.c - explains the contenders of the benches (explain.h). bench/METHOD.md describes how each contender is made. */
#include "bench.h"
#include "explain.h"

#include <rseqkit/ops_cpu.h>
#include <stddef.h>
#include <string.h>

#define UNSAFE "It loses operations, because its stores are unprotected."
#define NEVER "never; it shows the lowest possible cost of such a sequence"
#define ALLOCATOR "objects have many sizes, and the program must stay unchanged"
#define CK "Concurrency Kit when rseqkit is built"
#define URCU "liburcu when rseqkit is built"

static const struct explanation explanations[] = {
	{"counter", "rseqkit", "rk_counter_add(): a restartable sequence on this CPU's word", NULL,
	 "many threads add, and few read the sum", NULL},
	{"counter", "group", "rk_counter_group_add(): a counter that is read together with others", NULL,
	 "several numbers must be from the same moment", NULL},
	{"counter", "group-two", "two calls of rk_counter_group_add(), for two counters; the figure is for both", NULL,
	 "a program has two counters to add to", "It adds twice."},
	{"counter", "percpu-atomic", "an atomic add to the word of the CPU that the rseq area names", "rseq, for the number",
	 "other CPUs change the same words, or the code can't have a restartable sequence", NULL},
	{"counter", "getcpu-atomic", "an atomic add to the word of the CPU that sched_getcpu() names", NULL,
	 "as for percpu-atomic, in code that doesn't read the rseq area", NULL},
	{"counter", "thread-local", "an increment of the thread's own word",
	 "a list of all threads, and code that saves the counts of ended threads", "threads are few and live long", NULL},
	{"counter-variable", "rseqkit", "rk_counter_add() of a number that the compiler doesn't know", NULL,
	 "as in the bench counter", NULL},
	{"histogram", "rseqkit", "rk_histogram_record(): finds the bucket, and adds 1 to this CPU's count of it", NULL,
	 "many threads record values", NULL},
	{"histogram", "mutex", "the same buckets, shared by all threads, protected by a mutex", NULL,
	 "values are recorded rarely", NULL},
	{"histogram", "thread-local", "the same buckets for each thread",
	 "a list of all threads, and memory for the buckets of each thread", "threads are few and live long", NULL},
	{"peak*", "rseqkit",
	 "rk_peak_record_max(): a load of this CPU's maximum, and a restartable sequence if the value is higher", NULL,
	 "many threads record, and new maxima are frequent, for example because of resets", NULL},
	{"peak*", "shared-atomic", "a load of one word, and an atomic compare-and-exchange if the value is higher", NULL,
	 "new maxima are rare", NULL},
	{"peak*", "shared-always", "an atomic compare-and-exchange of one word in each record", NULL, "records are rare", NULL},
	{"peak*", "mutex", "one maximum for all threads, protected by a mutex", NULL, "records are rare", NULL},
	{"peak*", "thread-local", "the thread's own maximum",
	 "a list of all threads, and code that saves the maxima of ended threads", "threads are few and live long", NULL},
	{"level*", "rseqkit", "rk_level_add(): this CPU's part of the value, which is moved to a shared word when it is large",
	 NULL, "many threads change the value, and its peak may be slightly wrong", NULL},
	{"level*", "exact", "rk_level_add() with the error 0: an atomic add to a shared word", NULL, "the peak must be exact",
	 NULL},
	{"level*", "shared-atomic", "an atomic add to one word, and its maximum by compare-and-exchange", NULL,
	 "few threads change the value, or the peak must be exact", NULL},
	{"level*", "mutex", "one value and its maximum, protected by a mutex", NULL, "the value changes rarely", NULL},
	{"level*", "thread-local", "the thread's own value and maximum", NULL, "each thread has a value of its own",
	 "Its maxima don't give the peak of the sum."},
	{"freelist", "rseqkit", "rk_freelist_pop() and rk_freelist_push(): a list for each CPU, which other CPUs can drain", NULL,
	 "nodes are recycled, and sometimes all of them must be taken back", NULL},
	{"freelist", "operations", "rk_cpu_pop() and rk_cpu_push(): a bare list for each CPU", "rseq",
	 "no thread takes nodes from another CPU", NULL},
	{"freelist", "shared-stack", "one lock-free stack for all threads, by compare-and-exchange of an index and a tag",
	 "nodes in one array", "few threads use it, and no node may stay unused on another CPU", NULL},
	{"freelist", "mutex", "one list for all threads, protected by a mutex", NULL, "the list is used rarely", NULL},
	{"freelist", "thread-local", "the thread's own list", "code that takes the nodes of ended threads",
	 "threads are few, and each returns the nodes that it took", NULL},
	{"log", "rseqkit", "rk_cpu_copy_if_equal_release(): copies the bytes, then stores this CPU's count", "rseq",
	 "you build your own log; rk_ring is a complete one", NULL},
	{"log", "shared", "one log for all threads: an atomic add reserves a place, then the bytes are copied", NULL,
	 "almost never: a reader doesn't know when a record is complete", NULL},
	{"log", "thread-local", "the thread's own log", "a list of all threads", "threads are few and live long", NULL},
	{"ring*", "rseqkit", "rk_ring: a ring of records for each CPU", NULL,
	 "many threads write records for a reader: traces, logs", NULL},
	{"ring*", "ck-mpmc", "Concurrency Kit's ring for many writers and readers, one for all threads", CK,
	 "records must be read in one order, and threads are few", NULL},
	{"ring*", "ck-spsc", "Concurrency Kit's ring for one writer and one reader", CK,
	 "there is one writer, and one reader", NULL},
	{"ring*", "wfcqueue", "liburcu's queue, one for all threads", URCU,
	 "records are nodes that exist anyway, and their number needs no limit", NULL},
	{"ring*", "mutex", "an array of records, protected by a mutex", NULL, "records are few", NULL},
	{"stamped", "rseqkit", "rk_ring_write_stamped(): a record with the processor's clock, in this CPU's ring", "rseq",
	 "the program reads its own records", NULL},
	{"stamped", "unordered", "the same in a ring with RK_RING_UNORDERED", "rseq",
	 "the records of different threads needn't be in an exact order", NULL},
	{"stamped", "lttng-ust", "a tracepoint with one field, in an overwriting channel of a session daemon",
	 "lttng-ust when rseqkit is built, lttng's session daemon, and namespaces", "traces are read by other tools", NULL},
	{"cache*", "rseqkit", "rk_cache: arrays of objects for each CPU, and a depot for all CPUs", NULL,
	 "objects are of one kind, and often taken and returned", NULL},
	{"cache*", "glibc", "malloc() and free() of the C library", NULL, ALLOCATOR, NULL},
	{"cache*", "jemalloc", "malloc() and free() of jemalloc", "its library, which is preloaded", ALLOCATOR, NULL},
	{"cache*", "mimalloc", "malloc() and free() of mimalloc", "its library, which is preloaded", ALLOCATOR, NULL},
	{"cache*", "tcmalloc", "malloc() and free() of tcmalloc", "its library, which is preloaded", ALLOCATOR, NULL},
	{"cache*", "mutex", "an array of objects, protected by a mutex", NULL,
	 "objects are taken rarely, or many at a time", NULL},
	{"slab", "rseqkit", "rk_cache_get() and rk_cache_put()", NULL,
	 "objects are of one kind, and often taken and returned", NULL},
	{"slab", "index*", "a stack with a header of three fields; the section computes its address from the CPU's number",
	 "rseq", "you write an allocator of your own", NULL},
	{"slab", "pointer*", "the same stack; the section compares the CPU with that of a cached pointer to the stack", "rseq",
	 "never; compare it with index", NULL},
	{"slab", "owned*", "the same stack; the section trusts the cached pointer, which is right in threads bound to a CPU",
	 "an rseq area that no other component uses, or threads bound to a CPU",
	 "never; compare it with index, to see what the ownership of the area saves", NULL},
	{"rcu", "rseqkit", "rk_rcu_read_lock() and rk_rcu_read_unlock(): a count for each CPU", NULL,
	 "data is read often and replaced rarely; threads needn't register", NULL},
	{"rcu", "liburcu-qsbr", "liburcu's flavour whose read sections cost nothing", URCU,
	 "every thread can regularly announce that it holds no data", NULL},
	{"rcu", "liburcu-mb", "liburcu's flavour whose readers have memory barriers", URCU,
	 "the kernel has no membarrier(), or grace periods must be short", NULL},
	{"rcu*", "liburcu-memb", "liburcu's flavour whose writers fence all threads by membarrier()", URCU,
	 "the program can register each thread", NULL},
	{"rcu*", "liburcu-bp", "liburcu's flavour that registers threads itself", URCU,
	 "the program can't register each thread", NULL},
	{"rcu", "pthread-rwlock", "a read lock of the C library", NULL, "reads are rare, or data is changed in place", NULL},
	{"rcu-writer*", "rseqkit", "rk_rcu_synchronize()", NULL, "readers are many, and writers few", NULL},
	{"rcu-writer*", "liburcu-qsbr", "liburcu's flavour whose threads announce that they hold no data", URCU,
	 "every thread can announce this regularly", NULL},
	{"rcu-writer*", "liburcu-mb", "liburcu's flavour whose readers have memory barriers", URCU,
	 "writers are frequent, and reads may cost more", NULL},
	{"lock", "rseqkit", "rk_lock_here(): the lock of this CPU's data", NULL,
	 "the data of a CPU needs more than one operation", NULL},
	{"lock", "pthread-percpu", "a mutex for each CPU, chosen by sched_getcpu()", NULL,
	 "threads often take locks of other CPUs", NULL},
	{"lock", "pthread", "one mutex for all threads", NULL, "the lock is taken rarely", NULL},
	{"rwlock", "rseqkit", "rk_rwlock_read_lock(): a count of readers for each CPU", NULL,
	 "data is read often, and changed in place rarely", NULL},
	{"rwlock", "pthread", "pthread_rwlock_rdlock(): one lock for all threads", NULL, "reads are rare, or writes frequent",
	 NULL},
	{"rwlock", "ck", "Concurrency Kit's ck_rwlock: an atomic count of readers", CK, "reads are rare, and no holder sleeps",
	 NULL},
	{"ref", "rseqkit", "rk_ref_get() and rk_ref_put(): counts for each CPU until the object is killed", NULL,
	 "many threads take and return references to a few objects that live long", NULL},
	{"ref", "atomic", "an atomic count in the object", NULL, "objects are many, or one thread at a time uses each", NULL},
	{"slice", "rseqkit", "rk_slice_begin() and rk_slice_end() around the addition",
	 "a kernel with the slice extension; without it the figure is the cost of a useless request",
	 "the holder of a lock shouldn't be preempted", NULL},
	{"slice", "nothing", "only the addition", NULL, "never; it shows how much the region adds", "It requests no time."},
	{"mutex", "rseqkit", "rk_mutex: its holder requests time", NULL,
	 "many threads compete for one lock, on a kernel with the slice extension", NULL},
	{"mutex", "pthread", "a mutex of the C library", NULL, "it is already in use, and is no bottleneck", NULL},
	{"mutex", "pthread-adaptive", "a mutex of the C library that spins briefly before it sleeps", "glibc",
	 "the lock is held only briefly", NULL},
	{"fallback", "rseqkit-no-rseq", "rk_counter_add() in a thread that has no rseq", "nothing else",
	 "the same program runs with and without rseq", NULL},
	{"fallback", "group", "rk_counter_group_add() in such a thread", "nothing else", "as above", NULL},
	{"fallback", "peak*", "rk_peak_record_max() in such a thread", "nothing else", "as above", NULL},
	{"fallback", "level-rising", "rk_level_add() in such a thread", "nothing else", "as above", NULL},
	{"cpu", "rseqkit", "rk_cpu(): reads the number in the rseq area", NULL, "code needs the number often", NULL},
	{"cpu", "sched_getcpu", "the C library's function; since glibc 2.35 it also reads the rseq area", NULL,
	 "code needs the number rarely", NULL},
	{"cpu", "getcpu-syscall", "the bare system call", NULL, "no other way is available", NULL},
	{"cpu", "empty-loop", "only the loop", NULL, "never; it shows how much the loop adds to the other figures",
	 "It does nothing."},
	{"remote", "fence-*", "rk_fence_cpu() or rk_fence_all(): threads there restart their sequences", NULL,
	 "you write your own protocol", NULL},
	{"remote", "drain-*", "takes everything that a CPU has added to a bank", NULL,
	 "one thread collects the counts of all threads", NULL},
	{"remote", "read-*", "reads 128 bytes of a CPU, all from one moment", NULL, "several numbers must be consistent", NULL},
	{"remote", "vector-*", "rk_percpu_vector(): this many additions as one operation, here or on another CPU", NULL,
	 "several words of a CPU change together", NULL},
	{"remote", "affinity-*", "moves the thread to that CPU, adds there, and moves back", NULL, "almost never", NULL},
	{"remote", "mutex-*", "a mutex for each CPU, which the local users also take", NULL,
	 "local use is rare, or as frequent as use from other CPUs", NULL},
	{"remote", "signal-*", "a signal to a thread on that CPU, whose handler adds", "a thread there, and a free signal",
	 "almost never", NULL},
	{"bank", "alone", "an addition to a bank that no thread drains", "rseq", "no thread is collecting at that moment", NULL},
	{"bank", "drained", "the same while another CPU drains the bank all the time", "rseq", "this is the worst case", NULL},
	{"bank", "drained-at-1kHz", "the same while another CPU drains the bank a thousand times a second", "rseq",
	 "this is a usual case", NULL},
	{"bank", "no-bank", "rk_cpu_add(): data that other CPUs can't take over", "rseq",
	 "only this CPU, or an inexact sum, needs the data", NULL},
	{"bank", "mutex", "an addition under the CPU's mutex", NULL, "additions are rare", NULL},
	{"register", "rseqkit", "rk_thread_register() and rk_thread_unregister(), in the given environment", "rseq",
	 "a component uses rseq in threads of other components", NULL},
	{"register-self", "rseqkit", "rk_thread_register() and rk_thread_unregister() in a registered thread", "rseq",
	 "several components share a thread", NULL},
	{"register-self", "rseqkit-first", "rk_thread_register() in a fresh thread", "rseq", "a thread uses rseq for the first time",
	 NULL},
	{"register-self", "rseqkit-vfork-bracket", "rk_vfork_begin() and rk_vfork_end()", "rseq",
	 "a program calls vfork() in threads that rseqkit registered", NULL},
	{"register-self", "bare-syscalls", "the two system calls, to register and to unregister", "rseq",
	 "the program has no other user of rseq", NULL},
	{"register-self", "bare-syscalls-first", "the two system calls in a fresh thread", "rseq", "as for bare-syscalls", NULL},
	{"register-self", "three-syscalls-first", "the two system calls after get_robust_list, with which a registration begins",
	 "rseq", "never; compare it with rseqkit-first", NULL},
	{"start", "rseqkit", "a program that is linked with librseqkit, and doesn't use it", NULL, "only some runs use it", NULL},
	{"start", "rseqkit-counter", "the same, and the program makes its first counter", NULL,
	 "compare it with the work of a process", NULL},
	{"start", "rseqkit-preloaded", "librseqkit, preloaded like the libraries below", NULL, "compare it with these", NULL},
	{"start", "ck", "Concurrency Kit's library, preloaded", "its library", "its structures suit the program", NULL},
	{"start", "liburcu-bp", "liburcu's flavour that registers threads itself, preloaded", "its library",
	 "the program uses RCU only", NULL},
	{"start", "jemalloc", "jemalloc, preloaded", "its library", ALLOCATOR, NULL},
	{"start", "tcmalloc", "tcmalloc, preloaded", "its library", ALLOCATOR, NULL},
	{"start", BENCH_NOTHING, "the program without any of these libraries", NULL, "never; it shows what the others add",
	 "It has no library."},
	{"first", "*", "the creation of the process's first structure of this kind; -use: the first operation on it", NULL,
	 "a process must be ready soon, or is small", NULL},
	{"second", "*", "the creation of the next structure of this kind; -use: the first operation on it", NULL,
	 "a process creates structures all the time", NULL},
	{"context*", "counter", "rk_counter_add()", NULL, "many threads add, and few read the sum", NULL},
	{"context*", "cache", "rk_cache_get() and rk_cache_put()", NULL, "objects are of one kind", NULL},
	{"context*", "ring", "rk_ring_write() of 16 bytes to a ring that overwrites", "rseq", "the last records are kept", NULL},
	{"context*", "histogram", "rk_histogram_record()", NULL, "many threads record values", NULL},
	{"context*", "contended-atomic", "an atomic add to a word to which a thread on each other CPU adds all the time",
	 "two CPUs", "never; it is the worst case of a shared word", NULL},
	{"context*", "thread-local", "an increment of the thread's own word", "code that saves the counts of ended threads",
	 "threads are few and live long", NULL},
	{"context*", "malloc", "malloc() and free() of 64 bytes", "glibc", ALLOCATOR, NULL},
	{"context*", BENCH_NOTHING, "the loop without an operation", NULL, "never; it shows what the others add",
	 "It does nothing."},
	/* Contenders that several benches have. */
	{NULL, "floor", "the same loads and stores without protection, so they may hit the wrong CPU's data", "rseq", NEVER, UNSAFE},
	{NULL, "classic", "a restartable sequence in the usual shape, written by hand in assembly", "rseq",
	 "such code exists already", NULL},
	{NULL, "shared-atomic", "an atomic add to one word for all threads", NULL,
	 "few threads add, or the sum is needed after each add", NULL},
};

/* Does the name match? `pattern` is a name, or the beginning of names and '*'. */
static bool matches(const char *pattern, const char *name)
{
	size_t length = strcspn(pattern, "*");

	return pattern[length] == '*' ? strncmp(pattern, name, length) == 0 : strcmp(pattern, name) == 0;
}

const struct explanation *explain(const char *bench, const char *contender)
{
	for (size_t i = 0; i < sizeof(explanations) / sizeof(explanations[0]); i++) {
		const struct explanation *e = &explanations[i];

		if ((e->bench == NULL || matches(e->bench, bench)) && matches(e->contender, contender))
			return e;
	}
	return NULL;
}

bool explain_does_job(const char *bench, const char *contender)
{
	const struct explanation *e = explain(bench, contender);

	return e == NULL || e->instead == NULL;
}

bool explain_same_job(const char *bench)
{
	static const char *const different[] = {"fallback", "remote", "bank", "register-self", "start", "first", "second",
						 "context*"};

	for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++)
		if (matches(different[i], bench))
			return false;
	return true;
}
