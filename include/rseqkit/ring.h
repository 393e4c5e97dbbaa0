/* SPDX-License-Identifier: MIT */
/*
 * ring.h - per-CPU rings of records, for traces and logs. A thread writes to the ring of the CPU that it runs on; any thread
 * can read any ring.
 *
 * Above all: don't use a record after rk_ring_release(). Before a thread that opened a reader ends, the thread must close the
 * reader. Otherwise no thread can read the ring of the reader's CPU any more.
 *
 *	struct rk_ring_options options = {.size = 1 << 20};
 *	rk_ring_create(&ring, &options, sizeof(options));
 *
 *	rk_ring_write(ring, &event, sizeof(event));                   // in any thread or signal handler: one section
 *
 *	rk_ring_open(ring, cpu, &reader, sizeof(reader));                             // one reader of each CPU's ring at a time
 *	while (rk_ring_next(&reader, &record))
 *		consume(record.data, record.length);
 *	rk_ring_release(&reader);                                     // frees the room of these records
 *	rk_ring_close(&reader);
 *
 * A record can have any length up to rk_ring_largest(), and is stored in one piece. A reader gets the records of a CPU in the
 * order in which they were written.
 *
 * There are two modes. By default a full ring drops new records: no older record is lost, and drops are counted. With
 * RK_RING_OVERWRITE a full ring drops its oldest records, an eighth of the ring at a time. Use RK_RING_OVERWRITE to keep the
 * last records before an event, for example before a crash:
 *
 *	static void on_crash(int signal)
 *	{
 *		uint64_t began = rk_ring_clock(), since;
 *
 *		rk_ring_newest(ring, began, 1000, &since, print, NULL);       // the newest 1,000 records of all CPUs, in order
 *
 * An overwriting ring is also read by snapshots: rk_ring_open() takes all records of the CPU's ring, and writers continue in
 * other memory.
 *
 * Stamps. rk_ring_write_stamped() stores a stamp with the record: the value of the processor's clock. The section that writes
 * the record also reads the clock. A CPU's stamps are therefore in the order of its records, unless the clock starts again from
 * 0. rk_ring_merge() puts the records of all CPUs in one order. This order agrees with synchronisation between threads. For
 * example, thread A writes a record and unlocks a lock. After that thread B locks the same lock and writes a record. Then A's
 * record comes before B's record, on whichever CPUs A and B ran. The order agrees because the processor reads its clock only
 * after it has executed all instructions before the write of the record. With RK_RING_UNORDERED, the processor reads its clock
 * while it can still be executing instructions before the write. This takes half the time, but then a stamp can be too early by
 * the time of these instructions: some 100 ns, and no architecture has a bound for it. The merged records of A and B can
 * therefore be in the wrong order.
 *
 * Polling. A reader that looks at an empty ring takes the cache line of the ring's head away from the writer. If rk_ring_next()
 * returned 0, wait some microseconds before the next call. With a writer and a reader on two CPUs of a Xeon, such a wait
 * reduced the cost of a record from 50 ns to 8 ns. rk_ring_wait_for() sleeps until there are records.
 *
 * Fallback. A thread without rseq writes to the overflow ring, which all threads share. A thread whose section was aborted
 * RK_ABORTS_MAX times in a row also writes to the overflow ring. The index of the overflow ring is RK_INDEX_OVERFLOW. The
 * overflow ring drops a record if another thread's write or merge keeps the overflow ring busy for more than 0.1 ms. The
 * overflow ring also drops a signal handler's record if the handler interrupted a write to the overflow ring, or a merge of
 * the same ring. All these drops are counted, too.
 *
 * fork: the child has its own copy of the rings with the records in them. In the child, readers that the forking thread had
 * opened read the child's copy. If another thread was writing a record at the fork, the child has the whole record or no part
 * of the record.
 */
#ifndef RSEQKIT_RING_H
#define RSEQKIT_RING_H

#include <rseqkit/percpu.h>

/* Bytes of each CPU's ring. */
#define RK_RING_SIZE_MIN 8192
#define RK_RING_SIZE_MAX ((size_t)1 << 30)

/*
 * Every ring takes records of up to RK_RING_RECORD_ALWAYS bytes. No ring takes records of more than RK_RING_RECORD_MAX bytes.
 */
#define RK_RING_RECORD_ALWAYS 512
#define RK_RING_RECORD_MAX 65536

/* Flags of struct rk_ring_options. */
#define RK_RING_OVERWRITE 1u /* a full ring drops its oldest records */
#define RK_RING_UNORDERED 2u /* stamps are cheaper, and don't agree with synchronisation between threads */

struct rk_ring_options {
	size_t size;    /* bytes for each CPU, a power of two from RK_RING_SIZE_MIN to RK_RING_SIZE_MAX; 0 means 64 KiB */
	unsigned flags; /* RK_RING_* */
};

struct rk_ring_record {
	const void *data; /* 8-byte aligned */
	size_t length;    /* bytes */
	uint64_t time;    /* the stamp: rk_ring_clock() when the record was written; 0 if there is no stamp */
	int cpu;          /* the CPU on which the record was written, or RK_INDEX_OVERFLOW */
};

/* A ring's address is that of its item in per-CPU memory (percpu.h). */
struct rk_ring;

/* A reader of one CPU's ring, in the caller's memory. Only this library uses the members (detail/ring.h). */
struct rk_ring_reader;

RKI_BEGIN_DECLS

/*
 * Creates a ring without records.
 *
 * Parameters: size is sizeof(*options), see api.h.
 * Returns 0 and the ring in *ring, or:
 *   -EINVAL   a pointer is NULL, size is 0, options->size is not allowed, or a flag is unknown
 *   -E2BIG    this library doesn't know one of the options
 *   -ENOMEM   there is no memory
 *   -EUCLEAN  as rk_percpu_alloc()
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 5 us. The first ring of a
 * process takes 50 us. If the process already has several threads, its first ring takes 20 ms (rk_fence_prepare() in remote.h).
 * Memory: each CPU on which threads write takes options->size bytes. If the ring overwrites, a reader makes it up to twice as
 * many, and rk_ring_newest() up to three times. The overflow ring takes as much as a CPU's ring. A page takes memory only after
 * the first write to it. A reader of a CPU on which no thread has written takes one page, or three pages if the ring
 * overwrites. rk_ring_notify() takes one page, and rk_ring_merge() takes at least one page. A ring takes two of the process's
 * mappings.
 */
RKI_API int rk_ring_create(struct rk_ring **ring, const struct rk_ring_options *options, size_t size);

/*
 * Explains why rk_ring_create() returns -EINVAL or -E2BIG for these options. Returns a sentence in static storage, or NULL
 * if all options are right.
 * Parameters: as rk_ring_create(). Context: any. Cost: nanoseconds.
 */
RKI_API const char *rk_ring_options_fault(const struct rk_ring_options *options, size_t size);

/*
 * Destroys a ring and the records in it. NULL is allowed. Call the function only while no thread uses the ring and no reader
 * is open.
 *
 * Returns 0; -EINVAL when `ring` isn't a ring, or was destroyed before; -EUCLEAN as rk_cache_destroy().
 * Context: as rk_ring_create(). Cost: 3 us; longer if much memory was used.
 */
RKI_API int rk_ring_destroy(struct rk_ring *ring);

/* Returns the length of the longest record that this ring takes, in bytes. Context: any. Cost: nanoseconds. */
RKI_API size_t rk_ring_largest(const struct rk_ring *ring);

/*
 * rk_ring_write() and rk_ring_write_stamped() write a record of `length` bytes; `length` can be 0. rk_ring_write_stamped()
 * also stores the clock's current value with the record. The data must be readable memory. If a read of the data faults, the
 * signal reports another instruction than the one that read the data. If the compiler knows that the length is at most 16, the
 * data needn't be in memory: a local variable can stay in registers.
 *
 * Returns 0, or:
 *   -ENOBUFS   the ring had no room, or the overflow ring was in use. The record was dropped and counted (rk_ring_dropped())
 *   -EMSGSIZE  length is above rk_ring_largest()
 * Context: any thread; signal handler, even if it interrupted a write to the same ring; after fork; in a vfork child only
 * inside rk_vfork_begin(). Asynchronous cancellation is not allowed, because it can leave the overflow ring claimed (api.h).
 * Cost: with rseq 1 to 4 ns, depending on the processor, plus the time of copying; without rseq 50 ns. A stamp takes 20 ns
 * more, or 10 ns with RK_RING_UNORDERED. If a reader waits, the write makes two system calls to wake the reader, and a third
 * call if rk_ring_notify() has chosen an eventfd.
 */
RKI_INLINE int rk_ring_write(struct rk_ring *ring, const void *data, size_t length);
RKI_INLINE int rk_ring_write_stamped(struct rk_ring *ring, const void *data, size_t length);

/*
 * Opens the ring of one CPU for reading. If `cpu` is RK_INDEX_OVERFLOW, opens the overflow ring. The call claims that CPU's
 * ring, so each CPU's ring has at most one reader at a time. If the ring overwrites, the call takes a snapshot: it moves all
 * records of the CPU's ring to the reader. The thread that opened the reader must close the reader before the thread ends.
 * Otherwise no thread can read that CPU's ring any more.
 *
 * Parameters: size is sizeof(*reader), see api.h.
 * Returns 0, or:
 *   1              (overwriting rings) the reader has an older snapshot that was never read. This happens if the fence of an
 *                  earlier call failed, or if this process was forked while another thread had the snapshot. After this
 *                  reader is closed, the next open gives newer records
 *   -EBUSY         the ring has a reader
 *   -EINVAL        a pointer is NULL, size is too small, or the CPU isn't possible. If the ring doesn't overwrite, an
 *                  impossible CPU below the highest possible CPU is no error, and the ring of such a CPU is empty
 *   -EHOSTUNREACH  (overwriting rings) there is no fence (remote.h). The next call that succeeds gives the records
 *   -EAGAIN        (the overflow ring of an overwriting ring) as rk_ring_merge()
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation. Cost: 30 ns; a
 * snapshot also takes a fence.
 */
RKI_INLINE_ALWAYS int rk_ring_open(struct rk_ring *ring, int cpu, struct rk_ring_reader *reader, size_t size);

/*
 * Closes a reader. The next reader of the same ring gets all records that weren't released. If the closed reader has a
 * snapshot, the call discards the snapshot. After the call rk_ring_next() finds no record with the closed reader, and
 * rk_ring_release() does nothing.
 *
 * Returns 0; -EINVAL when the reader isn't open, or another thread opened the reader.
 * Context: as rk_ring_open(). Cost: 40 ns.
 */
RKI_INLINE_ALWAYS int rk_ring_close(struct rk_ring_reader *reader);

/*
 * Frees the room of all records that this reader has read. New records can use this room. For a snapshot the call has no
 * effect.
 *
 * Context: as rk_ring_next(). Cost: a store.
 */
RKI_INLINE_ALWAYS void rk_ring_release(struct rk_ring_reader *reader);

/*
 * Reads the next record. record->data is valid until rk_ring_release(). In a snapshot record->data is valid until
 * rk_ring_close().
 *
 * Returns 1, or 0 when there is no record now.
 * Context: the thread that opened the reader. A signal handler must not use a reader that the interrupted code is using. Cost:
 * 1 ns. If another CPU wrote the record, the time to move the record's cache lines is added. The functions that get a reader's
 * address are inlined. A reader in a local variable can therefore stay in registers, if no other function gets its address.
 */
RKI_INLINE_ALWAYS int rk_ring_next(struct rk_ring_reader *reader, struct rk_ring_record *record);

/*
 * Reads the records of all CPUs' rings and of the overflow ring, in the order of their stamps. Calls `each` for every record,
 * and releases the record. The call first reads the clock and fences all CPUs. After that the call takes the records whose
 * stamps are lower than the clock's value. Among these are all records that were written before the call. Later records stay
 * for the next call, so the records of successive calls are in one order.
 *
 * Some records are not in the order of stamps. Each of these records comes directly after the previous record of the same
 * CPU, or first if that CPU has no previous record:
 *   - A record whose stamp is lower than the stamp of an earlier record of the same CPU, because the clock started again from
 *     0 between the two records.
 *   - A record without a stamp.
 *   - A record whose stamp is above the clock's value at this call. A stamp is above this value if the clock started again
 *     after the record was written, for example because the machine resumed from disk.
 *
 * Records with the same stamp come in the order of their indexes: first the overflow ring, then the CPUs from the lowest to
 * the highest. Records that are written within one tick of the clock have the same stamp. On aarch64 a tick may take 50 ns.
 *
 * If `each` returns a value other than 0, the call stops, doesn't release that record, and returns the value.
 *
 * Returns 0, the value of `each`, or:
 *   -EBUSY         the ring of a CPU, or the overflow ring, has a reader
 *   -EAGAIN        another thread didn't finish a write to the overflow ring within a tenth of a second. Or a signal handler
 *                  made the call, and the handler interrupted a write to the overflow ring
 *   -EHOSTUNREACH  there is no fence (remote.h)
 *   -EINVAL        a pointer is NULL, or the ring overwrites: see rk_ring_newest()
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation. `each` must not
 * read the same ring. `each` has to return: it must not throw an exception, call longjmp(3) or end its thread. Cost: a fence,
 * and for each record one comparison for each CPU.
 * Source: on x86-64 the clocks of all CPUs agree if the kernel uses the clock source tsc. On aarch64 the architecture
 * requires that the clocks agree. On x86-64 lfence comes before rdtsc, as in the kernel's rdtsc_ordered(). On AMD processors
 * the kernel makes lfence a barrier for rdtsc. On aarch64 isb comes before the read of the clock.
 * On x86-64 prctl(2) with PR_SET_TSC can forbid rdtsc. If rdtsc is forbidden, a write with a stamp kills the process.
 */
RKI_EXPORT int rk_ring_merge(struct rk_ring *ring, int (*each)(void *context, const struct rk_ring_record *record),
			  void *context);

/*
 * Reads the newest records of an overwriting ring, from all CPUs and from the overflow ring, in the order of rk_ring_merge().
 * Calls `each` for the `most` newest of the records whose stamps are below `before`, the oldest of these first. A value of
 * `before` that is above the clock's value means the time of the call. SIZE_MAX as `most` means all records. Write the records
 * by rk_ring_write_stamped(): a record without a stamp comes directly after the previous record of its CPU.
 *
 * The records stay in the ring, so the next call finds them again. It can lack the oldest ones, up to an eighth of a CPU's ring.
 *
 * In a signal handler, call rk_ring_clock() first, and pass its value as `before`. Then no record is given that another thread
 * wrote while the handler ran.
 *
 * Writers don't stop during the call. Between the time `before` and the moment when the call takes a CPU's records, threads on
 * that CPU can overwrite its oldest ones. The call therefore stores in *since the time from which on the records are complete.
 * Each record with a stamp from *since to `before` is given to `each`, if it wasn't dropped (-ENOBUFS of rk_ring_write()) and
 * belongs to the `most` newest. If *since isn't above the time of the first record that was given, these were the newest, and
 * none is missing. If `most` records are given, *since is never below the time of the first. `since` can be NULL. The call
 * stores *since before it calls `each`. Choose a size that writers don't fill while the calling thread can be descheduled, which
 * takes milliseconds on a busy machine. Otherwise few records remain from before `before`, or none.
 *
 * Use either this function or rk_ring_open() with a ring. Records that a snapshot of rk_ring_open() has taken are missing here,
 * and count as lost. Records that this function has read are no longer given by rk_ring_open().
 *
 * If `each` returns a value other than 0, the call stops and returns the value.
 *
 * Returns 0, the value of `each`, or:
 *   -EBUSY         the ring of a CPU, or the overflow ring, has a reader, for example another thread's rk_ring_newest(), or the
 *                  code that a signal handler interrupted. If it is another thread, sleep a millisecond and call again
 *   -EHOSTUNREACH  there is no fence (remote.h). The records stay for a call that succeeds
 *   -EINVAL        a pointer is NULL, or the ring doesn't overwrite
 * If another thread doesn't finish a write to the overflow ring within a tenth of a second, the overflow ring's newest records
 * are missing, and *since is the time `before`. If a signal handler makes the call, and the handler interrupted a write to the
 * overflow ring, the call reads all records but the one that is being written.
 * Context: any thread; signal handler, with 1 KiB of stack, or 4 KiB if fences visit CPUs (remote.h); after fork; not in a
 * vfork child; not under asynchronous cancellation. `each` must not read the same ring, and has to return, as for
 * rk_ring_merge(). `each` can write to the ring. If `each` calls a cancellation point, such as write(2), disable cancellation
 * before the call. A child that is forked during another thread's call can lack one of the records, for each CPU. Cost: a
 * fence, 15 to 20 ns for each record in the ring, and for each record that is given one comparison for each CPU.
 */
RKI_EXPORT int rk_ring_newest(struct rk_ring *ring, uint64_t before, size_t most, uint64_t *since,
			   int (*each)(void *context, const struct rk_ring_record *record), void *context);

/*
 * Stamps and time. rk_ring_read_times() reads the clocks, once for all records that are to be printed. rk_ring_monotonic()
 * returns a stamp's time on CLOCK_MONOTONIC, and rk_ring_realtime() its time on CLOCK_REALTIME (the wall clock), in
 * nanoseconds. A later stamp never gets an earlier time by the same reading.
 *
 *	rk_ring_read_times(ring, &times, sizeof(times));
 *	int64_t now = rk_ring_realtime(&times, record->time), seconds = now / 1000000000;
 *
 * The rate of the processor's clock is the average from the ring's creation to the reading. While the kernel adjusts the rate
 * of CLOCK_MONOTONIC by p parts per million, a stamp of s seconds before the reading is wrong by up to p * s microseconds.
 * Without adjustments the error is below 1 us. If the wall clock is set, all stamps are converted by the new setting. If the
 * machine was suspended between a stamp and the reading, the stamp's time is wrong by up to the time of the suspension. If the
 * clock started again from 0 since the ring was created, all stamps get the time of the reading.
 *
 * Parameters: size is sizeof(*times), see api.h. `times` belongs to the caller.
 * rk_ring_read_times() returns 0; -EINVAL when a pointer is NULL.
 * Context: any thread; signal handler; after fork. Cost: rk_ring_read_times() 0.5 us, and ten system calls clock_gettime(2) if
 * the vDSO has no clock; the others some nanoseconds.
 */
struct rk_ring_times {
	uint64_t stamp;              /* the processor's clock at the reading */
	int64_t monotonic, realtime; /* the other clocks at this moment, in nanoseconds */
	double rate;                 /* nanoseconds for each unit of the processor's clock */
};
RKI_API int rk_ring_read_times(const struct rk_ring *ring, struct rk_ring_times *times, size_t size);
RKI_API int64_t rk_ring_monotonic(const struct rk_ring_times *times, uint64_t stamp);
RKI_API int64_t rk_ring_realtime(const struct rk_ring_times *times, uint64_t stamp);

/*
 * Returns the stamp that a record would get now: the value of the processor's clock (rdtsc, cntvct_el0), or of
 * CLOCK_MONOTONIC on other machines. The processor reads the clock only after it has executed all instructions before the
 * call. Context: any. Cost: 20 ns. A program that doesn't need this order can read the clock by an instruction of its own, in
 * half the time.
 */
RKI_API uint64_t rk_ring_clock(void);

/*
 * Waiting. After rk_ring_arm() the next write wakes waiting threads. Writers need no barrier, because rk_ring_arm() sets a
 * flag, then fences all CPUs, and then checks if there is something to read. There is something to read if a CPU's ring or
 * the overflow ring has a record that wasn't released, or if a reader has an open snapshot.
 *
 * rk_ring_wait_for() arms the ring and sleeps until a write, for at most `nanoseconds`. INT64_MAX means no time limit.
 * rk_ring_arm(), rk_ring_wait_for() and rk_ring_notify() also work for overwriting rings.
 *
 * rk_ring_notify() chooses the eventfd(2) that writers signal, so that a thread can wait by poll(2). The caller creates the
 * eventfd with EFD_NONBLOCK. If `fd` is -1, the ring has no eventfd any more. When rk_ring_arm() has returned 0, the next
 * write to the ring signals the eventfd. Sometimes a later write also signals the eventfd. Writes in children of this process
 * don't signal the eventfd. If a vfork child writes a record, the parent's next write to the ring signals the eventfd. Keep
 * the descriptor open as long as a writer can still use the descriptor. All threads that write to the ring must share one
 * table of descriptors.
 *
 * rk_ring_arm() returns 1 when there is something to read, and 0 when the ring is armed and there is nothing to read.
 * rk_ring_wait_for() returns 0 when there may be something to read. rk_ring_notify() returns 0. Errors:
 *   -ETIMEDOUT     (rk_ring_wait_for()) no write woke the thread within `nanoseconds`
 *   -EINTR         (rk_ring_wait_for()) a signal interrupted the sleep
 *   -EHOSTUNREACH  (rk_ring_arm(), rk_ring_wait_for()) there is no fence. Without a fence the reader can't wait, and must
 *                  look for records regularly
 *   -EINVAL        ring is NULL, the descriptor is not allowed, or nanoseconds is negative and the call would have to wait
 * Context: any thread; in a signal handler only rk_ring_arm() and rk_ring_notify(); after fork; not in a vfork child. Cost:
 * rk_ring_arm() and rk_ring_wait_for() take a fence and loads from every CPU's ring. rk_ring_notify() takes nanoseconds.
 */
RKI_API int rk_ring_arm(struct rk_ring *ring);
RKI_API int rk_ring_wait_for(struct rk_ring *ring, int64_t nanoseconds);
RKI_API int rk_ring_notify(struct rk_ring *ring, int fd);

/*
 * Returns how many records writers dropped on CPU `index`. With RK_INDEX_OVERFLOW returns the drops of the overflow ring, and
 * with RK_INDEX_ALL the sum of all drops. Returns 0 when ring is NULL or the index doesn't exist. Overwritten records don't
 * count as drops.
 *
 * Context: any thread; signal handler; after fork. Cost: a load; with RK_INDEX_ALL one load for each index.
 */
RKI_API uint64_t rk_ring_dropped(const struct rk_ring *ring, int index);

RKI_END_DECLS

#include <rseqkit/detail/ring.h>

#endif /* RSEQKIT_RING_H */
