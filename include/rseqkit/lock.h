/* SPDX-License-Identifier: MIT */
/*
 * lock.h - per-CPU locks and reader-writer locks.
 *
 * Above all: a thread must release its locks before the thread ends. Otherwise the locks stay held for ever. Hold a per-CPU
 * lock only for a short time: other threads on that CPU wait for the holder, even while the holder is preempted.
 *
 * A per-CPU lock has a lock and data for each CPU. Use a per-CPU lock if a change of per-CPU data needs more than one
 * operation (ops.h), for example a change of a list and its length.
 *
 *	void *data;                       // belongs to the lock; zeros at first
 *
 *	rk_lock_here(lock, &data);        // takes the lock of the CPU that the thread runs on
 *	...
 *	rk_lock_release(lock, data);
 *
 *	rk_lock_cpu(lock, cpu, &data);    // takes the lock of any CPU
 *	...
 *	rk_lock_release(lock, data);
 *
 * To take the lock of the CPU that it runs on, a thread uses one restartable sequence. The sequence needs no atomic
 * instruction, and touches no cache line that other CPUs write. The thread still holds the lock after it has moved to another
 * CPU. rk_lock_cpu() takes the lock of any CPU: it closes the lock, fences that CPU, and waits until no thread holds the lock.
 * The call can therefore wait for a holder that is preempted.
 *
 * Fallback. There is one more lock, with data, at the index RK_INDEX_OVERFLOW. rk_lock_here() takes the lock at
 * RK_INDEX_OVERFLOW if the thread has no rseq, or if the thread's sequence was aborted RK_ABORTS_MAX times in a row.
 * rk_lock_here() also takes the lock at RK_INDEX_OVERFLOW if the CPU's data is half done (see fork below) and there is no
 * fence (remote.h). If there was no fence when the lock was created, rk_lock_here() always takes the lock at RK_INDEX_OVERFLOW.
 * A loop over the data of all CPUs therefore has to begin at RK_INDEX_OVERFLOW:
 *
 *	int cpu = RK_INDEX_OVERFLOW;
 *
 *	do ... while ((cpu = rk_cpus_next(cpu)) >= 0);
 *
 * fork. The thread that forked holds its locks in the child, too. Locks that other threads held are free in the child. But the
 * data of such a lock can be half done, because the holder may have been changing the data at the fork. The next call that
 * takes the lock therefore returns 1. If no fork handlers run (_Fork(), clone()), the locks of other threads stay held in the
 * child at first. These locks become free when the thread that forked has waited for a lock in the child (see claims in
 * remote.h). After a bare clone() there is one more condition: before the clone(), the thread that forked must have waited for
 * a lock or created a lock. On kernels before 4.14, even if fork handlers run, the locks of other threads stay held in the
 * child for ever.
 *
 * Code that runs before this library's constructor must create a lock in one function and take the lock in another function
 * (see abi.h).
 *
 * A reader-writer lock is for data that is read very often and changed in place. A reader-writer lock works like the kernel's
 * percpu-rwsem.
 *
 *	struct rk_rwlock_section *section;
 *
 *	rk_rwlock_read_lock(lock, &section);   // reader
 *	...
 *	rk_rwlock_read_unlock(lock, section);
 *
 *	rk_rwlock_write_lock(lock);            // writer: alone
 *	...
 *	rk_rwlock_write_unlock(lock);
 *
 * Each CPU has a count of readers. At the beginning of a section, a restartable sequence adds 1 to the count of the CPU that
 * the reader runs on. At the end of the section, a restartable sequence subtracts 1 from the count of the CPU that the reader
 * runs on at that time. These sequences need no atomic instruction, and touch no cache line that readers on several CPUs
 * write. A thread other than the reader is allowed to end the section. A writer closes a gate, fences all CPUs, and waits until
 * the sum of all counts is 0. A read therefore costs very little, and a write costs at least a fence. If writers can replace
 * data instead of changing it in place, use rcu.h, which is faster still.
 *
 * Preference. By default readers go first. While a writer waits for readers, further readers can begin sections, by an atomic
 * instruction. A thread inside a section is therefore allowed to begin another section, even in a signal handler. But a writer
 * waits as long as there is always at least one reader. With RK_RWLOCK_WRITERS_FIRST new readers wait while a writer waits.
 * With this flag, a thread inside a section must begin another section only by rk_rwlock_read_lock_try() or with a time limit.
 * Otherwise, if a writer waits for the first section to end, the thread waits for ever.
 *
 * Fallback. A reader without rseq is counted by an atomic instruction, in a word that all threads share. A reader whose
 * sequence was aborted RK_ABORTS_MAX times in a row is also counted in that word. If there was no fence when the lock was
 * created (remote.h), all readers are counted in that word.
 *
 * fork. In a child, writers don't wait for sections that began before the fork. There is one exception: the thread that forked
 * can call rk_rwlock_read_keep() for its own sections. In the child, the thread that forked is allowed to end each section
 * that it began before the fork, kept or not. A section that isn't kept can be ended after one, two or three forks in a row,
 * each in the child of the previous fork. After a fourth fork don't end such a section (see rcu.h). If a signal handler
 * interrupts rk_rwlock_read_lock() and forks, the section counts as begun before the fork.
 *
 * If the thread that forked holds the lock as a writer, this thread also holds the lock in the child. If another thread held
 * the lock as a writer, the lock is free in the child, and the data can be half done. In this case the calls by which readers
 * begin sections return 1 until a writer has taken and released the lock. The call by which this writer takes the lock also
 * returns 1, and the writer should repair the data. On kernels before 4.14, which can't wipe memory at a fork, writers in a
 * child wait for sections of the parent's threads.
 *
 * Memory order. Everything that a thread does under a lock happens before everything that a later holder of the same lock
 * does under the lock. There is one exception: two readers of a reader-writer lock aren't ordered.
 */
#ifndef RSEQKIT_LOCK_H
#define RSEQKIT_LOCK_H

#include <rseqkit/percpu.h>

struct rk_lock;           /* a per-CPU lock: the address of its item in per-CPU memory (percpu.h) */
struct rk_rwlock;         /* a reader-writer lock: the address of its item in per-CPU memory */
struct rk_rwlock_section; /* the handle of a read section */

/* In a per-CPU lock: the bytes before the data of each CPU, and the highest number of bytes of data for each CPU. */
#define RK_LOCK_HEADER 64
#define RK_LOCK_SIZE_MAX (RK_STRIDE - RK_LOCK_HEADER)

RKI_BEGIN_DECLS

/*
 * Creates a per-CPU lock, with `size` bytes of data for each CPU. The data is zero at first, and aligned to 64 bytes.
 *
 * Parameters: `size` is 0 to RK_LOCK_SIZE_MAX.
 * Returns 0 and the lock in *lock; -EINVAL when `lock` is NULL or `size` is too large; -ENOMEM; -EUCLEAN as
 * rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: as
 * rk_freelist_create(), plus a fence. Memory: for each CPU, `size` plus 64 bytes, rounded up to 64, 128, 192, 256, 384, 512,
 * 768 bytes and so on.
 */
RKI_API int rk_lock_create(struct rk_lock **lock, size_t size);

/*
 * Destroys a per-CPU lock and its data. NULL is allowed. Call the function only while no thread uses the lock.
 *
 * Returns 0; -EBUSY while a thread holds the lock of any CPU; -EINVAL when `lock` isn't a per-CPU lock, or was destroyed
 * before; -EUCLEAN as rk_percpu_free().
 * Context: as rk_lock_create(). Cost: as rk_counter_destroy(), plus loads from each CPU's lock.
 */
RKI_API int rk_lock_destroy(struct rk_lock *lock);

/*
 * These functions take the lock of the CPU that the thread runs on. If the lock is held, rk_lock_here() waits as long as
 * needed, rk_lock_here_for() waits for at most `nanoseconds`, and rk_lock_here_try() doesn't wait.
 *
 * Returns 0, and stores in *data the address of that CPU's data. In a child of fork, returns 1 and also stores the address if a
 * thread that isn't in the child held the lock: the data can be half done. Otherwise *data is NULL, and the call returns:
 *   -EBUSY      (_try, or nanoseconds is 0) a thread (the calling thread or another one) holds the lock or is about to take it
 *   -ETIMEDOUT  `nanoseconds` passed, and the lock was still held
 *   -EDEADLK    the calling thread holds the lock, and would wait for itself. A copy of the library knows only the locks that
 *               were taken through this copy. If the thread took the lock through another copy, the call waits
 *   -EINVAL     nanoseconds is negative, and the call would have to wait
 * Context: any thread; in a signal handler only _try; after fork; not in a vfork child; not under asynchronous cancellation
 * (api.h). If a thread ends while it holds a lock, the lock stays held for ever. Cost, including rk_lock_release(): with rseq
 * 1 to 3 ns, depending on the processor; without rseq 40 ns. If the call has to wait, it takes a fence and a sleep.
 */
RKI_INLINE int rk_lock_here_for(struct rk_lock *lock, int64_t nanoseconds, void **data);
RKI_INLINE int rk_lock_here(struct rk_lock *lock, void **data);
RKI_INLINE int rk_lock_here_try(struct rk_lock *lock, void **data);

/*
 * These functions take the lock at `index`, whichever CPU the thread runs on. If the lock is held, rk_lock_cpu() waits as
 * long as needed, rk_lock_cpu_for() waits for at most `nanoseconds`, and rk_lock_cpu_try() doesn't wait. To hold several
 * locks at a time, take the locks in the order of their indexes, or with a time limit.
 *
 * Parameters: `index` is a possible CPU, online or not, or RK_INDEX_OVERFLOW.
 * Returns as rk_lock_here_for(). Also returns -EINVAL when there is no such index, and -EHOSTUNREACH when a fence failed
 * (remote.h): either this thread can't fence that CPU, or fences aren't available any more.
 * Context: as rk_lock_here_for(). Cost: a fence of one CPU; for RK_INDEX_OVERFLOW some 20 ns.
 */
RKI_API int rk_lock_cpu(struct rk_lock *lock, int index, void **data);
RKI_API int rk_lock_cpu_try(struct rk_lock *lock, int index, void **data);
RKI_API int rk_lock_cpu_for(struct rk_lock *lock, int index, int64_t nanoseconds, void **data);

/*
 * Releases a lock that the calling thread took.
 *
 * Parameters: `data` is the pointer that rk_lock_here() or another such function stored in *data when it took the lock.
 * Returns 0; -EPERM when the calling thread doesn't hold the lock, or took it through another copy of the library. A signal
 * handler must release only locks that the handler took.
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h). Cost:
 * see rk_lock_here_for(). If a thread waits, the call also makes a system call.
 */
RKI_INLINE int rk_lock_release(struct rk_lock *lock, void *data);

/*
 * rk_lock_data() returns the address of the data at an index, and doesn't take the lock. Use rk_lock_data() for example to
 * fill the data before other threads know the lock. rk_lock_data() returns NULL when there is no such index. rk_lock_index()
 * returns the index of the data at the address `data`.
 *
 * Context: any. Cost: nanoseconds.
 */
RKI_API void *rk_lock_data(struct rk_lock *lock, int index);
RKI_API int rk_lock_index(const struct rk_lock *lock, const void *data);

/*
 * Creates a reader-writer lock.
 *
 * Parameters: `flags` is 0, or RK_RWLOCK_WRITERS_FIRST.
 * Returns 0 and the lock in *lock; -EINVAL when lock is NULL, or a flag is unknown; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: as
 * rk_freelist_create(), plus a fence. Memory: 128 bytes for each CPU that readers run on, plus 256 bytes that all CPUs share.
 */
#define RK_RWLOCK_WRITERS_FIRST 1u
RKI_API int rk_rwlock_create(struct rk_rwlock **lock, unsigned flags);

/*
 * Destroys a reader-writer lock. NULL is allowed. Call the function only while no thread uses the lock. A reader uses the
 * lock until its rk_rwlock_read_unlock() has returned.
 *
 * Returns 0; -EBUSY while a thread reads or writes; -EINVAL when `lock` isn't a reader-writer lock, or was destroyed before;
 * -EUCLEAN as rk_percpu_free().
 * Context: as rk_rwlock_create(). Cost: as rk_counter_destroy().
 */
RKI_API int rk_rwlock_destroy(struct rk_rwlock *lock);

/*
 * These functions begin a read section. If a writer keeps readers out, rk_rwlock_read_lock() waits as long as needed,
 * rk_rwlock_read_lock_for() waits for at most `nanoseconds`, and rk_rwlock_read_lock_try() doesn't wait.
 *
 * Returns 0, and stores in *section the handle of the section. In a child of fork, returns 1 and also stores the handle if a
 * writer that isn't in the child held the lock: the data can be half done. All calls of readers return 1 until another writer
 * has taken and released the lock. Otherwise *section is NULL, and the call returns:
 *   -EBUSY      (_try, or nanoseconds is 0) a writer holds the lock, or is about to take it
 *   -ETIMEDOUT  `nanoseconds` passed, and a writer still kept readers out
 *   -EDEADLK    the calling thread took the lock for writing, through this copy of the library, and would wait for itself
 *   -EINVAL     nanoseconds is negative, and the call would have to wait
 * Context: any thread; in a signal handler only _try; after fork; not in a vfork child, not even inside rk_vfork_begin(). If
 * a vfork child were killed in a section, writers would wait for ever.
 * Cost, including rk_rwlock_read_unlock(): with rseq 1 to 4 ns, depending on the processor; without rseq, or while a writer
 * waits, 20 to 40 ns.
 */
RKI_INLINE int rk_rwlock_read_lock_for(struct rk_rwlock *lock, int64_t nanoseconds, struct rk_rwlock_section **section);
RKI_INLINE int rk_rwlock_read_lock(struct rk_rwlock *lock, struct rk_rwlock_section **section);
RKI_INLINE int rk_rwlock_read_lock_try(struct rk_rwlock *lock, struct rk_rwlock_section **section);

/*
 * Ends a read section. A thread other than the reader is allowed to end the section. In this case, pass the handle to that
 * thread through a lock or a queue that orders memory by a release and an acquire.
 *
 * Context: as rk_rwlock_read_lock_try(). Cost: see rk_rwlock_read_lock(). If a writer waits, the call also makes a system
 * call.
 */
RKI_INLINE void rk_rwlock_read_unlock(struct rk_rwlock *lock, struct rk_rwlock_section *section);

/*
 * Call this function in a child of fork, to keep a section in which the calling thread was at the fork. Writers in the child
 * then wait for this section. Call the function once for each such section, before any other use of the lock in the child.
 *
 * Returns the handle with which the section must be ended. In the process in which the section began, returns `section`.
 * Context and cost: as rk_rwlock_read_lock_try().
 */
RKI_API struct rk_rwlock_section *rk_rwlock_read_keep(struct rk_rwlock *lock, struct rk_rwlock_section *section);

/*
 * rk_rwlock_write_lock(), rk_rwlock_write_lock_for() and rk_rwlock_write_lock_try() take the lock for writing. If there are
 * other writers or read sections, rk_rwlock_write_lock() waits for them as long as needed, rk_rwlock_write_lock_for() waits
 * for at most `nanoseconds`, and rk_rwlock_write_lock_try() doesn't wait. The writer must release the lock in the same
 * thread, by rk_rwlock_write_unlock(). If a thread ends while it holds the lock, the lock stays held for ever.
 *
 * These three functions return 0. In a child of fork, they return 1 if a writer that isn't in the child held the lock: the data
 * can be half done. Otherwise they return:
 *   -EBUSY         (_try, or nanoseconds is 0) a thread (the calling thread or another one) reads or writes, or a reader was
 *                  trying to begin a section
 *   -ETIMEDOUT     `nanoseconds` passed, and other threads still read or wrote
 *   -EDEADLK       the calling thread took the lock for writing before, through this copy of the library. If the thread took
 *                  the lock through another copy, the call waits
 *   -EHOSTUNREACH  the fence failed (remote.h): either this thread can't fence all CPUs, or fences aren't available any more.
 *                  Without a fence the call can't count the readers
 *   -EINVAL        nanoseconds is negative, and the call would have to wait
 * rk_rwlock_write_unlock() returns 0, or -EPERM when the calling thread doesn't hold the lock for writing.
 * Context: any thread; in a signal handler only _try; after fork; not in a vfork child; not under asynchronous cancellation
 * (api.h). Cost: a fence, and loads from each CPU's slot. On machines other than x86 the call takes two more fences, which
 * order memory.
 */
RKI_API int rk_rwlock_write_lock(struct rk_rwlock *lock);
RKI_API int rk_rwlock_write_lock_try(struct rk_rwlock *lock);
RKI_API int rk_rwlock_write_lock_for(struct rk_rwlock *lock, int64_t nanoseconds);
RKI_API int rk_rwlock_write_unlock(struct rk_rwlock *lock);

RKI_END_DECLS

#include <rseqkit/detail/lock.h>

#endif /* RSEQKIT_LOCK_H */
