/* SPDX-License-Identifier: MIT */
/* explain.c - what contenders of the benches are (explain.h). bench/METHOD.md has how each of them is made. */
#include "explain.h"

#include <stddef.h>
#include <string.h>

#define UNSAFE "It loses operations: its stores are unprotected."
#define NEVER "never; it shows the least that any sequence of this kind can take"
#define ALLOCATOR "objects of many sizes are allocated, and the program is to stay as it is"
#define CK "Concurrency Kit when rseqkit is built"
#define URCU "liburcu when rseqkit is built"

static const struct explanation explanations[] = {
	{"counter", "rseqkit", "rk_counter_add(): a restartable sequence on this CPU's word", NULL,
	 "many threads add, and few read the sum", NULL},
	{"counter", "group", "rk_counter_group_add(): a counter that is read together with others", NULL,
	 "several numbers must be of the same moment", NULL},
	{"counter", "percpu-atomic", "an atomic add to the word of the CPU that the rseq area names", "rseq, for the number",
	 "other CPUs change the same words, or the code can't have a restartable sequence", NULL},
	{"counter", "getcpu-atomic", "an atomic add to the word of the CPU that sched_getcpu() names", NULL,
	 "as percpu-atomic, in code that doesn't read the rseq area", NULL},
	{"counter", "thread-local", "an increment of a word of the thread's own",
	 "a list of all threads, and somebody who keeps what ended threads have counted", "threads are few and live long", NULL},
	{"counter-variable", "rseqkit", "rk_counter_add() of a number that the compiler doesn't know", NULL, "as in counter",
	 NULL},
	{"histogram", "rseqkit", "rk_histogram_record(): finds the bucket, and adds 1 to this CPU's count of it", NULL,
	 "many threads record values", NULL},
	{"histogram", "mutex", "the same buckets, once for all, behind a mutex", NULL, "values are recorded now and then", NULL},
	{"histogram", "thread-local", "the same buckets for each thread",
	 "a list of all threads, and memory for all buckets of each", "threads are few and live long", NULL},
	{"freelist", "rseqkit", "rk_freelist_pop() and rk_freelist_push(): a list for each CPU, which others can drain", NULL,
	 "nodes are used again, and all of them are wanted back sometimes", NULL},
	{"freelist", "operations", "rk_cpu_pop() and rk_cpu_push(): a bare list for each CPU", "rseq",
	 "nobody takes nodes from another CPU", NULL},
	{"freelist", "shared-stack", "one stack for all without a lock, by compare-and-exchange of an index and a tag",
	 "nodes in one array", "few threads use it, and no node may lie idle at another CPU", NULL},
	{"freelist", "mutex", "one list for all behind a mutex", NULL, "it is used now and then", NULL},
	{"freelist", "thread-local", "a list of the thread's own", "somebody who takes the nodes of ended threads",
	 "threads are few, and each gives back what it took", NULL},
	{"log", "rseqkit", "rk_cpu_copy_if_equal_release(): copies the bytes, then stores this CPU's count", "rseq",
	 "you build a log of your own; rk_ring is one that is complete", NULL},
	{"log", "shared", "one log for all: an atomic add reserves a place, then the bytes are copied", NULL,
	 "rarely: a reader can't tell when a record is complete", NULL},
	{"log", "thread-local", "a log of the thread's own", "a list of all threads", "threads are few and live long", NULL},
	{"ring*", "rseqkit", "rk_ring: a ring of records for each CPU", NULL,
	 "many threads write, and somebody reads: traces, logs", NULL},
	{"ring*", "ck-mpmc", "Concurrency Kit's ring for many writers and readers, one for all", CK,
	 "records must come out in one order, and threads are few", NULL},
	{"ring*", "ck-spsc", "Concurrency Kit's ring for one writer and one reader", CK,
	 "there is one writer, and one reader", NULL},
	{"ring*", "wfcqueue", "liburcu's queue, one for all", URCU, "records are nodes, which are there anyway, and without limit",
	 NULL},
	{"ring*", "mutex", "an array of records behind a mutex", NULL, "records are few", NULL},
	{"cache*", "rseqkit", "rk_cache: arrays of objects for each CPU, and a depot for all", NULL,
	 "objects are of one kind, and taken and given back often", NULL},
	{"cache*", "glibc", "malloc() and free() of the C library", NULL, ALLOCATOR, NULL},
	{"cache*", "jemalloc", "malloc() and free() of jemalloc", "its library, which is preloaded", ALLOCATOR, NULL},
	{"cache*", "mimalloc", "malloc() and free() of mimalloc", "its library, which is preloaded", ALLOCATOR, NULL},
	{"cache*", "tcmalloc", "malloc() and free() of tcmalloc", "its library, which is preloaded", ALLOCATOR, NULL},
	{"cache*", "mutex", "an array of objects behind a mutex", NULL, "objects are taken now and then, or many at a time", NULL},
	{"rcu", "rseqkit", "rk_rcu_read_lock() and rk_rcu_read_unlock(): a count for each CPU", NULL,
	 "data is read all the time and replaced now and then; no thread has to register", NULL},
	{"rcu", "liburcu-qsbr", "liburcu's flavour whose read sections are nothing at all", URCU,
	 "every thread can say regularly that it holds nothing", NULL},
	{"rcu", "liburcu-mb", "liburcu's flavour whose readers have memory barriers", URCU,
	 "the kernel has no membarrier(), or grace periods must be short", NULL},
	{"rcu*", "liburcu-memb", "liburcu's flavour whose writers fence all threads by membarrier()", URCU,
	 "each thread can be registered by hand", NULL},
	{"rcu*", "liburcu-bp", "liburcu's flavour that registers threads by itself", URCU,
	 "threads can't be registered by hand", NULL},
	{"rcu", "pthread-rwlock", "a read lock of the C library", NULL, "reads are rare, or data is changed in place", NULL},
	{"rcu-writer*", "rseqkit", "rk_rcu_synchronize()", NULL, "readers are many, and writers few", NULL},
	{"rcu-writer*", "liburcu-qsbr", "liburcu's flavour whose threads announce that they hold nothing", URCU,
	 "every thread can do so regularly", NULL},
	{"rcu-writer*", "liburcu-mb", "liburcu's flavour whose readers have memory barriers", URCU,
	 "writers are frequent, and reads may cost more", NULL},
	{"lock", "rseqkit", "rk_lock_here(): the lock of this CPU's data", NULL,
	 "one operation isn't enough for the data of a CPU", NULL},
	{"lock", "pthread-percpu", "a mutex for each CPU, chosen by sched_getcpu()", NULL,
	 "threads often take locks of other CPUs, too", NULL},
	{"lock", "pthread", "one mutex for all", NULL, "the lock is taken now and then", NULL},
	{"rwlock", "rseqkit", "rk_rwlock_read_lock(): a count of readers for each CPU", NULL,
	 "data is read all the time, and changed in place now and then", NULL},
	{"rwlock", "pthread", "pthread_rwlock_rdlock(): one lock for all", NULL, "reads are rare, or writes frequent", NULL},
	{"rwlock", "ck", "Concurrency Kit's ck_rwlock: an atomic count of readers", CK, "reads are rare, and nobody sleeps", NULL},
	{"ref", "rseqkit", "rk_ref_get() and rk_ref_put(): counts for each CPU until the object is killed", NULL,
	 "many threads take and give back references to a few objects that live long", NULL},
	{"ref", "atomic", "an atomic count in the object", NULL, "objects are many, or each is used by one thread at a time", NULL},
	{"slice", "rseqkit", "rk_slice_begin() and rk_slice_end() around the addition",
	 "a kernel with the slice extension; without it this is what asking costs", "a holder of a lock shouldn't be preempted", NULL},
	{"slice", "nothing", "the addition alone", NULL, "never; it shows what the region adds", "It requests no time."},
	{"mutex", "rseqkit", "rk_mutex: its holder requests time", NULL,
	 "many threads want one lock, on a kernel with the slice extension", NULL},
	{"mutex", "pthread", "a mutex of the C library", NULL, "you have one already, and it is no bottleneck", NULL},
	{"mutex", "pthread-adaptive", "a mutex of the C library that spins a little before it sleeps", "glibc",
	 "the lock is held for a moment only", NULL},
	{"fallback", "rseqkit-no-rseq", "rk_counter_add() in a thread that has no rseq", "nothing else",
	 "the same program also runs where rseq is", NULL},
	{"cpu", "rseqkit", "rk_cpu(): the number in the rseq area", NULL, "code asks often", NULL},
	{"cpu", "sched_getcpu", "the C library's function; since glibc 2.35 it reads the rseq area, too", NULL,
	 "code asks now and then", NULL},
	{"cpu", "getcpu-syscall", "the bare system call", NULL, "nothing else is there", NULL},
	{"cpu", "empty-loop", "the loop itself", NULL, "never; it shows what the loop adds to the others", "It does nothing."},
	{"remote", "fence-*", "rk_fence_cpu() or rk_fence_all(): what runs there restarts its sequence", NULL,
	 "you write a protocol of your own", NULL},
	{"remote", "drain-*", "takes all that a CPU has added to a bank", NULL, "one thread collects what all have counted", NULL},
	{"remote", "read-*", "reads 128 bytes of a CPU as they are at one moment", NULL, "numbers must fit together", NULL},
	{"remote", "vector-*", "rk_percpu_vector(): so many additions, done as one; here, or on another CPU", NULL,
	 "several words of a CPU change together", NULL},
	{"remote", "affinity-*", "moves the thread to that CPU, adds there, and moves back", NULL, "almost never", NULL},
	{"remote", "mutex-*", "a mutex for each CPU, which the local users take as well", NULL,
	 "local use is rare, or as frequent as that from elsewhere", NULL},
	{"remote", "signal-*", "a signal to a thread on that CPU, whose handler does it", "a thread there, and a free signal",
	 "almost never", NULL},
	{"bank", "alone", "an addition to a bank that nobody drains", "rseq", "nobody is collecting at that moment", NULL},
	{"bank", "drained", "the same while another CPU drains it all the time", "rseq", "this is the worst case", NULL},
	{"bank", "drained-at-1kHz", "the same while another CPU drains it a thousand times a second", "rseq",
	 "this is a usual case", NULL},
	{"bank", "no-bank", "rk_cpu_add(): data that can't be taken over from elsewhere", "rseq",
	 "only this CPU, or an inexact sum, needs the data", NULL},
	{"bank", "mutex", "an addition under the CPU's mutex", NULL, "additions are rare", NULL},
	{"register", "rseqkit", "rk_thread_register() and rk_thread_unregister(), as the environment has it", "rseq",
	 "a component uses rseq in threads of others", NULL},
	{"register-self", "rseqkit", "rk_thread_register() and rk_thread_unregister() in a thread that is registered already", "rseq",
	 "several components share a thread", NULL},
	{"register-self", "rseqkit-first", "rk_thread_register() in a fresh thread", "rseq", "this happens once for each thread", NULL},
	{"register-self", "rseqkit-vfork-bracket", "rk_vfork_begin() and rk_vfork_end()", "rseq",
	 "a program calls vfork() where rseqkit registered", NULL},
	{"register-self", "bare-syscalls", "the two system calls, to register and to unregister", "rseq",
	 "a program has no other user of rseq", NULL},
	{"register-self", "bare-syscalls-first", "the two system calls in a fresh thread", "rseq", "as bare-syscalls", NULL},
	{"register-self", "three-syscalls-first", "these and get_robust_list, by which a registration begins", "rseq",
	 "never; compare it with rseqkit-first", NULL},
	/* In several benches. */
	{NULL, "floor", "the same loads and stores, by a number of the CPU that may be wrong by then", "rseq", NEVER, UNSAFE},
	{NULL, "classic", "a restartable sequence in the usual shape, written by hand in assembly", "rseq",
	 "you have such code already", NULL},
	{NULL, "shared-atomic", "an atomic add to one word for all", NULL, "few threads add, or the sum is wanted after each add",
	 NULL},
};

/* A name, or a beginning of names that ends in '*'. */
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
	return strcmp(bench, "remote") != 0 && strcmp(bench, "bank") != 0 && strcmp(bench, "register-self") != 0;
}
