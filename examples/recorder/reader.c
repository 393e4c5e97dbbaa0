/* SPDX-License-Identifier: MIT */
/*
 * reader.c - the reader, a thread that reads the records in the rings and writes the trace. Each CPU has a ring (rseqkit/ring.h).
 *
 * The rings are the process's own memory, so the reader is a thread of the program. But the program must not notice the reader:
 *
 * - The reader has its own table of descriptors, without the program's descriptors. The program can therefore close any
 *   descriptor, and the trace is written to no other file. A process that waits until the program's pipes are closed doesn't
 *   wait for the reader. The reader also has its own working directory and root, so the program can change namespaces of
 *   mounts.
 * - The reader blocks all signals except synchronous ones. If the trace is a pipe without readers, or larger than the limit of
 *   file sizes, only the reader's write fails.
 * - If the reader is the last thread, it ends, so the process ends, as it would without the recorder.
 */
#define _GNU_SOURCE
#include "trace.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PASS 1000000    /* ns between two passes over the rings */
#define LOOK 250000000  /* ns; without records, the longest time between two checks whether the reader is the last thread */
#define STACK (256 << 10)
#define LOOKS 1000 /* reader_start() waits at most LOOKS times PASS */
#define LAST_PASSES 20
#define CPUS_MAX 8192

static struct {
	struct rk_ring *ring;
	int tid;
	int ready; /* a futex; 1 when the reader has left the program's descriptors */
	int stop;  /* a futex; 1 asks the reader to end */
	int done;  /* a futex; 1 when nothing more will be read or written */
	int error; /* negative errno */
	bool has_looked; /* this pass has read the clock */
	uint64_t taken;
	int64_t heap;
	uint64_t lost_before;        /* the parent's lost records */
	uint64_t lost;               /* all lost records, those of the parent included */
	uint64_t lost_at[CPUS_MAX];  /* reported losses of each ring: first that of threads without rseq, then each CPU's */
} reader;

static void futex_wait(int *word, int value, long nanoseconds)
{
	struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};

	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &time, NULL, 0);
}

static void futex_set(int *word)
{
	__atomic_store_n(word, 1, __ATOMIC_RELEASE);
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static int leave_descriptors(void)
{
	struct rlimit limit;

	if (unshare(CLONE_FILES | CLONE_FS) < 0)
		return -errno;
	if (syscall(SYS_close_range, 0, ~0u, 0) == 0)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) /* Linux before 5.9 has no close_range() */
		return -errno;
	for (rlim_t i = 0; i < limit.rlim_cur && i < INT32_MAX; i++)
		close((int)i);
	return 0;
}

/* Updates the number of allocated bytes: what was allocated since the recording began, minus what was freed. */
static void count_heap(const struct event *event)
{
	if (event->kind < EVENT_REALLOC_OF)
		reader.heap += (int64_t)event->usable;
	else if (event->kind <= EVENT_FREE)
		reader.heap -= (int64_t)event->usable;
}

/* Called for each record. At the first record of a pass, reads the clock: all records of the pass are older than this reading. */
static int take(void *context, const struct rk_ring_record *record)
{
	struct event event;

	(void)context;
	if (!reader.has_looked)
		clock_look();
	reader.has_looked = true;
	if (record->time < recorder.born)
		return 0;
	memcpy(&event, record->data, sizeof(event));
	reader.taken++;
	count_heap(&event);
	trace_event(&event, record->cpu, record->time);
	return 0;
}

/* Updates the counts of lost records. If `are_said`, writes an event for each ring with new losses. */
static void look_for_losses(bool are_said)
{
	reader.lost = rk_ring_dropped(reader.ring, RK_INDEX_ALL);
	for (int index = RK_INDEX_OVERFLOW; index + 1 < CPUS_MAX; ) {
		uint64_t lost = rk_ring_dropped(reader.ring, index), *said = &reader.lost_at[index + 1];

		if (are_said && lost > *said)
			trace_lost(index, lost - *said);
		*said = lost;
		index = rk_cpus_next(index);
		if (index < 0)
			break;
	}
}

/* Writes the records in the rings to the file. Returns the number of records, or a negative errno. */
static int64_t pass(void)
{
	uint64_t before = reader.taken;
	int r;

	reader.has_looked = false;
	r = rk_ring_merge(reader.ring, take, NULL);
	if (rk_ring_dropped(reader.ring, RK_INDEX_ALL) != reader.lost)
		look_for_losses(true);
	if (reader.taken == before)
		return r == -EAGAIN ? 0 : r; /* a writer without rseq was inside a write: try again in the next pass */
	if (!recorder.is_child)
		trace_heap(reader.heap);
	r = trace_flush();
	return r < 0 ? r : (int64_t)(reader.taken - before);
}

static uint64_t made(void)
{
	return (uint64_t)(rk_counter_sum(recorder.made) - recorder.made_before);
}

/*
 * Makes the last passes. No thread begins a record any more. Threads that have counted a record but not written it yet get some
 * time to write it.
 */
static void end_trace(void)
{
	for (int i = 0; i < LAST_PASSES && reader.error == 0; i++) {
		int64_t r = pass();

		if (r < 0)
			reader.error = (int)r;
		if (made() == reader.taken + reader.lost - reader.lost_before)
			break;
		futex_wait(&reader.done, 0, PASS);
	}
	trace_end(made(), reader.taken, reader.lost - reader.lost_before);
	if (reader.error == 0)
		reader.error = trace_flush();
}

/*
 * Sleeps until the next pass: for PASS if the last pass found records, otherwise until the next record, but at most for LOOK. If
 * no fence of the CPUs is available (-EHOSTUNREACH), records can't wake the reader, so it sleeps for PASS.
 */
static void rest(int64_t came)
{
	if (came > 0) {
		futex_wait(&reader.stop, 0, PASS);
		return;
	}
	if (rk_ring_wait_for(reader.ring, LOOK) == -EHOSTUNREACH)
		futex_wait(&reader.stop, 0, PASS);
}

static void read_rings(void)
{
	bool stops = false;
	int64_t came = 1; /* the first pass must come soon: the clock's rate is unknown until a pass reads the clock */

	while (!stops && reader.error == 0) {
		rest(came);
		stops = __atomic_load_n(&reader.stop, __ATOMIC_ACQUIRE) || (came == 0 && thread_is_alone());
		came = pass();
		if (came < 0)
			reader.error = (int)came;
	}
	__atomic_store_n(&recorder.ring, NULL, __ATOMIC_RELEASE);
	end_trace();
}

static void *run(void *arg)
{
	(void)arg;
	mine.is_own = true;
	(void)prctl(PR_SET_NAME, "recorder");
	__atomic_store_n(&reader.tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	(void)rk_thread_prepare(); /* the trace names the component that registers threads */
	reader.error = leave_descriptors();
	threads_watch();
	if (reader.error == 0)
		reader.error = trace_begin();
	futex_set(&reader.ready);
	if (reader.error == 0)
		read_rings();
	__atomic_store_n(&recorder.ring, NULL, __ATOMIC_RELEASE);
	futex_set(&reader.done);
	return NULL;
}

/*
 * Starts the reader. In a fork's child, first clears the state of the parent's reader. Blocks signals while it creates the
 * reader, because a thread inherits its creator's mask. Waits at most for LOOKS * PASS until the reader has its own table of
 * descriptors.
 */
int reader_start(void)
{
	static const int synchronous[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	memset(&reader, 0, sizeof(reader));
	reader.ring = recorder.ring;
	look_for_losses(false);
	reader.lost_before = reader.lost;
	mine.is_own = true;
	(void)sigfillset(&all);
	/*
	 * Synchronous signals stay unblocked. If such a signal occurs while it is blocked, the kernel ends the process, without
	 * the program's handler. For example, a filter can answer a system call by SIGSYS.
	 */
	for (size_t i = 0; i < sizeof(synchronous) / sizeof(synchronous[0]); i++)
		(void)sigdelset(&all, synchronous[i]);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = next.create(&thread, &attributes, run, NULL);
	(void)pthread_attr_destroy(&attributes);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	mine.is_own = false;
	for (int i = 0; r == 0 && i < LOOKS && !__atomic_load_n(&reader.ready, __ATOMIC_ACQUIRE); i++)
		futex_wait(&reader.ready, 0, PASS);
	return -r;
}

/*
 * Several threads can end the process at the same time. If a filter of system calls has killed the reader, doesn't wait for the
 * reader.
 */
void reader_finish(void)
{
	int error;

	futex_set(&reader.stop);
	while (!__atomic_load_n(&reader.done, __ATOMIC_ACQUIRE)) {
		int tid = __atomic_load_n(&reader.tid, __ATOMIC_ACQUIRE);

		if (tid != 0 && syscall(SYS_tgkill, recorder.process, tid, 0) < 0 && errno == ESRCH)
			return;
		futex_wait(&reader.done, 0, LOOK);
	}
	error = __atomic_exchange_n(&reader.error, 0, __ATOMIC_ACQ_REL);
	if (error < 0)
		complain("the trace is not complete", -error);
}
