/* SPDX-License-Identifier: MIT */
/*
 * ring.h - a ring of records per CPU, for traces and logs. A thread writes to the ring of the CPU that it runs on; any
 * thread may read.
 *
 * Above all: a record that was read is valid until rk_ring_release(). The thread that opened a reader closes it before the
 * thread ends. Otherwise no thread can read that CPU's ring any more.
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
 * A record may have any length up to rk_ring_largest(), and is stored in one piece. Records come in the order in which their
 * CPU wrote them.
 *
 * There are two modes. By default a full ring drops new records: no older record is lost, and drops are counted. With
 * RK_RING_OVERWRITE a full ring drops its oldest records, an eighth of the ring at a time. This mode keeps the last moments
 * before an event. Such a ring is read by snapshots: rk_ring_open() takes all records that are there, and writers go on in
 * other memory.
 *
 * Stamps. rk_ring_write_stamped() stores the processor's clock with the record. The section that writes the record also
 * reads the clock, so clocks are in the order of the records. rk_ring_merge() puts the records of all CPUs in one order.
 * That order agrees with synchronisation between threads. For example, thread A writes a record and unlocks a lock; then
 * thread B locks it and writes a record. Then A's record comes first, on whichever CPUs they ran. This holds because the
 * processor reads its clock only after all instructions that precede the write.
 *
 * Fallback. A thread without rseq writes to the overflow ring, which all threads share. So does a thread whose section was
 * aborted RK_ABORTS_MAX times in a row. The overflow ring has an index of its own, RK_INDEX_OVERFLOW. It drops a record if
 * another thread writes there, or merges, for more than 0.1 ms. It also drops a record if the code that a signal handler
 * interrupted is writing there, or is merging. These drops are counted, too. The overflow ring doesn't overwrite.
 *
 * fork: the child has its own copy of the rings with the records in them. In the child, readers that the forking thread had
 * opened read this copy. A record that another thread was writing is in the child whole, or not at all.
 */
#ifndef RSEQKIT_RING_H
#define RSEQKIT_RING_H

#include <rseqkit/percpu.h>

/* Bytes of each CPU's ring. */
#define RK_RING_SIZE_MIN 8192
#define RK_RING_SIZE_MAX ((size_t)1 << 30)

/*
 * Records up to RK_RING_RECORD_ALWAYS bytes fit into every ring. No ring takes records longer than RK_RING_RECORD_MAX bytes.
 */
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
	int cpu;          /* the CPU that wrote it, or RK_INDEX_OVERFLOW */
};

/* A ring's address is that of its item in per-CPU memory (percpu.h). */
struct rk_ring;

/* A reader of one CPU's ring, in the caller's memory. Its members are this library's (detail/ring.h). */
struct rk_ring_reader;

RKI_BEGIN_DECLS

/*
 * Creates a ring without records.
 *
 * Parameters: size is sizeof(*options), see api.h.
 * Returns 0 and the ring in *ring, or:
 *   -EINVAL   a pointer is NULL, size is 0, the ring's size is not allowed, or a flag is unknown
 *   -E2BIG    this library doesn't know one of the options
 *   -ENOMEM   there is no memory
 *   -EUCLEAN  as rk_percpu_alloc()
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 5 us. The first ring
 * of a process takes 50 us, and 20 ms if there are several threads by then (rk_fence_prepare() in remote.h).
 * Memory: each CPU that writes takes the ring's size, in overwriting rings up to twice that. The overflow ring takes the
 * size once. Memory is committed as it is written to. A reader of a CPU that never wrote takes a page, in overwriting rings
 * three. rk_ring_notify() takes a page, and rk_ring_merge() at least one. A ring takes two of the process's mappings.
 */
RKI_API int rk_ring_create(struct rk_ring **ring, const struct rk_ring_options *options, size_t size);

/*
 * Explains why rk_ring_create() returns -EINVAL or -E2BIG for these options. Returns a sentence in static storage, or NULL
 * if all options are right.
 * Parameters: as rk_ring_create(). Context: any. Cost: nanoseconds.
 */
RKI_API const char *rk_ring_options_fault(const struct rk_ring_options *options, size_t size);

/*
 * Destroys a ring with the records in it. NULL is allowed. No thread may be using the ring, and no reader may be open.
 *
 * Returns 0; -EINVAL when it isn't a ring, or was destroyed before; -EUCLEAN as rk_cache_destroy().
 * Context: as rk_ring_create().
 */
RKI_API int rk_ring_destroy(struct rk_ring *ring);

/* Returns the length of the longest record that this ring takes, in bytes. Context: any. */
RKI_API size_t rk_ring_largest(const struct rk_ring *ring);

/*
 * Write a record of `length` bytes, which may be 0. rk_ring_write_stamped() stores the current clock with it. The data must
 * be readable memory: a fault there is reported at another instruction than the one that read it.
 *
 * Returns 0, or:
 *   -ENOBUFS   there was no room, or the overflow ring was in use. The drop was counted (rk_ring_dropped())
 *   -EMSGSIZE  length is above rk_ring_largest()
 * Context: any thread; signal handler, also one that interrupts a write to the same ring; after fork; not in a vfork child
 * outside rk_vfork_begin(). Asynchronous cancellation is not allowed: it may leave the overflow ring claimed (api.h). Cost:
 * 1 to 4 ns by processor, and the time of copying; with a stamp some 20 ns more; without rseq 50 ns. When a reader waits,
 * the write also makes two system calls to wake it, with an eventfd three.
 */
RKI_INLINE int rk_ring_write(struct rk_ring *ring, const void *data, size_t length);
RKI_INLINE int rk_ring_write_stamped(struct rk_ring *ring, const void *data, size_t length);

/*
 * Opens a CPU's ring for reading, or with RK_INDEX_OVERFLOW the overflow ring. The call claims the ring: each has one reader
 * at a time. In an overwriting ring it takes a snapshot of the CPU's records, and removes them from the ring. The thread
 * that opened the reader closes it before the thread ends. Otherwise no thread can read that ring any more.
 *
 * Parameters: size is sizeof(*reader), see api.h.
 * Returns 0, or:
 *   1              (overwriting rings) this is an older snapshot that was never read. The fence of an earlier call failed,
 *                  or the snapshot was taken by a thread that isn't in this process. The next open gives newer records
 *   -EBUSY         the ring has a reader
 *   -EINVAL        a pointer is NULL, size is too small, or the CPU isn't possible. A gap in the numbers of CPUs has an
 *                  empty ring, unless the ring overwrites
 *   -EHOSTUNREACH  (overwriting rings) there is no fence (remote.h). A later call that succeeds gives the records
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation. Cost: 30 ns;
 * for a snapshot a fence.
 */
RKI_API int rk_ring_open(struct rk_ring *ring, int cpu, struct rk_ring_reader *reader, size_t size);

/*
 * Closes a reader. Records that weren't released are read again by the next reader. A snapshot is discarded. A closed reader
 * has no records, and rk_ring_release() does nothing for it.
 *
 * Returns 0; -EINVAL when the reader isn't open, or another thread opened it.
 * Context: as rk_ring_open().
 */
RKI_API int rk_ring_close(struct rk_ring_reader *reader);

/*
 * Gives writers the room of all records that were read. It has no effect on a snapshot.
 *
 * Context: as rk_ring_next(). Cost: a store.
 */
RKI_INLINE void rk_ring_release(struct rk_ring_reader *reader);

/*
 * Reads the next record. record->data stays as it is until rk_ring_release(), or until a snapshot is closed.
 *
 * Returns 1, or 0 when there is no record now.
 * Context: the thread that opened the reader. Cost: 1 ns. If another CPU is writing, also the time to move its cache lines.
 */
RKI_INLINE int rk_ring_next(struct rk_ring_reader *reader, struct rk_ring_record *record);

/*
 * Reads the records of all CPUs' rings and of the overflow ring, in the order of their clocks. Calls `each` for every
 * record, and releases the record. The call reads the records that were written before the call, and leaves later ones for
 * the next call. So successive calls give one order. The call reads the clock, fences all CPUs, and takes the records with
 * lower clocks.
 *
 * Some records don't take the place of their clock. They come directly after the record before them on their CPU:
 *   - A record whose clock is lower than that of a record before it.
 *   - A record without a stamp.
 *   - A record whose clock is above the clock at this call. The clock has begun anew since, for example because the machine
 *     resumed from disk.
 *
 * Records with the same clock come in the order of their indexes: the overflow ring first, then lower CPUs before higher
 * ones. The order is only as fine as a tick of the clock, which may take 50 ns on aarch64.
 *
 * If `each` returns another value than 0, the call stops and returns that value. It doesn't release that record.
 *
 * Returns 0, the value of `each`, or:
 *   -EBUSY         one of the rings has a reader
 *   -EAGAIN        a writer of the overflow ring stood still for a tenth of a second, or is the code that a signal handler
 *                  interrupted
 *   -EHOSTUNREACH  there is no fence (remote.h)
 *   -EINVAL        a pointer is NULL, or the ring overwrites
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation. `each` doesn't
 * read the same ring. It has to return: it throws no exception, calls no longjmp(3), and doesn't end its thread. Cost: a
 * fence, and for each record a comparison for each CPU.
 * Source: the clocks of all CPUs agree on x86-64 where the kernel uses the clock source tsc, and on aarch64 by its
 * architecture. On x86-64 lfence comes before rdtsc, as in the kernel's rdtsc_ordered(). The kernel makes AMD's processors
 * heed lfence. On aarch64 isb comes before the clock is read. On x86-64 prctl(2) with PR_SET_TSC can forbid rdtsc. Then a
 * write with a stamp kills the process.
 */
RKI_API int rk_ring_merge(struct rk_ring *ring, int (*each)(void *context, const struct rk_ring_record *record),
			  void *context);

/*
 * Returns the stamp that a record would get now: the processor's clock (rdtsc, cntvct_el0), on other machines
 * CLOCK_MONOTONIC. The clock is read after all instructions before the call. Context: any. Cost: 20 ns. A program that
 * doesn't need that order can read the clock itself in half the time.
 */
RKI_API uint64_t rk_ring_clock(void);

/*
 * Waiting. After rk_ring_arm() the next write wakes the thread that waits. Writers need no barrier for that: rk_ring_arm()
 * sets a flag, fences all CPUs, and looks for something to read. That is a record that was written and not released, or an
 * open snapshot of any reader.
 *
 * rk_ring_wait_for() arms the ring and sleeps until a write, for at most `nanoseconds`; INT64_MAX is for ever. It also works
 * for overwriting rings.
 *
 * rk_ring_notify() sets an eventfd(2) with EFD_NONBLOCK, for poll(2); -1 removes it. When rk_ring_arm() has returned 0, the
 * next write to the ring also writes to the eventfd. Sometimes another write does so, too. Children of this process don't
 * write to the eventfd. After a vfork child's write, the parent's next write does it. The descriptor has to stay open until
 * no writer can be about to use it. All writers have to share this process's table of descriptors.
 *
 * rk_ring_arm() returns 1 when there is something to read, and 0 when the ring is armed. rk_ring_wait_for() returns 0 when
 * there may be something to read. rk_ring_notify() returns 0. Errors:
 *   -ETIMEDOUT     (rk_ring_wait_for()) the time is over
 *   -EINTR         (rk_ring_wait_for()) a signal came
 *   -EHOSTUNREACH  (rk_ring_arm(), rk_ring_wait_for()) there is no fence. Then the reader has to look for records by itself
 *                  now and then
 *   -EINVAL        ring is NULL, the descriptor is not allowed, or nanoseconds is negative and the call would have to wait
 * Context: any thread; rk_ring_arm() and rk_ring_notify() also signal handlers; after fork; not in a vfork child. Cost: a
 * fence, and a look at every CPU's ring. rk_ring_notify() costs nanoseconds.
 */
RKI_API int rk_ring_arm(struct rk_ring *ring);
RKI_API int rk_ring_wait_for(struct rk_ring *ring, int64_t nanoseconds);
RKI_API int rk_ring_notify(struct rk_ring *ring, int fd);

/*
 * Returns how many records writers dropped, on one CPU, with RK_INDEX_OVERFLOW in the overflow ring, or with RK_INDEX_ALL in
 * total. Returns 0 when ring is NULL or the index doesn't exist. Records that were overwritten aren't counted.
 *
 * Context: any thread; signal handler; after fork. Cost: a load; with RK_INDEX_ALL one for each index.
 */
RKI_API uint64_t rk_ring_dropped(const struct rk_ring *ring, int index);

RKI_END_DECLS

#include <rseqkit/detail/ring.h>

#endif /* RSEQKIT_RING_H */
