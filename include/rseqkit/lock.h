/* SPDX-License-Identifier: MIT */
/*
 * lock.h - locks: one for the data of each CPU, and one for readers and writers.
 *
 * Above all: a thread releases its locks before it ends, for nothing releases them later. Keep sections under a per-CPU lock
 * short: other threads on that CPU wait for the holder, even while it is preempted.
 *
 * Per-CPU lock: for data of each CPU that one operation (ops.h) isn't enough for, a list and its length, say.
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
 * A thread takes the lock of the CPU that it runs on by one restartable sequence: no atomic instruction, and no line that
 * other CPUs write. Wherever it runs then, it holds that lock. Who locks from elsewhere closes the lock, fences that CPU, and
 * waits until nobody holds it. So a holder who is preempted is waited for: sections under a per-CPU lock are to be short.
 *
 * Total: threads without rseq, and those whose sequence was aborted RK_ABORTS_MAX times in a row, share the lock and the data
 * at RK_INDEX_OVERFLOW; so do those who find data half done, and have no fence. Where there was none when the lock was made
 * (remote.h), all do. So who goes through the data of all CPUs begins there:
 *
 *	int cpu = RK_INDEX_OVERFLOW;
 *
 *	do ... while ((cpu = rk_cpus_next(cpu)) >= 0);
 *
 * fork. What the forking thread holds, it holds in the child too. What others held is free there, and the next who takes it is
 * told: its data may be half done. Whose thread is there is known as for claims (remote.h): where no handlers of fork run,
 * what was held stays so until the thread that forked has waited for a lock; behind a bare clone() only if it had waited for
 * one, or made one, before, too; and before 4.14 for ever.
 *
 * Code that runs before any constructor makes a lock in another function than those that take it: see abi.h.
 *
 * Reader-writer lock: for data that is read all the time, and written in place.
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
 * A reader is counted on the CPU that it runs on, by one restartable sequence, and uncounted on whichever CPU it runs on
 * then, by another: no atomic instruction, and no line that readers of several CPUs write. A section may be ended in another
 * thread. A writer closes a gate, fences all CPUs, and waits until the sum of all CPUs is 0. So reading costs next to nothing,
 * and writing a fence at least: where data can be replaced instead of being changed in place, rcu.h is better still.
 *
 * Preference. Readers go first: while a writer waits for those who are there, others are let in, by an atomic instruction. So
 * a thread that reads may begin another section, in a handler too, and a writer waits as long as somebody always reads. With
 * RK_RWLOCK_WRITERS_FIRST readers wait as soon as a writer does. Then a thread that reads and begins another section waits
 * for ever, if a writer came in between: it is to use rk_rwlock_read_lock_try(), or a time limit.
 *
 * Total: a reader without rseq, or whose sequence was aborted RK_ABORTS_MAX times in a row, is counted by an atomic
 * instruction in a word that all share. Where there was no fence when the lock was made (remote.h), all readers are.
 *
 * fork. Readers among its parent's other threads are none in a child. Sections of the thread that forked go on if it says so,
 * rk_rwlock_read_keep(); ending one that it began before is right in any case, as far as in a child's child's child (see
 * rcu.h).
 * In a child that a handler forks in the middle of a read lock, that section counts as begun before.
 * The thread that holds the lock as writer holds it in the child too. Where another thread did, what it protects may be
 * half done in the child: readers are told, and so is the next writer, who mends it. Where the kernel can't wipe memory at a
 * fork (before 4.14), a child's writers wait for its parent's readers.
 *
 * Memory order. What was done under a lock happened before what is done under it later, unless both only read.
 */
#ifndef RSEQKIT_LOCK_H
#define RSEQKIT_LOCK_H

#include <rseqkit/percpu.h>

struct rk_lock;           /* its address is that of the item in per-CPU memory (percpu.h) */
struct rk_rwlock;         /* the same */
struct rk_rwlock_section; /* of a reader: where it was counted */

/* Of a per-CPU lock: what a CPU's data is preceded by, and so the most that a CPU can have. */
#define RK_LOCK_HEADER 64
#define RK_LOCK_SIZE_MAX (RK_STRIDE - RK_LOCK_HEADER)

RKI_BEGIN_DECLS

/*
 * Creates a per-CPU lock, with `size` bytes of zeros for each CPU, aligned to 64.
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
 * Destroys a lock and its data; NULL is allowed. No thread may be using it.
 *
 * Returns 0; -EBUSY while somebody holds it; -EINVAL when it is no lock (any more); -EUCLEAN as rk_percpu_free().
 * Context: as rk_lock_create(). Cost: as rk_counter_destroy(), and a look at each CPU's.
 */
RKI_API int rk_lock_destroy(struct rk_lock *lock);

/*
 * Takes the lock of the CPU that the thread runs on: waits for its holder, for at most `nanoseconds`, or not at all.
 *
 * Returns 0, or 1 in a child of fork where it was held by a thread that isn't there any more: the data may be half done. In
 * *data then what it protects; NULL otherwise:
 *   -EBUSY      (_try, or no time) somebody holds it, the calling thread perhaps, or is about to
 *   -ETIMEDOUT  the time is over
 *   -EDEADLK    the calling thread holds it, and would wait for itself. Each copy of the library in a process knows only
 *               what was taken by it: with a lock that another copy took for this thread, this waits
 *   -EINVAL     nanoseconds is negative, where it would have to wait
 * Context: any thread; signal handler, with _try only; after fork; not in a vfork child; not under asynchronous cancellation
 * (api.h). A thread that ends while it holds a lock holds it for ever. Cost: with rk_lock_release() 1 to 3 ns with rseq, by
 * processor; 40 without; a fence and a sleep where it has to wait.
 */
RKI_INLINE int rk_lock_here_for(struct rk_lock *lock, int64_t nanoseconds, void **data);
RKI_INLINE int rk_lock_here(struct rk_lock *lock, void **data);
RKI_INLINE int rk_lock_here_try(struct rk_lock *lock, void **data);

/*
 * Takes the lock of a CPU, wherever the thread runs. Who holds several at a time takes them in the order of their indexes,
 * or with a time limit.
 *
 * Parameters: index is a possible CPU, online or not, or RK_INDEX_OVERFLOW.
 * Returns as rk_lock_here_for(); -EINVAL for an index that isn't possible too; -EHOSTUNREACH when there is no fence (any
 * more, or for this thread, see remote.h).
 * Context: as rk_lock_here_for(). Cost: a fence of that CPU; for RK_INDEX_OVERFLOW some 20 ns.
 */
RKI_API int rk_lock_cpu(struct rk_lock *lock, int index, void **data);
RKI_API int rk_lock_cpu_try(struct rk_lock *lock, int index, void **data);
RKI_API int rk_lock_cpu_for(struct rk_lock *lock, int index, int64_t nanoseconds, void **data);

/*
 * Gives back what the calling thread took.
 *
 * Parameters: data is what it got with the lock.
 * Returns 0; -EPERM when the calling thread doesn't hold it. A handler is to release what it took, and nothing else.
 * Context: as rk_lock_here_for(), in handlers too. Cost: as said there; a system call where somebody waits.
 */
RKI_INLINE int rk_lock_release(struct rk_lock *lock, void *data);

/*
 * The data of an index without its lock, to fill it before others know the lock, say; NULL for an index that there is none
 * of. And the index whose data that is.
 *
 * Context: any. Cost: nanoseconds.
 */
RKI_API void *rk_lock_data(struct rk_lock *lock, int index);
RKI_API int rk_lock_index(const struct rk_lock *lock, const void *data);

/*
 * Creates a reader-writer lock.
 *
 * Parameters: flags is 0, or RK_RWLOCK_WRITERS_FIRST.
 * Returns 0 and the lock in *lock; -EINVAL when lock is NULL or a flag isn't known; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: as
 * rk_freelist_create(), and a fence. Memory: 128 bytes for each CPU that readers run on, and 256 for all.
 */
#define RK_RWLOCK_WRITERS_FIRST 1u
RKI_API int rk_rwlock_create(struct rk_rwlock **lock, unsigned flags);

/*
 * Destroys a lock; NULL is allowed. No thread may be using it: one that hasn't returned from rk_rwlock_read_unlock() is.
 *
 * Returns 0; -EBUSY while somebody reads or writes; -EINVAL when it is no lock (any more); -EUCLEAN as rk_percpu_free().
 * Context: as rk_rwlock_create(). Cost: as rk_counter_destroy().
 */
RKI_API int rk_rwlock_destroy(struct rk_rwlock *lock);

/*
 * Begins to read: waits for a writer, for at most `nanoseconds`, or not at all.
 *
 * Returns 0 and in *section what to end it with. Returns 1 with the section, too, in a child of fork where a writer had the
 * lock that isn't there any more: the data may be half done. Readers get that until a writer has had the lock. Else, with NULL
 * in *section:
 *   -EBUSY       (_try, or no time) a writer has the lock, or may have it soon
 *   -ETIMEDOUT   the time is over
 *   -EDEADLK     the calling thread is the writer, by this copy of the library, and would wait for itself
 *   -EINVAL      nanoseconds is negative, where it would have to wait
 * Context: any thread; signal handler, with _try only; after fork; not in a vfork child, which would keep writers waiting for
 * ever if it were killed: inside rk_vfork_begin() neither. Cost: with rk_rwlock_read_unlock() 1 to 4 ns with rseq, by
 * processor; 20 to 40 without, or while a writer waits.
 */
RKI_INLINE int rk_rwlock_read_lock_for(struct rk_rwlock *lock, int64_t nanoseconds, struct rk_rwlock_section **section);
RKI_INLINE int rk_rwlock_read_lock(struct rk_rwlock *lock, struct rk_rwlock_section **section);
RKI_INLINE int rk_rwlock_read_lock_try(struct rk_rwlock *lock, struct rk_rwlock_section **section);

/*
 * Ends a section, in whichever thread. Who ends it in another one hands it over with release and acquire.
 *
 * Context: as rk_rwlock_read_lock_try(). Cost: as said there; with a writer who waits, a system call.
 */
RKI_INLINE void rk_rwlock_read_unlock(struct rk_rwlock *lock, struct rk_rwlock_section *section);

/*
 * In a child of fork: a section that the forking thread was in goes on here, and writers of this process wait for it. To be
 * called before anything else is done with the lock, once for each such section.
 *
 * Returns what to end it with from now on. In the process where it was begun, that is `section`.
 * Context: as rk_rwlock_read_lock_try(). Cost: as that.
 */
RKI_API struct rk_rwlock_section *rk_rwlock_read_keep(struct rk_rwlock *lock, struct rk_rwlock_section *section);

/*
 * Takes the lock for writing: waits for other writers, and until all sections of readers are over, for at most
 * `nanoseconds`, or not at all. rk_rwlock_write_unlock() gives it back, in the same thread. A thread that ends while it has
 * the lock has it for ever.
 *
 * Returns 0, or 1 in a child of fork where it was another writer's who isn't there any more: what it protects may be half
 * done. Else:
 *   -EBUSY         (_try, or no time) somebody reads or writes, the caller perhaps, or was just about to look
 *   -ETIMEDOUT     the time is over
 *   -EDEADLK       the calling thread has it already, by this copy of the library; by another it would wait
 *   -EHOSTUNREACH  there is no fence (any more, or for this thread, see remote.h): nothing is known of readers
 *   -EINVAL        nanoseconds is negative, where it would have to wait
 * rk_rwlock_write_unlock(): 0, or -EPERM when the calling thread hasn't got it.
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
