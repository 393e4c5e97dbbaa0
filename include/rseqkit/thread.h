/* SPDX-License-Identifier: MIT */
/*
 * thread.h - registration: which component owns the calling thread's area, and how a thread is registered.
 *
 * A program need not call the functions of this header. The initial thread is registered at process start, any other thread by
 * its first operation. In a program that is linked with librseqkit.a, and only asks (rk_thread_owner() and similar functions), no
 * thread is registered. Explicit calls are for a program that wants to know a thread's state, to count the users of a thread's
 * area, to prepare for a sandbox, or to call vfork().
 *
 * A thread without rseq is a normal state, not an error of the program. A thread can't have rseq if the kernel doesn't support
 * rseq, if a filter or an emulator refuses the system call, or if another component has registered a private area. The library
 * keeps the reason in one byte per thread, and reads that byte before it makes any system call. In a thread without rseq,
 * everything that is built on operations uses its fallback.
 */
#ifndef RSEQKIT_THREAD_H
#define RSEQKIT_THREAD_H

#include <rseqkit/abi.h>

/* The component that registered a thread's area. No other component is allowed to undo the registration. Numbers are ABI. */
enum rk_owner {
	RK_OWNER_NONE = 0,    /* no component: the thread has no rseq; rk_thread_reason() says why */
	RK_OWNER_LIBC = 1,    /* the C library */
	RK_OWNER_SELF = 2,    /* this library; the area is one that the libc left unused, or this library's own */
	RK_OWNER_EARLY = 3,   /* an early adopter, which defines __rseq_abi; this library shares the adopter's area */
	RK_OWNER_FOREIGN = 4, /* a component with a private area, or with another signature; this library can't use the area */
	RK_OWNER_LIBRSEQ = 5, /* librseq, in threads that call it; this library uses librseq's area, but never registers it */
	RK_OWNER_KERNEL = 6   /* the kernel itself, see ktls.h */
};

/* Why a thread has no rseq. Numbers are ABI. */
enum rk_reason {
	RK_REASON_NONE = 0,         /* the thread has rseq */
	RK_REASON_NOT_YET = 1,      /* the thread's first operation will register the thread */
	RK_REASON_NO_KERNEL = 2,    /* no such system call: an old kernel, an emulator, or a filter that answers ENOSYS */
	RK_REASON_BLOCKED = 3,      /* a seccomp filter refuses the system call */
	RK_REASON_FOREIGN = 4,      /* another component registered a private area, for this thread or another thread */
	RK_REASON_SIGNATURE = 5,    /* the area has another signature, so the first abort of a section would kill the process */
	RK_REASON_VFORK = 6,        /* in a vfork child, or between rk_vfork_begin() and rk_vfork_end() */
	RK_REASON_AREA = 7,         /* the kernel doesn't accept the area */
	RK_REASON_LIBC_GAVE_UP = 8, /* the libc registers threads, but this thread never was registered, or was unregistered */
	RK_REASON_NO_PORT = 9,      /* this library has no critical sections for this architecture */
	RK_REASON_RENDEZVOUS = 10,  /* copies can't share a page: no memory file, or the page's address is in use */
	RK_REASON_EXITING = 11,     /* this thread is about to end, and the libc reuses the thread's memory early (musl) */
	RK_REASON_LATE = 12,        /* dlopen() loaded this library, and the libc gives such a module no static TLS (musl) */
	RK_REASON_UNWATCHED = 13,   /* the library can't see the thread's end, and the libc reuses thread memory early (musl) */
	RK_REASON_STRANGER = 14,    /* a component that registers threads itself is loaded, so this library registers none */
	RK_REASON_TOLD = 15         /* the program was started with RSEQKIT_AREA=others, so this library registers no thread */
};

/* Facts of the process, for display; see rk_process_query(). */
struct rk_process_info {
	enum rk_owner owner;    /* owner of registered threads' areas; RK_OWNER_NONE or _FOREIGN if no thread can have rseq */
	enum rk_reason reason;  /* why no thread of this process can have rseq; RK_REASON_NONE if threads can */
	ptrdiff_t offset;       /* bytes from the thread pointer to the area */
	uint32_t length;        /* the registered length of an area in bytes; 0 if unknown */
	uint32_t valid;         /* bytes of valid fields: rk_area_valid, or 0 if no thread can have rseq */
	uint32_t feature_size;  /* the size that the kernel announces, in bytes; 20 if the kernel announces none */
	uint32_t alignment;     /* the alignment that the kernel announces, in bytes; 32 if the kernel announces none */
	int libc_area;          /* 1 if the libc has an area, registered or not */
	int libc_registers;     /* 1 if the libc registers its area */
};

RKI_BEGIN_DECLS

/*
 * Decides where the threads' rseq areas are (abi.h), and registers the calling thread if necessary. Also reads which CPUs are
 * possible, and whether RSEQKIT_PERCPU is set (percpu.h). The library's constructor makes the same decision at process start.
 * Call this function before you install a seccomp filter. After this call, operations make no system call in the calling
 * thread, or in any thread that has called rk_thread_prepare().
 *
 * If the libc doesn't register threads, an environment variable at program start can replace the library's default (see
 * rseqkit(7)):
 *   RSEQKIT_AREA=own      the library uses areas of its own, not the areas that the libc left unused. A thread is registered at
 *                         its first operation. If librseqkit-preload.so is preloaded, a thread is registered before its start
 *                         routine
 *   RSEQKIT_AREA=others   this library registers no thread
 *   RSEQKIT_AREA=ktls     the kernel registers threads (ktls.h)
 *
 * The following list says for each activity which system calls the library makes. Tests run each activity under a filter that
 * kills the process at any call that isn't listed (test_filter*.c in tests/beside/coexist/). Fences that
 * visit CPUs (remote.h) and a thread's end aren't tested. "With musl" names the calls that musl programs make instead.
 *   deciding (rk_process_init())
 *                         rseq (at most 10 times; at most 16 if the library asks the kernel to register threads, ktls.h)
 *     the list of CPUs    openat, pread64, close, sched_getaffinity, mmap, mprotect. If the process has another copy of this
 *                         library, also mincore and rt_sigprocmask. In emulators also munmap. To look for RSEQKIT_PERCPU,
 *                         openat, pread64 and close once more
 *     if the libc doesn't register threads
 *                         get_robust_list (with musl gettid, getpid), rt_sigprocmask; openat, pread64, close to read the
 *                         environment, and to count the threads. The library also looks for code that registers threads, in
 *                         all modules (madvise). It does so in preloaded objects, and if it decides late or doesn't see
 *                         threads start. This takes up to 1 ms for each megabyte of code. A copy of this library that was
 *                         built for an older libc, which doesn't register threads, calls rt_sigprocmask in any case
 *     if areas are this library's own, or an early adopter's
 *                         prlimit64, memfd_create, write, mmap, close; in emulators also munmap
 *   preparing a thread    get_robust_list (with musl gettid, getpid), rseq; rt_sigprocmask if an early adopter counts users, and
 *                         in a handler that interrupted a preparation
 *   operations, sums, peaks, levels, rk_..._read_relaxed(), queries
 *                         none, with these exceptions. In a thread without rseq, rk_thread_owner() calls rseq, and in some
 *                         cases rt_sigprocmask, and rk_cpu() calls getcpu if there is no vDSO. If no file descriptor was free
 *                         to read the list of CPUs, sums call mincore and rt_sigprocmask. A write to a ring whose reader waits
 *                         calls futex and get_robust_list (with musl gettid). If rk_ring_notify() chose an eventfd, the write
 *                         to the ring also calls write, and getpid if the kernel can't wipe memory at a fork
 *   rk_vfork_begin() to rk_vfork_end() (a bracket)
 *                         rseq and vfork; getpid inside another bracket, or in a thread that isn't registered; in the first
 *                         bracket also the calls of claims; prctl if the extension of slice.h is on; rt_sigprocmask in
 *                         rk_vfork_run(), and if a child broke a bracket or was killed inside one. A fork inside two brackets
 *                         calls getpid and get_robust_list (with musl gettid)
 *   fences                membarrier; if the fence visits CPUs, sched_getaffinity, sched_setaffinity, getcpu, openat, pread64,
 *                         close
 *   rk_counter_group_read(), rk_histogram_read(), the resets of groups and histograms, rk_ring_newest(); a get from a cache with
 *   objects_max whose objects are with callers or in other CPUs' arrays
 *                         membarrier, and the calls of fences and claims
 *   claims, banks, rk_ring_merge(), rk_ring_notify(), free lists and rings without rseq
 *                         futex; once mmap, madvise, munmap; in a child of fork gettid, getpid, get_robust_list; in a wait with
 *                         a time limit clock_gettime, if the vDSO has no clock
 *   rk_ring_wait_for()    futex, membarrier
 *   grace periods, deferred calls, rk_rwlock_write_lock(), rk_lock_cpu(), the first reader or lock in a child of fork
 *                         the calls of fences and claims; rt_sigprocmask
 *   reading under a lock that a writer holds or waits for
 *                         the calls of claims
 *   waiting for the lock of this CPU
 *                         the calls of fences and claims
 *   releasing a lock for which another thread waits
 *                         futex
 *   rk_ref_kill()         the calls of fences
 *   regions of slice.h    in a thread's first region, if the kernel has the extension, get_robust_list (with musl gettid),
 *                         prctl; rseq_slice_yield in a region that was granted time or was preempted. Checked regions also
 *                         call rt_sigprocmask and prctl. Mutexes also call futex.
 *                         With a time limit they call clock_gettime if the vDSO has no clock. Conditions call futex
 *   creating, allocating, destroying, trimming
 *                         mmap, mprotect, munlock, madvise, munmap, prlimit64; with initial contents memfd_create, ftruncate,
 *                         close; for closable memory, lists, caches, rings, groups and histograms membarrier; for rings and
 *                         rk_ring_read_times() clock_gettime, if the vDSO has no clock; for rcu.h, lock.h
 *                         and ref.h the calls of fences, and rt_sigprocmask; for RK_PERCPU_DEBUG with
 *                         RK_PERCPU_EMPTY_IN_CHILDREN getpid
 *   statistics of memory  openat, pread64, close, rt_sigprocmask
 *   rk_rcu_worker_start() rt_sigprocmask, and the calls of pthread_create(3); rk_rcu_worker_stop(): futex
 *   a thread's end        with musl, if the thread was registered: rseq, rt_sigprocmask
 * On 32-bit machines the system calls for mmap and ftruncate are mmap2 and ftruncate64. If a filter refuses one of the calls
 * and doesn't kill the process, the program loses only the feature that needs the call. A filter must not answer 0 to a call
 * that the kernel then doesn't make. If membarrier, or sched_setaffinity in a fence that visits CPUs, is answered in this way,
 * readers and owners of other CPUs' data can see torn data.
 *
 * A seccomp filter that doesn't kill the process can refuse a call in three ways: by an errno, through another process
 * (SECCOMP_RET_USER_NOTIF), or through a handler of SIGSYS (SECCOMP_RET_TRAP). The library never blocks signals that an
 * instruction causes: SIGSYS, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP. Handlers of these signals may use this library. If
 * the interrupted thread holds a lock or claim, a call in the handler that takes the same lock or claim returns -EBUSY or
 * -EDEADLK.
 *
 * If the system call that caused SIGSYS was to register the thread, the thread can't be registered in the handler. In that
 * handler rk_thread_prepare() returns -EAGAIN, and operations take their fallback. A handler of another signal has the same
 * two limits if it interrupts a registration and blocks SIGSYS. If a filter answers EINVAL, the library mistakes the refusal
 * for a private area, and the reason is RK_REASON_FOREIGN. Only `rseqkit doctor` can tell such a filter from a private area.
 *
 * If a thread is registered in glibc's area, by glibc or by this library, glibc also registers each thread that this thread
 * creates. If the kernel refuses such a registration, glibc ends the process. Install a filter that refuses rseq only in a
 * process that creates no more threads. If glibc leaves its area unused (glibc.pthread.rseq=0), RSEQKIT_AREA=own or =others
 * prevents such an end of the process. The preloaded objects prevent such an end without a variable.
 *
 * Idempotent.
 * Returns 0, or the negative errno of rk_thread_prepare().
 * Context: any thread; after fork; not a vfork child; not a signal handler. Cost: the first call takes microseconds, later
 * calls take nanoseconds.
 */
RKI_API int rk_process_init(void);

/*
 * Makes sure that the calling thread is registered, for the thread's whole life. Operations register their thread by
 * themselves.
 *
 * Makes system calls once per thread, and only if the libc doesn't register threads: get_robust_list (with musl gettid and
 * getpid instead) and rseq. If an early adopter counts users, the function also calls rt_sigprocmask.
 *
 * Returns 0, or a negative errno. Later calls return the same errno until the reason changes:
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
 * With glibc before 2.32, a signal handler can run before the thread's start routine. In such a handler, this function treats
 * the thread as a vfork child.
 * Context: any thread; signal handler; after fork; vfork child: returns -EAGAIN, or 0 if the parent is registered.
 * Cost: the first call in a thread makes the system calls above; each later call takes a nanosecond, whatever the first call
 * returned.
 */
RKI_API int rk_thread_prepare(void);

/*
 * Makes sure that the calling thread is registered, and adds one explicit user of the thread's area. Calls nest. Each thread
 * has its own count.
 *
 * Returns 0; -EOVERFLOW at 2^32 - 1 users; or the negative errno of rk_thread_prepare(). If the function returns an error, it
 * adds no user.
 * Context: any thread; signal handler; after fork (the child continues with the parent's count); not in a vfork child outside
 * the bracket (there the call would change the parent's count).
 * Cost: a few ns, and no system call, once the thread is registered.
 */
RKI_API int rk_thread_register(void);

/*
 * Removes one explicit user of the calling thread's area. The registration itself stays until the thread ends, because the area
 * lives as long as the thread. Undoing the registration would only cost the next user two system calls.
 *
 * Returns 0, or -EINVAL when no explicit user is left.
 * Context and cost: as rk_thread_register().
 */
RKI_API int rk_thread_unregister(void);

/*
 * Queries of the calling thread. These functions don't register the thread. Because a vfork child runs on its parent's TLS,
 * queries in a child outside a bracket return the parent's values.
 *
 * rk_thread_owner() returns the owner of the calling thread's registration, as the kernel says. If another component registered
 * the thread in an area that this library doesn't use, the owner is RK_OWNER_FOREIGN. It is RK_OWNER_LIBRSEQ if librseq did, and
 * the library finds librseq. If no component registered the thread, the owner is RK_OWNER_NONE. In a thread that this library
 * couldn't register, rk_thread_owner() makes the system call rseq, and in some cases rt_sigprocmask.
 *
 * Context: any thread, signal handler, after fork. Cost: nanoseconds, and no other system call.
 */
RKI_API enum rk_owner rk_thread_owner(void);
RKI_API enum rk_reason rk_thread_reason(void);
RKI_API uint32_t rk_thread_users(void);                    /* explicit users now */
RKI_API const volatile struct rk_area *rk_thread_area(void); /* NULL when not registered */

/*
 * Fills `info` with facts of the process. Writes `size` bytes; the caller passes sizeof *info. Members that this library doesn't
 * know become 0.
 *
 * Each thread can have its own filter. `reason` is therefore the reason of a refusal only if the kernel refused every thread
 * that tried, and no thread is known to be registered. Once a thread is registered, `reason` is RK_REASON_NONE.
 *
 * Private areas are different. Once the kernel has refused a thread because of a private area, `reason` is RK_REASON_FOREIGN for
 * the whole process, and the library registers no further threads. This holds even if the library registered other threads
 * before. A filter that answers EINVAL has the same effect.
 *
 * Returns 0, or -EINVAL when info is NULL or size is 0.
 * Context: any thread, signal handler, after fork. Cost: nanoseconds after process start.
 */
RKI_API int rk_process_query(struct rk_process_info *info, size_t size);

/*
 * Call rk_vfork_begin() before, and rk_vfork_end() after, a vfork whose child does more than exec or _exit. A clone with
 * CLONE_VM and CLONE_VFORK, and without its own TLS, needs the same two calls. The time between the two calls is the bracket.
 *
 * Such a child runs unregistered on its parent's TLS. Without a bracket, the area in that TLS still names the parent's CPU, so
 * an operation of the child would run unprotected. Inside the bracket the thread is unregistered and its area is closed, so
 * operations of the child, and of signal handlers, use their fallback. Only the parent calls rk_vfork_end(). Calls nest.
 *
 * Without the bracket, call no operations in the child. If the parent isn't registered, the library recognises the child and
 * refuses to register the child. All these rules also apply to a thread of clone(2) that has no TLS of its own. Create no
 * threads inside the bracket: a libc that registers threads registers a new thread only if the thread's creator is registered.
 *
 *	rk_vfork_begin();
 *	pid = vfork();
 *	if (pid == 0) { ...; execv(...); _exit(127); }
 *	rk_vfork_end();
 *
 * In a closed area, cpu_id is RK_CPU_ID_BRACKET, the mark of a bracket. Every copy of this library and embed.h respect this
 * mark. In the area of an early adopter (RK_OWNER_EARLY) the mark is RK_CPU_ID_REGISTRATION_FAILED, which adopters such as
 * tcmalloc respect.
 *
 * Another component may know neither mark, or may have an area of its own. If such a component registers the thread between
 * rk_vfork_begin() and vfork(), or in the child, it breaks the bracket. The child's operations in that area then run under the
 * parent's CPU number, and updates of per-CPU data can be lost. Inside the bracket call no function of such a component, and no
 * malloc() of an allocator that is such a component. The function rk_vfork_run() prevents such calls as far as possible. If the
 * bracket was broken, rk_vfork_end() registers the thread again all the same, and returns -ECANCELED.
 *
 * A child can be killed at any time. When the bracket ends, the library ends the brackets that the child opened itself, and
 * releases the child's claims. Other threads can then write to the overflow ring (ring.h) and pop from the overflow list
 * (freelist.h), and a cache's magazine is back in its depot (cache.h). The nodes that the child popped, and the objects that the
 * child took from a cache, are lost.
 *
 * The library can't end the killed child's read sections (rcu.h), and can't give back its read locks (lock.h) or references
 * (ref.h). These sections, locks and references count as if a sleeping thread had them. Then grace periods and writers wait for
 * ever, and `release` is never called.
 *
 * All tasks that run on this thread's TLS must have ended before rk_vfork_end() is called. This includes a child of the child,
 * which can continue after the child was killed.
 *
 * In these cases claims stay taken or brackets stay open:
 *   - More than 32 brackets are open at a time, in all threads together. In each further bracket, the child's claims stay taken.
 *     If the child opened a further bracket itself, that bracket stays open if the parent didn't use rk_vfork_run().
 *   - The child used another copy of this library than the parent's bracket. Then the child's claims stay taken, and brackets
 *     that the child opened stay open, in the child's copy.
 *   - The child had the same process id as its parent, which is possible if the child is the first process in a new PID
 *     namespace. Then brackets that the killed child opened itself stay open.
 *   - The parent called _Fork() before the bracket's end. In the child of _Fork(), brackets that the killed vfork child opened
 *     itself stay open.
 *
 * Returns 0, or a negative errno. rk_vfork_begin() returns
 *   -ENOTSUP     the registration can't be undone
 *   -EBUSY       another component kept registering the thread again
 *   -EOVERFLOW   there are 255 nested brackets
 * and rk_vfork_end() returns
 *   -EINVAL      there was no rk_vfork_begin()
 *   -ECANCELED   the bracket was broken; the end of the outermost bracket registers the thread all the same
 *   other errno  the registration failed
 * Context: any thread; signal handler; after fork. Cost: one system call for each of the two functions.
 */
RKI_API int rk_vfork_begin(void);
RKI_API int rk_vfork_end(void);

/*
 * Runs child(arg, signals) in a vfork child, inside a bracket. Between rk_vfork_begin() and child(), the function calls only
 * vfork(). Signals are blocked, except signals that an instruction causes. If child() doesn't call exec, its return value is
 * the child's exit status. Just before exec, child() calls rk_vfork_unblock(signals), which restores the caller's signal mask.
 * Before that call, only handlers of signals that an instruction causes run in the child. The caller sees what the child stores
 * to memory.
 *
 *	static int child(void *arg, const void *signals)
 *	{
 *		...
 *		rk_vfork_unblock(signals);
 *		execv(...);
 *		return 127;
 *	}
 *
 * Returns when the child has called exec or ended, with the child's process id in *pid. The return value is 0, or the negative
 * errno of rk_vfork_end(): -ECANCELED if the bracket was broken in spite of this function. If no child was created, *pid is -1.
 * The return value is then -EINVAL if child or pid is NULL, or the negative errno of vfork (-EAGAIN, -ENOMEM), rt_sigprocmask
 * or rk_vfork_begin(). The caller must wait for the child with waitpid(), as after any vfork.
 * Context: as rk_vfork_begin(). Cost: four system calls more than vfork.
 */
typedef int rk_vfork_child(void *arg, const void *signals);
RKI_API int rk_vfork_run(rk_vfork_child *child, void *arg, int *pid);
RKI_API void rk_vfork_unblock(const void *signals);

/*
 * Return texts for people, in static storage. For values that aren't in the enum, the text is "unknown". Context: any. Cost: 2
 * ns.
 */
RKI_API const char *rk_owner_name(enum rk_owner owner);
RKI_API const char *rk_reason_text(enum rk_reason reason);

/*
 * The CPU that the calling thread runs on. When the caller uses the number, the thread can be on another CPU already.
 *
 * Returns a CPU number from the area. In a thread without rseq, returns the result of the libc's sched_getcpu(), or 0 if
 * sched_getcpu() fails.
 * Context: any thread; signal handler; after fork; vfork child: the result can be the parent's CPU. Cost: one load.
 */
RKI_INLINE int rk_cpu(void);

/*
 * The concurrency id of the calling thread. The id is less than the number of the process's threads, and less than the number of
 * CPUs that the process can use. No two running threads of a process have the same id.
 *
 * Returns the id. Returns -1 in a thread without rseq, or if the area lacks the field (rk_area_valid less than
 * RK_FIELD_END_MM_CID).
 * Context: as rk_cpu(). Cost: three loads.
 */
RKI_INLINE int rk_cid(void);

RKI_END_DECLS

#include <rseqkit/detail/thread.h>

#endif /* RSEQKIT_THREAD_H */
