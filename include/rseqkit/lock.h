/* SPDX-License-Identifier: MIT */
/*
 * lock.h - a lock for the data of each CPU, and a reader-writer lock.
 *
 * Above all: a thread releases its locks before it ends, because nothing releases them later. Keep sections under a per-CPU
 * lock short: other threads on that CPU wait for the holder, even while it is preempted.
 *
 * Per-CPU lock: for per-CPU data that needs more than one operation (ops.h), for example a list and its length.
 *
 *	void *data;                       // of any size, the lock's own: zeros at first
 *
 *	rk_lock_here(lock, &data);        // that of the CPU that this runs on
 *	...
 *	rk_lock_release(lock, data);
 *
 *	rk_lock_cpu(lock, cpu, &data);    // that of a CPU, from anywhere
 *	...
 *	rk_lock_release(lock, data);
 *
 * A thread takes the lock of the CPU that it runs on by one restartable sequence. That needs no atomic instruction, and
 * touches no cache line that other CPUs write. The thread keeps that lock wherever it runs afterwards. rk_lock_cpu() takes
 * the lock of any CPU: it closes the lock, fences that CPU, and waits until no thread holds the lock. So it may wait for a
 * holder that is preempted.
 *
 * Fallback. Threads without rseq share the lock and the data at RK_INDEX_OVERFLOW. So do threads whose sequence was aborted
 * RK_ABORTS_MAX times in a row, and threads that find data half done and have no fence. If there was no fence when the lock
 * was made (remote.h), rk_lock_here() always takes that lock. So a loop over the data of all CPUs begins there:
 *
 *	int cpu = RK_INDEX_OVERFLOW;
 *
 *	do ... while ((cpu = rk_cpus_next(cpu)) >= 0);
 *
 * fork. Locks that the forking thread holds, it also holds in the child. Locks that other threads held are free in the
 * child. But their data may be half done, so the next call that takes such a lock returns 1. The rules of claims say which
 * threads exist in the child (remote.h). If no fork handlers run, a lock that was held stays held in the child until the
 * thread that forked has waited for a lock. After a bare clone() that isn't enough: the thread must also have waited for a
 * lock, or made one, before the clone(). On kernels before 4.14 such a lock stays held for ever.
 *
 * Code that runs before any constructor makes a lock in one function, and takes it in others: see abi.h.
 *
 * Reader-writer lock: for data that is read very often, and changed in place. It works like percpu-rwsem of the kernel.
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
 * A reader that begins a section is counted on the CPU that it runs on, by one restartable sequence. Another restartable
 * sequence uncounts the reader, on the CPU that it runs on when the section ends. That needs no atomic instruction, and
 * touches no cache line that readers on several CPUs write. Another thread may end the section. A writer closes a gate,
 * fences all CPUs, and waits until the sum of all CPUs is 0. So reading costs very little, and writing costs at least a
 * fence. If data can be replaced instead of being changed in place, rcu.h is better still.
 *
 * Preference. By default readers go first. While a writer waits for readers, further readers are let in, by an atomic
 * instruction. So a thread that reads may begin another section, also in a signal handler. But a writer waits as long as
 * there is always some reader. With RK_RWLOCK_WRITERS_FIRST readers wait as soon as a writer waits. Then a thread that reads
 * and begins another section waits for ever if a writer came in between. Such a thread uses rk_rwlock_read_lock_try() or a
 * time limit.
 *
 * Fallback. A reader without rseq is counted by an atomic instruction, in a word that all threads share. So is a reader
 * whose sequence was aborted RK_ABORTS_MAX times in a row. If there was no fence when the lock was made (remote.h), all
 * readers are counted there.
 *
 * fork. Readers among the parent's other threads don't count in a child. Sections of the thread that forked go on if the
 * thread calls rk_rwlock_read_keep() for them. Kept or not, the thread may end a section that it began before the fork. A
 * section that isn't kept may be ended after up to three forks, each in the child of the one before (see rcu.h). If a signal
 * handler forks in the middle of a read lock, the section counts as begun before the fork.
 *
 * If the thread that forked holds the lock as writer, it also holds the lock in the child. If another thread held it, the
 * data may be half done in the child. Then calls of readers return 1, and so does that of the next writer, which repairs the
 * data. On kernels that can't wipe memory at a fork (before 4.14), a child's writers wait for its parent's readers.
 *
 * Memory order. All that a thread does under a lock happens before all that any thread does under it later, unless both only
 * read.
 */
#ifndef RSEQKIT_LOCK_H
#define RSEQKIT_LOCK_H

#include <rseqkit/percpu.h>

struct rk_lock;           /* a per-CPU lock; its address is that of its item in per-CPU memory (percpu.h) */
struct rk_rwlock;         /* a reader-writer lock; its address is that of its item, too */
struct rk_rwlock_section; /* a read section: where its reader was counted */

/* Bytes in front of a CPU's data in a per-CPU lock, and the most bytes of data for each CPU. */
#define RK_LOCK_HEADER 64
#define RK_LOCK_SIZE_MAX (RK_STRIDE - RK_LOCK_HEADER)

RKI_BEGIN_DECLS

/*
 * Creates a per-CPU lock, with `size` bytes of zeros for each CPU, aligned to 64 bytes.
 *
 * Parameters: size is 0 to RK_LOCK_SIZE_MAX.
 * Returns 0 and the lock in *lock; -EINVAL when lock is NULL or the size is too large; -ENOMEM; -EUCLEAN as
 * rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: as
 * rk_freelist_create(), and a fence. Memory for each CPU: `size` and 64 bytes, rounded up to 64, 128, 192, 256, 384, 512,
 * 768 bytes and so on.
 */
RKI_API int rk_lock_create(struct rk_lock **lock, size_t size);

/*
 * Destroys a lock and its data. NULL is allowed. No thread may be using the lock.
 *
 * Returns 0; -EBUSY while a thread holds it; -EINVAL when it isn't a lock, or was destroyed before; -EUCLEAN as
 * rk_percpu_free().
 * Context: as rk_lock_create(). Cost: as rk_counter_destroy(), and a look at each CPU's lock.
 */
RKI_API int rk_lock_destroy(struct rk_lock *lock);

/*
 * Take the lock of the CPU that the thread runs on. If the lock is held, the call waits for as long as needed, for at most
 * `nanoseconds`, or (_try) not at all.
 *
 * Returns 0 and the lock's data in *data. Returns 1 and the data in a child of fork, if the lock was held by a thread that
 * isn't in the child: the data may be half done. Otherwise *data is NULL, and the call returns:
 *   -EBUSY      (_try, or no time) a thread holds the lock, perhaps the calling thread, or is about to
 *   -ETIMEDOUT  the time is over
 *   -EDEADLK    the calling thread holds the lock, and would wait for itself. A copy of the library knows only the locks
 *               that it took itself. If another copy took the lock for this thread, the call waits
 *   -EINVAL     nanoseconds is negative, and the call would have to wait
 * Context: any thread; signal handler, with _try only; after fork; not in a vfork child; not under asynchronous cancellation
 * (api.h). A thread that ends while it holds a lock holds it for ever. Cost: with rk_lock_release() 1 to 3 ns with rseq, by
 * processor; 40 ns without; a fence and a sleep if the call has to wait.
 */
RKI_INLINE int rk_lock_here_for(struct rk_lock *lock, int64_t nanoseconds, void **data);
RKI_INLINE int rk_lock_here(struct rk_lock *lock, void **data);
RKI_INLINE int rk_lock_here_try(struct rk_lock *lock, void **data);

/*
 * Take the lock of a CPU, wherever the thread runs. To hold several locks at a time, take them in order of index, or with a
 * time limit.
 *
 * Parameters: index is a possible CPU, online or not, or RK_INDEX_OVERFLOW.
 * Returns as rk_lock_here_for(); also -EINVAL when the index isn't possible; -EHOSTUNREACH when there is no fence (any more,
 * or for this thread, see remote.h).
 * Context: as rk_lock_here_for(). Cost: a fence of that CPU; for RK_INDEX_OVERFLOW some 20 ns.
 */
RKI_API int rk_lock_cpu(struct rk_lock *lock, int index, void **data);
RKI_API int rk_lock_cpu_try(struct rk_lock *lock, int index, void **data);
RKI_API int rk_lock_cpu_for(struct rk_lock *lock, int index, int64_t nanoseconds, void **data);

/*
 * Releases a lock that the calling thread took.
 *
 * Parameters: data is the pointer that came with the lock.
 * Returns 0; -EPERM when the calling thread doesn't hold the lock. A signal handler releases only locks that it took itself.
 * Context: as rk_lock_here_for(), also in signal handlers. Cost: see there; a system call if a thread waits.
 */
RKI_INLINE int rk_lock_release(struct rk_lock *lock, void *data);

/*
 * rk_lock_data() returns the data of an index without its lock, for example to fill the data before other threads know the
 * lock. It returns NULL when there is no such index. rk_lock_index() returns the index that the data belongs to.
 *
 * Context: any. Cost: nanoseconds.
 */
RKI_API void *rk_lock_data(struct rk_lock *lock, int index);
RKI_API int rk_lock_index(const struct rk_lock *lock, const void *data);

/*
 * Creates a reader-writer lock.
 *
 * Parameters: flags is 0, or RK_RWLOCK_WRITERS_FIRST.
 * Returns 0 and the lock in *lock; -EINVAL when lock is NULL or a flag is unknown; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: as
 * rk_freelist_create(), and a fence. Memory: 128 bytes for each CPU that readers run on, and 256 bytes that all CPUs share.
 */
#define RK_RWLOCK_WRITERS_FIRST 1u
RKI_API int rk_rwlock_create(struct rk_rwlock **lock, unsigned flags);

/*
 * Destroys a lock. NULL is allowed. No thread may be using the lock. A thread still uses it until rk_rwlock_read_unlock()
 * has returned.
 *
 * Returns 0; -EBUSY while a thread reads or writes; -EINVAL when it isn't a lock, or was destroyed before; -EUCLEAN as
 * rk_percpu_free().
 * Context: as rk_rwlock_create(). Cost: as rk_counter_destroy().
 */
RKI_API int rk_rwlock_destroy(struct rk_rwlock *lock);

/*
 * Begin a read section. If a writer keeps readers out, the call waits for as long as needed, for at most `nanoseconds`, or
 * (_try) not at all.
 *
 * Returns 0 and the section's handle in *section. Returns 1 and the handle in a child of fork, if the lock belonged to a
 * writer that isn't in the child: the data may be half done. Readers get 1 until another writer has had the lock. Otherwise
 * *section is NULL, and the call returns:
 *   -EBUSY      (_try, or no time) a writer has the lock, or may have it soon
 *   -ETIMEDOUT  the time is over
 *   -EDEADLK    the calling thread is the writer, by this copy of the library, and would wait for itself
 *   -EINVAL     nanoseconds is negative, and the call would have to wait
 * Context: any thread; signal handler, with _try only; after fork; not in a vfork child, not even inside rk_vfork_begin().
 * If such a child were killed, writers would wait for ever. Cost: with rk_rwlock_read_unlock() 1 to 4 ns with rseq, by
 * processor; 20 to 40 ns without, or while a writer waits.
 */
RKI_INLINE int rk_rwlock_read_lock_for(struct rk_rwlock *lock, int64_t nanoseconds, struct rk_rwlock_section **section);
RKI_INLINE int rk_rwlock_read_lock(struct rk_rwlock *lock, struct rk_rwlock_section **section);
RKI_INLINE int rk_rwlock_read_lock_try(struct rk_rwlock *lock, struct rk_rwlock_section **section);

/*
 * Ends a read section. Another thread may end it. Then pass the handle to that thread through a lock or a queue, which
 * orders memory by a release and an acquire.
 *
 * Context: as rk_rwlock_read_lock_try(). Cost: see there; a system call if a writer waits.
 */
RKI_INLINE void rk_rwlock_read_unlock(struct rk_rwlock *lock, struct rk_rwlock_section *section);

/*
 * In a child of fork: keeps a section that the forking thread was in, so that writers of this process wait for it. Call this
 * before anything else is done with the lock, once for each such section.
 *
 * Returns the handle that ends the section from now on. In the process where the section began, that is `section`.
 * Context and cost: as rk_rwlock_read_lock_try().
 */
RKI_API struct rk_rwlock_section *rk_rwlock_read_keep(struct rk_rwlock *lock, struct rk_rwlock_section *section);

/*
 * Take the lock for writing. The call waits for other writers and for all read sections: for as long as needed, for at most
 * `nanoseconds`, or (_try) not at all. rk_rwlock_write_unlock() gives the lock back, in the same thread. A thread that ends
 * while it has the lock has it for ever.
 *
 * Returns 0, or 1 in a child of fork if the lock belonged to a writer that isn't in the child: the data may be half done.
 * Otherwise:
 *   -EBUSY         (_try, or no time) a thread reads or writes, perhaps the caller, or a reader was just trying to begin
 *   -ETIMEDOUT     the time is over
 *   -EDEADLK       the calling thread already has the lock, by this copy of the library. If another copy took it, the call
 *                  waits
 *   -EHOSTUNREACH  there is no fence (any more, or for this thread, see remote.h), so readers can't be counted
 *   -EINVAL        nanoseconds is negative, and the call would have to wait
 * rk_rwlock_write_unlock() returns 0, or -EPERM when the calling thread doesn't have the lock.
 * Context: any thread; signal handler, with _try only; after fork; not in a vfork child; not under asynchronous cancellation
 * (api.h). Cost: a fence, and loads from each CPU's slot; on other machines than x86 two more fences, of another kind.
 */
RKI_API int rk_rwlock_write_lock(struct rk_rwlock *lock);
RKI_API int rk_rwlock_write_lock_try(struct rk_rwlock *lock);
RKI_API int rk_rwlock_write_lock_for(struct rk_rwlock *lock, int64_t nanoseconds);
RKI_API int rk_rwlock_write_unlock(struct rk_rwlock *lock);

RKI_END_DECLS

#include <rseqkit/detail/lock.h>

#endif /* RSEQKIT_LOCK_H */
