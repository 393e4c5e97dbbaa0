/* SPDX-License-Identifier: MIT */
/*
 * ring.h - a ring of records per CPU: written by any thread that runs there, read from anywhere; for traces and logs.
 *
 * Above all: a record that was read is valid until rk_ring_release(). A reader is closed by the thread that opened it, before
 * that thread ends: else nothing reads that CPU's ring any more.
 *
 *	struct rk_ring_options options = {.size = 1 << 20};
 *	rk_ring_create(&ring, &options, sizeof(options));
 *
 *	rk_ring_write(ring, &event, sizeof(event));                   // any thread, handlers too: one section
 *
 *	rk_ring_open(ring, cpu, &reader, sizeof(reader));                             // one reader of each CPU's ring at a time
 *	while (rk_ring_next(&reader, &record))
 *		consume(record.data, record.length);
 *	rk_ring_release(&reader);                                     // what was read makes room
 *	rk_ring_close(&reader);
 *
 * Records are of any length up to rk_ring_largest(), in one piece, and come in the order in which their CPU wrote them.
 *
 * Two modes. By default a ring that is full drops what is new: nothing is lost before, and drops are counted. With
 * RK_RING_OVERWRITE it drops what is oldest, an eighth of the ring at a time: for the last moments before something
 * happened. Such a ring is read by snapshot: rk_ring_open() takes all that is there, and writers go on in another one.
 *
 * With stamps: rk_ring_write_stamped() stores the processor's clock in the section that writes the record, so clocks are in
 * the order of records, and rk_ring_merge() puts the records of all CPUs in one order. That agrees with what happened before
 * what: a record that is written behind something, the end of a lock's wait say, is behind those that were written ahead of
 * it, on another CPU too. For the processor doesn't read its clock ahead of what precedes the write.
 *
 * Total: a thread without rseq, or whose section was aborted RK_ABORTS_MAX times in a row, writes to the overflow ring that
 * all share, which has an index of its own, RK_INDEX_OVERFLOW. It drops what comes while the code that a signal handler
 * interrupted is writing there, or merging, or another thread for more than 0.1 ms; that is counted, too. The overflow
 * ring doesn't overwrite.
 *
 * fork: the child has its own copy of the rings with the records in it, and its readers read them, as the parent's do. What
 * another thread was writing is there whole, or not at all.
 */
#ifndef RSEQKIT_RING_H
#define RSEQKIT_RING_H

#include <rseqkit/percpu.h>

/* Bytes of each CPU's ring. */
#define RK_RING_SIZE_MIN 8192
#define RK_RING_SIZE_MAX ((size_t)1 << 30)

/* Records up to this length fit into every ring; no ring takes longer ones than RK_RING_RECORD_MAX. */
#define RK_RING_RECORD_ALWAYS 512
#define RK_RING_RECORD_MAX 65536

/* Flags of struct rk_ring_options. */
#define RK_RING_OVERWRITE 1u

struct rk_ring_options {
	size_t size;    /* bytes for each CPU, a power of two from RK_RING_SIZE_MIN to RK_RING_SIZE_MAX; 0 means 64 KiB */
	unsigned flags; /* RK_RING_* */
};

struct rk_ring_record {
	const void *data; /* 8-byte aligned */
	size_t length;    /* bytes */
	uint64_t time;    /* rk_ring_clock() when it was written; 0 without a stamp */
	int cpu;          /* which wrote it, or RK_INDEX_OVERFLOW */
};

/* Its address is that of the item in per-CPU memory (percpu.h). */
struct rk_ring;

/* A reader of one CPU's ring. The caller's memory; its members are this library's (detail/ring.h). */
struct rk_ring_reader;

RKI_BEGIN_DECLS

/*
 * Creates a ring without records.
 *
 * Parameters: size is sizeof(*options), see api.h.
 * Returns 0 and the ring in *ring; -EINVAL when a pointer is NULL, the ring's size is none that may be, or flags are unknown;
 * -E2BIG for options that this library doesn't know;
 * -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 5 us; the first one
 * 50 us, and 20 ms if there are several threads by then (rk_fence_prepare() in remote.h). Memory: the size, twice that in
 * overwriting rings, for each CPU that writes and for the overflow ring, committed as it is written to; a page for each
 * reader of a CPU that never wrote, and one for rk_ring_notify(). Two of the process's mappings.
 */
RKI_API int rk_ring_create(struct rk_ring **ring, const struct rk_ring_options *options, size_t size);

/*
 * Which option rk_ring_create() answers with -EINVAL or -E2BIG for: a sentence, static storage; NULL if all are right.
 * Parameters: as rk_ring_create(). Context: any. Cost: nanoseconds.
 */
RKI_API const char *rk_ring_options_fault(const struct rk_ring_options *options, size_t size);

/*
 * Destroys a ring with what is in it; NULL is allowed. No thread may be using it, and no reader be open.
 *
 * Returns 0; -EINVAL when it is no ring (any more); -EUCLEAN as rk_cache_destroy().
 * Context: as rk_ring_create().
 */
RKI_API int rk_ring_destroy(struct rk_ring *ring);

/* The longest record that this ring takes, in bytes. Context: any. */
RKI_API size_t rk_ring_largest(const struct rk_ring *ring);

/*
 * Writes a record of `length` bytes, which may be 0; rk_ring_write_stamped() with the clock of the moment.
 *
 * Returns 0; -ENOBUFS when there was no room, and then it was counted (rk_ring_dropped()); -EMSGSIZE when it is longer than
 * rk_ring_largest().
 * The data must be readable memory: a fault there is reported at another instruction than the one that read it.
 * Context: any thread; signal handler, also one that interrupts a write to the same ring; after fork; not in a vfork child
 * outside rk_vfork_begin(); not under asynchronous cancellation, which may leave the overflow ring claimed (api.h). Cost: 1 to
 * 4 ns by processor, and what copying takes; with a stamp some 20 more; without rseq 50. When a reader waits, a system call
 * that wakes it, with an eventfd three.
 */
RKI_INLINE int rk_ring_write(struct rk_ring *ring, const void *data, size_t length);
RKI_INLINE int rk_ring_write_stamped(struct rk_ring *ring, const void *data, size_t length);

/*
 * Opens a CPU's ring for reading, or with RK_INDEX_OVERFLOW the overflow ring, and claims it: there is one reader at a time.
 * Of an overwriting ring it takes a snapshot, and what was in it is gone from the ring. To be closed by the thread that
 * opened it, before that ends: else nobody reads that ring any more.
 *
 * Parameters: size is sizeof(*reader), see api.h.
 * Returns 0, or:
 *   1              (overwriting rings) an older snapshot, which a call without a fence had taken, or a thread that this process
 *                  doesn't have; the next call gives what is newer
 *   -EBUSY         the ring has a reader
 *   -EINVAL        a pointer is NULL, size is too small, or the CPU isn't possible. A gap in the numbers of CPUs has an empty
 *                  ring, unless the ring overwrites
 *   -EHOSTUNREACH  (overwriting rings) there is no fence (remote.h): a later call that succeeds gives the records
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation. Cost: 30 ns; a
 * snapshot a fence.
 */
RKI_API int rk_ring_open(struct rk_ring *ring, int cpu, struct rk_ring_reader *reader, size_t size);

/*
 * Closes it: what wasn't released is read again by the next reader. A snapshot is forgotten. A closed one has no records,
 * and rk_ring_release() does nothing. Returns 0, or -EINVAL when it isn't open, or the calling thread didn't open it.
 * Context: as rk_ring_open().
 */
RKI_API int rk_ring_close(struct rk_ring_reader *reader);

/*
 * Gives the room of all records that were read back to writers. Of a snapshot without effect.
 *
 * Context: as rk_ring_next(). Cost: a store.
 */
RKI_INLINE void rk_ring_release(struct rk_ring_reader *reader);

/*
 * Reads the next record. record->data stays as it is until rk_ring_release(), or until a snapshot is closed.
 *
 * Returns 1, or 0 when there is none now.
 * Context: the thread that opened it. Cost: 1 ns; with a writer elsewhere what moving its cache lines takes.
 */
RKI_INLINE int rk_ring_next(struct rk_ring_reader *reader, struct rk_ring_record *record);

/*
 * Reads the records with stamps of all CPUs' rings, and the overflow ring's, in the order of their clocks, calls `each` for
 * each of them, and releases them. It reads those that were written before it was called, and leaves later ones for the next
 * call: so calls that follow each other give one order. How: it reads the clock, fences all CPUs, and takes what is below.
 * A record whose clock is lower than that of one before it on its CPU, or that has none, takes its place right behind that
 * one; so does one whose clock is above this call's: the clock has begun anew since, as when a machine goes on from its disk.
 * Of clocks that are the same the lower CPU's come first: it is one order to a tick, which aarch64's clock may take 50 ns for.
 *
 * Where `each` returns something else than 0 it stops with that, and the record isn't released.
 *
 * Returns 0; what `each` returned; -EBUSY when somebody reads one of them; -EAGAIN when a writer of the overflow ring stood
 * still for a tenth of a second, or is what a handler interrupted; -EHOSTUNREACH when there is no fence; -EINVAL when a
 * pointer is NULL, or for overwriting rings.
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation. `each`
 * doesn't read the same ring, and returns: no exception, no longjmp(3), no end of the thread. Cost: a fence, and for each
 * record a look at each CPU.
 * Source: clocks agree between CPUs on x86-64 where the kernel uses the clock source tsc, on aarch64 by its architecture. Clocks
 * are read in order behind lfence, as the kernel's rdtsc_ordered() does, which makes AMD's processors heed it, and behind isb.
 * On x86-64 prctl(2) with PR_SET_TSC can forbid rdtsc, which kills whoever writes a stamp.
 */
RKI_API int rk_ring_merge(struct rk_ring *ring, int (*each)(void *context, const struct rk_ring_record *record),
			  void *context);

/*
 * What a stamp would be now: the processor's clock (rdtsc, cntvct_el0), elsewhere CLOCK_MONOTONIC; read behind all that
 * precedes the call. Context: any. Cost: 20 ns; who doesn't need that order reads the clock by itself, in half of it.
 */
RKI_API uint64_t rk_ring_clock(void);

/*
 * Waiting. After rk_ring_arm() the next write wakes the thread that waits. Writers need no barrier for that: this call sets a
 * flag, fences all CPUs, and looks. It finds something to read in a record that was written and not released, and in an open
 * snapshot of any reader.
 *
 * rk_ring_wait_for() arms the ring and sleeps until a write, for at most `nanoseconds`; INT64_MAX is for ever. It works for
 * overwriting rings too.
 *
 * rk_ring_notify() takes an eventfd(2) with EFD_NONBLOCK, for poll(2); -1 ends it. When rk_ring_arm() has returned 0, the next
 * write also writes there; now and then another write does. Children of this process write nothing there. After a vfork
 * child's write the parent's next write does it. The descriptor stays open until no writer can be about to use it, and writers
 * share this process's table of descriptors.
 *
 * rk_ring_arm() returns 1 when there is something to read, and 0 when the ring is armed. rk_ring_wait_for() returns 0 when there
 * may be something, -ETIMEDOUT, or -EINTR after a signal. All return -EHOSTUNREACH when there is no fence (then a thread that
 * waits looks by itself now and then), and -EINVAL when ring is NULL, the descriptor isn't allowed, or nanoseconds is negative
 * where the call would have to wait.
 * Context: any thread; rk_ring_arm() and rk_ring_notify() also signal handlers; after fork; not in a vfork child. Cost: a
 * fence, and a look at every CPU's ring.
 */
RKI_API int rk_ring_arm(struct rk_ring *ring);
RKI_API int rk_ring_wait_for(struct rk_ring *ring, int64_t nanoseconds);
RKI_API int rk_ring_notify(struct rk_ring *ring, int fd);

/*
 * How many records were dropped because there was no room, by writers on a CPU or of the overflow ring, or with RK_INDEX_ALL
 * by all; 0 for NULL and for what is no index. What overwriting rings lost isn't counted.
 *
 * Context: any thread; signal handler; after fork. Cost: a load, for all one per CPU.
 */
RKI_API uint64_t rk_ring_dropped(const struct rk_ring *ring, int index);

RKI_END_DECLS

#include <rseqkit/detail/ring.h>

#endif /* RSEQKIT_RING_H */
