/* SPDX-License-Identifier: MIT */
/* list.c - the list of benches. */
#include "cache_bench.h"
#include "context_bench.h"
#include "freelist_bench.h"
#include "histogram_bench.h"
#include "lock_bench.h"
#include "log_bench.h"
#include "peak_bench.h"
#include "rcu_bench.h"
#include "ref_bench.h"
#include "remote_bench.h"
#include "ring_bench.h"
#include "slab_bench.h"
#include "stamped_bench.h"

const struct bench benches[] = {
	{"counter", 24, false, 1, "add 1 to a counter"},
	{"counter-variable", 6, true, 1, "add a variable to a counter"},
	{"histogram", 8, false, 1, "record a value in a histogram"},
	{"peak", 6, false, 1, "record a value that is no new maximum"},
	{"peak-rising", 6, false, 1, "record a value that is a new maximum of the thread"},
	{"level", 6, false, 2, "add 1 to a value that has a peak, and subtract 1; for each of the two adds"},
	{"level-rising", 6, false, 1, "add 1 to a value that has a peak, so that each add is a new peak"},
	{"freelist", 12, false, 1, "pop a node off a list and push it back"},
	{"log", 8, false, 1, "append 40 bytes to a log and count them"},
	{"ring", 10, false, 1, "write a record of 16 bytes to a ring and read it"},
	{"ring-batch", 8, false, BENCH_RING_BATCH, "write 32 records of 16 bytes to a ring, then read them; for each record"},
	{"ring-remote", 6, true, 1, "write records of 16 bytes to a ring that a thread on another CPU reads"},
	{"stamped", 4, true, 1, "write a stamped record of 64 bits to a buffer that overwrites its oldest records"},
	{"cache", 12, false, 1, "take an object of 64 bytes and give it back"},
	{"cache-batch", 8, false, BENCH_BATCH, "take 64 objects of 64 bytes, then give them back; for each object"},
	{"slab", 6, false, 1, "pop a pointer off a stack of this CPU and push it back"},
	{"rcu", 8, false, 1, "read an object in a read section"},
	{"rcu-writer", 4, true, 1, "replace an object and wait for a grace period, while no thread reads"},
	{"rcu-writer-running", 6, true, 1, "replace an object and wait for a grace period, while all other CPUs read"},
	{"lock", 8, false, 1, "add 1 to a word of this CPU's under a lock"},
	{"rwlock", 8, false, 1, "read an object under a reader-writer lock"},
	{"ref", 6, false, 1, "take a reference and give it back"},
	{"slice", 4, false, 1, "add 1 to a word of the thread's in a region that requests time"},
	{"mutex", 8, false, 1, "add 1 to a word under one mutex"},
	{"fallback", 8, false, 1, "an operation in threads without rseq"},
	{"cpu", 4, true, 1, "read the number of the current CPU"},
	{"remote", 12, true, 1, "work on another CPU's data"},
	{"bank", 5, true, 1, "add to data that other CPUs can take"},
	{"register", 3, true, 1, "register and unregister a thread, as the environment has it"},
	{"register-self", 7, true, 1, "register and unregister a thread where the libc doesn't"},
	{"start", 4, true, 1, "start a process that does nothing, and wait until it has ended"},
	{"context", 4, true, 1, "an operation beside 46 ns of dependent multiplications"},
	{"context-code", 4, true, 1, "an operation after some 90 ns of additions that keep the core busy"},
	{"context-cold", 4, true, 1, "an operation after a sweep over 4 MiB; only the operation is timed"},
	{"first", 5, true, 1, "create the first structure of a process, and use it once"},
	{"second", 4, true, 1, "create the second structure of the same kind, and use it once"},
};

const unsigned bench_count = sizeof(benches) / sizeof(benches[0]);

int bench_create(void)
{
	int (*const creates[])(void) = {
		bench_data_create, bench_histogram_create, bench_peak_create, bench_cache_create, bench_freelist_create,
		bench_log_create, bench_ring_create, bench_remote_create, bench_rcu_create, bench_rcu_writer_create,
		bench_lock_create, bench_ref_create, bench_slab_create, bench_context_create, bench_stamped_create,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(creates) / sizeof(creates[0]); i++)
		r = creates[i]();
	return r;
}
