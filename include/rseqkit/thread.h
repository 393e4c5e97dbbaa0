/* SPDX-License-Identifier: MIT */
/*
 * thread.h - registration: which component owns the calling thread's area, and how a thread is registered.
 *
 * A program need not call any of these functions. The initial thread is registered at process start, any other thread by its
 * first operation. Explicit calls are for a program that wants to know a thread's state, to count users, to prepare for a
 * sandbox, or to call vfork().
 *
 * Failure is a state. A thread can't have rseq if the kernel doesn't support it, if a seccomp filter or an emulator refuses it,
 * or if another component has registered a private area. The library keeps the reason in a byte of the thread's state, and
 * reads that byte before it makes any system call. Everything that is built on operations uses its fallback in such a thread.
 */
#ifndef RSEQKIT_THREAD_H
#define RSEQKIT_THREAD_H

#include <rseqkit/abi.h>

/* The component that made the registration of a thread's area, and alone may undo it. Numbers are ABI. */
enum rk_owner {
	RK_OWNER_NONE = 0,    /* none; rk_thread_reason() says why */
	RK_OWNER_LIBC = 1,    /* the C library */
	RK_OWNER_SELF = 2,    /* this library, in the libc's unused area or in its own */
	RK_OWNER_EARLY = 3,   /* a component that follows the public TLS protocol, __rseq_abi; the area is shared with it */
	RK_OWNER_FOREIGN = 4, /* a component with a private area, or with another signature; this library can't use the area */
	RK_OWNER_LIBRSEQ = 5, /* librseq, in threads that ask it to; this library uses such an area, but never registers one */
	RK_OWNER_KERNEL = 6   /* the kernel itself, see ktls.h */
};

/* Why a thread has no rseq. Numbers are ABI. */
enum rk_reason {
	RK_REASON_NONE = 0,         /* the thread has rseq */
	RK_REASON_NOT_YET = 1,      /* not asked for yet: the thread's first operation will register it */
	RK_REASON_NO_KERNEL = 2,    /* the system call doesn't exist: old kernel, emulator, seccomp that answers ENOSYS */
	RK_REASON_BLOCKED = 3,      /* a seccomp filter refuses the system call */
	RK_REASON_FOREIGN = 4,      /* another component registered a private area, in this thread or in another one */
	RK_REASON_SIGNATURE = 5,    /* the area is registered with another signature: our first abort would kill the process */
	RK_REASON_VFORK = 6,        /* in a vfork child, or between rk_vfork_begin() and rk_vfork_end() */
	RK_REASON_AREA = 7,         /* the kernel doesn't accept the area */
	RK_REASON_LIBC_GAVE_UP = 8, /* the libc registers threads, but this one isn't registered (never was, or no longer) */
	RK_REASON_NO_PORT = 9,      /* this library has no critical sections for this architecture */
	RK_REASON_RENDEZVOUS = 10,  /* copies of this library can't agree: no memory file, or their address is taken */
	RK_REASON_EXITING = 11,     /* this thread is about to end, and the C library reuses its memory early (musl) */
	RK_REASON_LATE = 12,        /* a late dlopen loaded this library, and the libc has no static TLS for it then (musl) */
	RK_REASON_UNWATCHED = 13,   /* the library can't see the thread's end, and the libc reuses its memory early (musl) */
	RK_REASON_STRANGER = 14,    /* a component that registers threads itself is loaded, so this library registers none */
	RK_REASON_TOLD = 15         /* the program was started with RSEQKIT_AREA=others, so this library registers no thread */
};

/* Facts of the process, for display; see rk_process_query(). */
struct rk_process_info {
	enum rk_owner owner;    /* owner of registered threads' areas; RK_OWNER_NONE or _FOREIGN if no thread can have rseq */
	enum rk_reason reason;  /* why no thread of this process can have rseq; RK_REASON_NONE if threads can */
	ptrdiff_t offset;       /* bytes from the thread pointer to the area */
	uint32_t length;        /* bytes with which areas are registered; 0 if unknown */
	uint32_t valid;         /* bytes of valid fields: rk_area_valid, or 0 if no thread can have rseq */
	uint32_t feature_size;  /* bytes, as the kernel announces; 20 where it announces nothing */
	uint32_t alignment;     /* bytes, as the kernel announces; 32 where it announces nothing */
	int libc_area;          /* 1 if the libc has an area, registered or not */
	int libc_registers;     /* 1 if the libc registers it */
};

RKI_BEGIN_DECLS

/*
 * Decides where the area is, and prepares the calling thread. Also reads which CPUs are possible, and whether RSEQKIT_PERCPU is
 * set (percpu.h). The decision is made at process start as well. A program that installs a seccomp filter calls this function
 * before it does so. After this call and rk_thread_prepare(), operations make no system call.
 *
 * Where the libc doesn't register threads, the environment that the program was started with may choose something else than
 * the library's default (see rseqkit(7)):
 *   RSEQKIT_AREA=own      areas of this library's own, and not the one that the libc leaves alone. A thread is registered at its
 *                         first operation, or before its start routine if librseqkit-preload.so is preloaded
 *   RSEQKIT_AREA=others   this library registers no thread
 *   RSEQKIT_AREA=ktls     the kernel registers threads (ktls.h)
 *
 * These are the system calls of the whole library. Each situation except visits and a thread's end is tested under a filter that
 * kills for any other call (test_filter.c and test_filter_structures.c in tests/coexist/).
 *   deciding              rseq (at most 10 times; 16 where the kernel is asked to register, ktls.h)
 *     the list of CPUs    openat, pread64, close, sched_getaffinity, mmap, mprotect; beside another copy also mincore and
 *                         rt_sigprocmask; in emulators also munmap; the first three again for RSEQKIT_PERCPU
 *     where the libc doesn't register
 *                         get_robust_list (with musl gettid, getpid), rt_sigprocmask; openat, pread64, close for the
 *                         environment and, beside strangers, for the number of threads. A copy of this library that was
 *                         built for an older libc, one that doesn't register, calls rt_sigprocmask in any case
 *     for areas of its own, or an early adopter's
 *                         prlimit64, memfd_create, write, mmap, close; in emulators also munmap
 *   preparing a thread    get_robust_list (with musl gettid, getpid), rseq; rt_sigprocmask where an early adopter counts its
 *                         users, and in a handler that interrupted this
 *   operations, sums, queries
 *                         none. Without rseq and without a vDSO, rk_cpu() calls getcpu. If no descriptor was left to read the
 *                         list of CPUs, sums call mincore and rt_sigprocmask. A write to a ring whose reader waits calls
 *                         futex, get_robust_list (with musl gettid); with rk_ring_notify() also write, and getpid where
 *                         the kernel wipes no memory at a fork
 *   the bracket of vfork  rseq; getpid inside another bracket, or in a thread that isn't registered; the first bracket also those
 *                         of claims; prctl where the extension of slice.h is on; rt_sigprocmask in rk_vfork_run(), and where a
 *                         child broke a bracket or was killed inside one; vfork. A fork inside two brackets: getpid,
 *                         get_robust_list (with musl gettid)
 *   fences                membarrier; for visits sched_getaffinity, sched_setaffinity, getcpu, openat, pread64, close
 *   claims, banks, reads of groups, merges, overflow ways of lists and rings, rk_ring_notify()
 *                         futex; once mmap, madvise, munmap; in a child of fork gettid, getpid, get_robust_list;
 *                         clock_gettime for a wait with a time limit, where the vDSO has no clock
 *   waiting for a ring    futex, membarrier
 *   grace periods, deferred calls, writers' locks, other CPUs' locks, the first reader or lock in a child of fork
 *                         those of fences and claims; rt_sigprocmask
 *   a reader whose lock a writer holds or waits for
 *                         those of claims
 *   waiting for the lock of this CPU
 *                         those of fences and claims
 *   releasing a lock for which another thread waits
 *                         futex
 *   kills of references   those of fences
 *   regions of slice.h    in a thread's first region, where the extension exists: get_robust_list (with musl gettid), prctl;
 *                         rseq_slice_yield in a region that was granted time or was preempted. Mutexes also call futex, and
 *                         for a time limit clock_gettime where the vDSO has no clock. Conditions call futex
 *   creating, allocating, destroying, trimming
 *                         mmap, mprotect, munlock, madvise, munmap, prlimit64; with a limit on address space
 *                         sched_getaffinity; with initial contents memfd_create, ftruncate, close; for closable memory,
 *                         lists, caches, rings, groups and histograms membarrier; for rcu.h, lock.h and ref.h those of
 *                         fences, and rt_sigprocmask; for RK_PERCPU_DEBUG with RK_PERCPU_EMPTY_IN_CHILDREN getpid
 *   statistics of memory  openat, pread64, close
 *   rk_rcu_worker_start() rt_sigprocmask, and those of pthread_create(3); rk_rcu_worker_stop(): futex
 *   a thread's end        with musl, if the thread was registered: rseq, rt_sigprocmask
 * On 32-bit machines the system calls for mmap and ftruncate are mmap2 and ftruncate64. If a filter refuses one of these calls
 * instead of killing, the program loses no more than the purpose of that call.
 *
 * A filter that doesn't kill may refuse a call by an errno, through another process (SECCOMP_RET_USER_NOTIF), or through a
 * handler of SIGSYS (SECCOMP_RET_TRAP). The library never blocks signals that an instruction causes: SIGSYS, SIGSEGV, SIGBUS,
 * SIGILL, SIGFPE, SIGTRAP. Their handlers may use this library. If the interrupted thread holds a lock or claim, taking it in
 * the handler returns -EBUSY or -EDEADLK.
 *
 * A handler of SIGSYS may run because of a system call that registers its thread. There the thread can't be registered (-EAGAIN),
 * and operations take their fallback. This also happens in any handler that interrupts a registration and blocks SIGSYS. A filter
 * that answers EINVAL looks like a private area: the reason is RK_REASON_FOREIGN. Only `rseqkit doctor` can tell the two apart.
 *
 * A thread may be registered in the C library's area, by glibc or by this library. Then glibc registers each thread that this one
 * creates, and ends the process if that is refused. So a filter that refuses rseq is only for processes that create no more
 * threads. Where the libc leaves its area alone (glibc.pthread.rseq=0), RSEQKIT_AREA=own or =others avoids that. The
 * preloaded objects avoid it by themselves.
 *
 * Idempotent.
 * Returns 0, or the negative errno of rk_thread_prepare().
 * Context: any thread; after fork; not a vfork child; not a signal handler. Cost: microseconds once, then
 * nanoseconds.
 */
RKI_API int rk_process_init(void);

/*
 * Makes sure that the calling thread is registered, for its whole life. Operations do this by themselves.
 *
 * Makes system calls once per thread, and only where the libc doesn't register: get_robust_list (with musl gettid and getpid)
 * and rseq. Also rt_sigprocmask where an early adopter counts its users.
 *
 * Returns 0, or a negative errno, which stays the same until something changes:
 *   -ENOSYS       RK_REASON_NO_KERNEL, RK_REASON_NO_PORT
 *   -EPERM        RK_REASON_BLOCKED
 *   -EBUSY        RK_REASON_FOREIGN, RK_REASON_STRANGER
 *   -ECANCELED    RK_REASON_TOLD
 *   -EACCES       RK_REASON_SIGNATURE
 *   -EAGAIN       RK_REASON_VFORK; also in a handler of SIGSYS, see rk_process_init()
 *   -EINVAL       RK_REASON_AREA
 *   -ESRCH        RK_REASON_LIBC_GAVE_UP
 *   -EADDRINUSE   RK_REASON_RENDEZVOUS
 *   -ESHUTDOWN    RK_REASON_EXITING
 *   -ENOTSUP      RK_REASON_LATE, RK_REASON_UNWATCHED
 * With glibc before 2.32 this function takes a signal handler that runs before the thread's start routine for a vfork child.
 * Context: any thread; signal handler; after fork; vfork child: returns -EAGAIN, or 0 if the parent is registered.
 * Cost: a nanosecond if it was called before in this thread, whatever it returned; otherwise two system calls.
 */
RKI_API int rk_thread_prepare(void);

/*
 * Makes sure that the calling thread is registered, and adds one explicit user of its area. Calls nest. Each thread has its own
 * count.
 *
 * Returns 0; -EOVERFLOW at 2^32 - 1 users; or the negative errno of rk_thread_prepare(). With an error nothing is counted.
 * Context: any thread; signal handler; after fork (the child continues with the parent's count); not in a vfork
 * child outside the bracket, where the call would count for the parent.
 * Cost: a few ns, and no system call, once the thread is registered.
 */
RKI_API int rk_thread_register(void);

/*
 * Removes one explicit user of the calling thread's area. The registration itself stays until the thread ends: the area lives as
 * long as the thread, and to undo the registration would only cost the next user two system calls.
 *
 * Returns 0, or -EINVAL when no explicit user is left.
 * Context and cost: as rk_thread_register().
 */
RKI_API int rk_thread_unregister(void);

/*
 * Queries of the calling thread. They don't register it. A vfork child runs on its parent's TLS, so outside a bracket they answer
 * for the parent.
 *
 * Context: any thread, signal handler, after fork. Cost: nanoseconds, no system call.
 */
RKI_API enum rk_owner rk_thread_owner(void);
RKI_API enum rk_reason rk_thread_reason(void);
RKI_API uint32_t rk_thread_users(void);                    /* explicit users now */
RKI_API const volatile struct rk_area *rk_thread_area(void); /* NULL when not registered */

/*
 * Fills `info` with facts of the process. Writes `size` bytes, which is sizeof *info as the caller knows it. Members that this
 * library doesn't know become 0.
 *
 * Each thread has its own filter. So `reason` gives the reason of a refusal only if no thread is known to be registered, and the
 * kernel refused every thread that asked. Once a thread is registered, `reason` is RK_REASON_NONE.
 *
 * A private area is different. Once the kernel has refused a thread because of one (RK_REASON_FOREIGN), `reason` says so for the
 * whole process, and the library registers no further threads. That is so even if it registered other threads before. A filter
 * that answers EINVAL has the same effect.
 *
 * Returns 0, or -EINVAL when info is NULL or size is 0.
 * Context: any thread, signal handler, after fork. Cost: nanoseconds after process start.
 */
RKI_API int rk_process_query(struct rk_process_info *info, size_t size);

/*
 * Brackets a vfork (or clone with CLONE_VM and CLONE_VFORK, without own TLS) whose child does more than exec or _exit.
 *
 * Such a child runs unregistered on its parent's TLS. The area there still names the parent's CPU, so an operation would run
 * unprotected. Inside the bracket the thread is unregistered and its area is closed. So operations of the child, and of signal
 * handlers, use their fallback. Only the parent calls rk_vfork_end(). Calls nest.
 *
 * Without the bracket operations in the child are forbidden. If the parent isn't registered, the library recognises the child
 * and refuses to register it. All this also applies to a thread of clone(2) that was given no TLS of its own. Create no threads
 * inside the bracket: a libc that registers threads does so only if their creator is registered.
 *
 *	rk_vfork_begin();
 *	pid = vfork();
 *	if (pid == 0) { ...; execv(...); _exit(127); }
 *	rk_vfork_end();
 *
 * A closed area has a mark, RK_CPU_ID_BRACKET. Every copy of this library respects the mark, and so does embed.h. In an early
 * adopter's area the mark is one that the adopter respects if it knows the public protocol, as tcmalloc does.
 *
 * Another component may know neither the mark nor the protocol, or may have an area of its own. If it registers the thread
 * between the begin and vfork(), or in the child, it breaks the bracket. The child's operations in that area then run under the
 * parent's CPU number, and updates of per-CPU data may be lost. So call no function of such a component there, and no malloc()
 * of such an allocator. The function rk_vfork_run() prevents such calls as far as possible. At the bracket's end the thread is
 * registered in any case, and rk_vfork_end() returns -ECANCELED if the bracket was broken.
 *
 * A child may be killed at any time. When the bracket ends, the library ends the brackets that the child had opened itself, and
 * frees what the child had claimed. Other threads may then write to the overflow ring (ring.h) and pop from the overflow list
 * (freelist.h), and a cache's magazine is back in its depot (cache.h). A node that the child had popped is lost, and so is an
 * object that it had got from a cache.
 *
 * The library can't take back a section of rcu.h, a read lock of lock.h or a reference of ref.h. They count like those of a
 * thread that sleeps. Then grace periods and writers wait for ever, and `release` is never called.
 *
 * All tasks that run on this thread's TLS must have ended when the bracket ends. That includes a child of the child, which may
 * continue when the child has been killed.
 *
 * In these cases claims stay taken or brackets stay open:
 *   - More than 32 brackets are open at a time, in all threads together. In a bracket beyond these, what the child had claimed
 *     stays taken. A bracket beyond these that the child had opened itself stays open, but not with rk_vfork_run().
 *   - The child used another copy of this library than the parent's bracket did. Then both happen in that copy.
 *   - The child had its parent's process id, as the first process in a new PID namespace may have. Brackets that the killed
 *     child had opened itself stay open.
 *   - The parent called _Fork() before the bracket's end. In the child of _Fork(), brackets that the killed child had opened
 *     itself stay open.
 *
 * Returns 0, or a negative errno. rk_vfork_begin() returns
 *   -ENOTSUP     the registration can't be undone
 *   -EBUSY       another component kept registering the thread again
 *   -EOVERFLOW   there are 255 nested brackets
 * and rk_vfork_end() returns
 *   -EINVAL      there was no begin
 *   -ECANCELED   the bracket was broken; at the end of the outermost one the thread is registered all the same
 *   another      the registration failed
 * Context: any thread; signal handler; after fork. Cost: one system call each.
 */
RKI_API int rk_vfork_begin(void);
RKI_API int rk_vfork_end(void);

/*
 * Runs child(arg, signals) in a vfork child, inside a bracket, and calls nothing in between. Signals are blocked, except those
 * that an instruction causes. If the child doesn't exec, its return value is its exit status. Just before exec the child calls
 * rk_vfork_unblock(signals), which unblocks the signals that the caller had unblocked. Before that no other handler runs in the
 * child. The caller sees what the child stores to memory.
 *
 *	static int child(void *arg, const void *signals)
 *	{
 *		...
 *		rk_vfork_unblock(signals);
 *		execv(...);
 *		return 127;
 *	}
 *
 * Returns when the child has called exec or ended, with the child's process id in *pid. Returns 0 then, or the negative errno of
 * rk_vfork_end(): -ECANCELED if the bracket was broken all the same.
 * If there is no child, *pid is -1. Returns -EINVAL then if child or pid is NULL, or the negative errno of vfork (-EAGAIN,
 * -ENOMEM), rt_sigprocmask or rk_vfork_begin().
 * The caller waits for the child with waitpid(), as after any vfork.
 * Context: as rk_vfork_begin(). Cost: four system calls more than vfork.
 */
typedef int rk_vfork_child(void *arg, const void *signals);
RKI_API int rk_vfork_run(rk_vfork_child *child, void *arg, int *pid);
RKI_API void rk_vfork_unblock(const void *signals);

/* Names for people, in static storage; "unknown" for other values. Context: any. */
RKI_API const char *rk_owner_name(enum rk_owner owner);
RKI_API const char *rk_reason_text(enum rk_reason reason);

/*
 * The CPU that the calling thread runs on. The thread may be on another CPU by the time the caller looks at the number.
 *
 * Returns a CPU number: from the area or, in a thread without rseq, from the libc's sched_getcpu(). Returns 0 if that fails.
 * Context: any thread; signal handler; after fork; in a vfork child it may return the parent's CPU. Cost: one load.
 */
RKI_INLINE int rk_cpu(void);

/*
 * The concurrency id of the calling thread. The id is below the number of the process's threads, and below the number of its
 * CPUs. No two running threads of a process have the same id.
 *
 * Returns the id, or -1 in a thread without rseq, or if the area lacks the field (rk_area_valid below RK_FIELD_END_MM_CID).
 * Context: as rk_cpu(). Cost: three loads.
 */
RKI_INLINE int rk_cid(void);

RKI_END_DECLS

#include <rseqkit/detail/thread.h>

#endif /* RSEQKIT_THREAD_H */
