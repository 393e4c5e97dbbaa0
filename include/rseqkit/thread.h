/* SPDX-License-Identifier: MIT */
/*
 * thread.h - registration: who owns the calling thread's area, and making sure that somebody does.
 *
 * Nobody needs to call anything here: the initial thread is registered at process start and any other thread by its
 * first operation. Explicit calls are for those who want to know, to count, to prepare for a sandbox, or to vfork.
 *
 * Failure is a state. A thread that can't have rseq (no kernel support, a seccomp filter, an emulator, another
 * component with a private area) keeps the reason in a byte that is looked at before any system call, and everything
 * built on operations works there through its fallback.
 */
#ifndef RSEQKIT_THREAD_H
#define RSEQKIT_THREAD_H

#include <rseqkit/abi.h>

/* Who made, and alone may undo, the registration of a thread's area. Numbers are ABI. */
enum rk_owner {
	RK_OWNER_NONE = 0,    /* nobody; rk_thread_reason() says why */
	RK_OWNER_LIBC = 1,    /* the C library */
	RK_OWNER_SELF = 2,    /* this library, in the libc's unused area or in its own */
	RK_OWNER_EARLY = 3,   /* a component that follows the public TLS protocol, __rseq_abi; shared with it */
	RK_OWNER_FOREIGN = 4, /* a component with a private area, or with another signature; not usable by others */
	RK_OWNER_LIBRSEQ = 5, /* librseq, for the threads that ask it to; used by us, never registered by us */
	RK_OWNER_KERNEL = 6   /* the kernel itself, see ktls.h */
};

/* Why a thread has no rseq. Numbers are ABI. */
enum rk_reason {
	RK_REASON_NONE = 0,         /* it has */
	RK_REASON_NOT_YET = 1,      /* not asked for yet: its first operation will register it */
	RK_REASON_NO_KERNEL = 2,    /* the system call doesn't exist: old kernel, emulator, seccomp answering ENOSYS */
	RK_REASON_BLOCKED = 3,      /* the system call is refused: a seccomp filter */
	RK_REASON_FOREIGN = 4,      /* this or another thread is registered on a private area of somebody else */
	RK_REASON_SIGNATURE = 5,    /* the area is registered with another signature: our first abort would be fatal */
	RK_REASON_VFORK = 6,        /* a vfork child, or inside rk_vfork_begin() and rk_vfork_end() */
	RK_REASON_AREA = 7,         /* the kernel doesn't accept the area */
	RK_REASON_LIBC_GAVE_UP = 8, /* the libc registers threads, and this one is registered no more, or not by it */
	RK_REASON_NO_PORT = 9,      /* this library has no critical sections for this architecture */
	RK_REASON_RENDEZVOUS = 10,  /* copies of this library can't agree: no memory file, or their address is taken */
	RK_REASON_EXITING = 11,     /* this thread is about to end, and the C library reuses its memory early (musl) */
	RK_REASON_LATE = 12,        /* a late dlopen brought this library, and the libc has no static TLS then (musl) */
	RK_REASON_UNWATCHED = 13,   /* its end can't be seen, and the C library reuses its memory early (musl) */
	RK_REASON_STRANGER = 14,    /* a component that registers threads itself is loaded: we register none */
	RK_REASON_TOLD = 15         /* the program was started with RSEQKIT_AREA=others: we register none */
};

/* Facts of the process, for display; see rk_process_query(). */
struct rk_process_info {
	enum rk_owner owner;    /* who owns the areas of registered threads; RK_OWNER_NONE where nobody can have rseq */
	enum rk_reason reason;  /* why nobody can have rseq in this process; RK_REASON_NONE otherwise */
	ptrdiff_t offset;       /* bytes from the thread pointer to the area */
	uint32_t length;        /* bytes that areas are registered with; 0 if unknown */
	uint32_t valid;         /* bytes of valid fields, rk_area_valid */
	uint32_t feature_size;  /* bytes, as the kernel announces; 20 where it announces nothing */
	uint32_t alignment;     /* bytes, as the kernel announces; 32 where it announces nothing */
	int libc_area;          /* 1 if the libc has an area, registered or not */
	int libc_registers;     /* 1 if the libc registers it */
};

RKI_BEGIN_DECLS

/*
 * Decides where the area is, reads which CPUs are possible and whether RSEQKIT_PERCPU is set (percpu.h), and prepares
 * the calling thread. The decision is made at process start as well; to be called by a program that installs a seccomp
 * filter, before it does.
 * With it and rk_thread_prepare() done, operations make no system call.
 *
 * Where the libc doesn't register, the environment that the program was started with may ask for something else than
 * what this library does by itself: RSEQKIT_AREA=own for areas of its own instead of one that the libc leaves alone (threads
 * are registered at their first operation then, and before their start routine where librseqkit-preload.so is preloaded),
 * RSEQKIT_AREA=others for registering no thread, RSEQKIT_AREA=ktls for leaving it to the kernel (ktls.h), see
 * rseqkit(7).
 *
 * System calls of the whole library. Each of these situations but visits and a thread's end is tested under a filter that
 * kills for any other (tests/coexist/test_filter.c).
 *   deciding              rseq (at most 10; 16 where the kernel is asked to register, ktls.h)
 *     the list of CPUs    openat, pread64, close, sched_getaffinity, mmap, mprotect; mincore, rt_sigprocmask beside another copy;
 *                         munmap in emulators; for RSEQKIT_PERCPU the first three as well
 *     libc registers not  get_robust_list (with musl gettid, getpid), rt_sigprocmask; openat, pread64, close: the
 *                         environment and, beside strangers, the number of threads. A copy of this library that was
 *                         built for an older libc, which registers not, makes rt_sigprocmask in any case
 *     areas of our own, or an early adopter: prlimit64, memfd_create, write, mmap, close; munmap in emulators
 *   preparing a thread    get_robust_list (with musl gettid, getpid), rseq; rt_sigprocmask with an early adopter's count, and in
 *                         a handler that interrupted this
 *   operations, sums, queries     none; without rseq, and without a vDSO, rk_cpu() makes getcpu; sums make mincore and
 *                         rt_sigprocmask where no descriptor was left to read the list of CPUs; a write to a ring whose
 *                         reader waits: futex, get_robust_list (with musl gettid), with rk_ring_notify() also write, and
 *                         getpid where no memory is wiped at a fork
 *   the bracket of vfork  rseq; inside another, or of a thread that isn't registered, getpid; the first one as claims; where
 *                         slice.h's extension is on prctl; rt_sigprocmask in rk_vfork_run(), and where a child broke a
 *                         bracket or was killed inside one; vfork. A fork inside two brackets: getpid, get_robust_list
 *                         (with musl gettid)
 *   fences                membarrier; visits: sched_getaffinity, sched_setaffinity, getcpu, openat, pread64, close
 *   claims, banks, reads of groups, merges, overflow ways of lists and rings, rk_ring_notify(): futex; once mmap,
 *                         madvise, munmap; in a child of fork gettid, getpid, get_robust_list; waiting for a limited time,
 *                         where the vDSO has no clock: clock_gettime
 *   waiting for a ring    futex, membarrier
 *   grace periods, deferred calls, writers' locks, other CPUs' locks, the first reader or lock in a child of fork: as
 *                         fences and claims; rt_sigprocmask; of a reader whose lock a writer waits for, or has: as claims;
 *                         who waits for its CPU's lock: as fences and claims, who releases one that somebody wants: futex
 *   kills of references   as fences
 *   regions of slice.h    a thread's first, where there is the extension: get_robust_list (with musl gettid), prctl; one that
 *                         was granted time, or preempted: rseq_slice_yield. Mutexes: the same, and futex; with a time limit
 *                         clock_gettime where the vDSO has no clock. Conditions: futex
 *   creating, allocating, destroying, trimming      mmap, mprotect, munlock, madvise, munmap, prlimit64; with a limit on
 *                         address space sched_getaffinity; with initial contents memfd_create, ftruncate, close;
 *                         closable, and lists, caches, rings, groups, histograms: membarrier; rcu.h, lock.h, ref.h: as
 *                         fences, rt_sigprocmask;
 *                         RK_PERCPU_DEBUG with RK_PERCPU_EMPTY_IN_CHILDREN: getpid
 *   statistics of memory  openat, pread64, close
 *   a thread's end        with musl, if it was registered: rseq, rt_sigprocmask
 * What the libc calls by another name counts under the kernel's: on 32-bit machines mmap2, ftruncate64. Refused
 * instead of killed, each of these costs no more than what it was for.
 *
 * A filter that doesn't kill may refuse by an errno, by another process (SECCOMP_RET_USER_NOTIF), or by a handler of SIGSYS
 * (SECCOMP_RET_TRAP). Signals that an instruction causes are never blocked: SIGSYS, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP.
 * Their handlers may use this library. A lock or claim that the interrupted thread holds is refused: -EBUSY or -EDEADLK.
 * A handler of SIGSYS that a call for its thread's registration has brought does without rseq: -EAGAIN. So does any handler
 * that interrupts a registration and blocks SIGSYS.
 * A filter that answers EINVAL can't be told from a private area: RK_REASON_FOREIGN. `rseqkit doctor` can.
 *
 * Where the C library's area is registered, by glibc or by this library, glibc registers whom that thread creates, and ends
 * the process where that is refused. So a filter that refuses rseq is for processes that create no more threads. Where the
 * libc leaves its area alone (glibc.pthread.rseq=0), RSEQKIT_AREA=own or =others avoids that; the preloaded objects do by
 * themselves.
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
 * System calls, once per thread and only where the libc doesn't register: get_robust_list (with musl gettid, and
 * getpid) and rseq; rt_sigprocmask where an early adopter counts its users.
 * Returns 0, or a negative errno, the same one until something changes: -ENOSYS (RK_REASON_NO_KERNEL,
 * RK_REASON_NO_PORT), -EPERM (RK_REASON_BLOCKED), -EBUSY (RK_REASON_FOREIGN,
 * RK_REASON_STRANGER), -ECANCELED (RK_REASON_TOLD), -EACCES (RK_REASON_SIGNATURE), -EAGAIN
 * (RK_REASON_VFORK; in a handler of SIGSYS, too, see above), -EINVAL (RK_REASON_AREA), -ESRCH
 * (RK_REASON_LIBC_GAVE_UP), -EADDRINUSE (RK_REASON_RENDEZVOUS), -ESHUTDOWN (RK_REASON_EXITING), -ENOTSUP
 * (RK_REASON_LATE, RK_REASON_UNWATCHED). With glibc
 * before 2.32 a handler that runs before a thread's start routine is taken for a vfork child.
 * Context: any thread; signal handler; after fork; vfork child: refused, unless the parent is registered: then it
 * answers for the parent. Cost: a nanosecond when done before, failed or not; else two system calls.
 */
RKI_API int rk_thread_prepare(void);

/*
 * Registers one more explicit user of the calling thread's area. Calls nest and are counted per thread.
 *
 * Returns 0; -EOVERFLOW at 2^32 - 1 users; or the negative errno of rk_thread_prepare(), and then nothing is counted.
 * Context: any thread; signal handler; after fork (the child continues with the parent's count); not in a vfork
 * child outside the bracket, where it would count for the parent.
 * Cost: a few ns, and no system call, once the thread is registered.
 */
RKI_API int rk_thread_register(void);

/*
 * Takes one explicit user of the calling thread back. The registration itself stays until the thread ends: the
 * area lives as long as the thread, and undoing it would only cost the next user two system calls.
 *
 * Returns 0, or -EINVAL when no explicit user is left.
 * Context and cost: as rk_thread_register().
 */
RKI_API int rk_thread_unregister(void);

/*
 * Queries of the calling thread; none of them registers it. In a vfork child that isn't bracketed they answer for
 * the parent, whose TLS it runs on.
 *
 * Context: any thread, signal handler, after fork. Cost: nanoseconds, no system call.
 */
RKI_API enum rk_owner rk_thread_owner(void);
RKI_API enum rk_reason rk_thread_reason(void);
RKI_API uint32_t rk_thread_users(void);                    /* explicit users now */
RKI_API const volatile struct rk_area *rk_thread_area(void); /* NULL when not registered */

/*
 * What is so of the process. A filter is each thread's own. So where the kernel refused each thread that asked, and none
 * is known to be registered, `reason` says why it refused them; once one is registered, it is RK_REASON_NONE. A private area is
 * different: once one thread was refused for it (RK_REASON_FOREIGN), that is said of the process, and of threads to come, also
 * where this library has registered others before. A filter that answers EINVAL looks like that.
 *
 * Fills `info`, of which `size` bytes (sizeof *info as the caller knows it) are written, the rest of a larger one
 * zeroed.
 *
 * Returns 0, or -EINVAL when info is NULL or size is 0.
 * Context: any thread, signal handler, after fork. Cost: nanoseconds after process start.
 */
RKI_API int rk_process_query(struct rk_process_info *info, size_t size);

/*
 * Brackets a vfork (or clone with CLONE_VM and CLONE_VFORK, without own TLS) whose child does more than exec or _exit.
 *
 * Such a child runs unregistered on its parent's TLS, whose area still claims the parent's CPU: an operation there
 * would run unprotected. Inside the bracket the thread is unregistered and its area closed, so operations, of the
 * child and of signal handlers alike, take their fallback. Only the parent calls rk_vfork_end(). Calls nest. Without
 * the bracket operations in the child are forbidden; a child of a thread that isn't registered is recognised and
 * refused. The same holds for a thread of clone(2) that was given no TLS of its own. Create no threads inside: a libc
 * that registers threads does so only if their creator is registered.
 *
 *	rk_vfork_begin();
 *	pid = vfork();
 *	if (pid == 0) { ...; execv(...); _exit(127); }
 *	rk_vfork_end();
 *
 * A closed area (RK_CPU_ID_BRACKET) is respected by every copy of this library, by embed.h, and by an adopter that
 * knows the public protocol, as tcmalloc does. What remains: a component that knows neither, or that has an area of
 * its own, and registers the thread between the begin and vfork() or in the child. It breaks the bracket: the child's
 * operations in that area then run under the parent's CPU number, and updates of per-CPU data may be lost. So nothing
 * of theirs may be called there, malloc() of such an allocator included; rk_vfork_run() sees to that as far as it can
 * be done. rk_vfork_end() registers the thread in any case, and says that it happened.
 *
 * A child may be killed at any time. When the bracket ends, those that the child had opened itself have ended, and what it
 * had claimed is free: others may write to the overflow ring (ring.h), or pop from the overflow list (freelist.h), and a
 * cache's magazine is back in its depot (cache.h). A node that it had popped is lost, and so is an object that it had got.
 * What nobody can take back: a section of rcu.h, a read lock of lock.h, and a reference of ref.h, which count as those of a
 * thread that sleeps. Grace periods, writers and `release` then wait for ever.
 * Whoever runs on this thread's TLS must have ended when the bracket ends: a child of the child, as well, that goes on when
 * the child has been killed. There are exceptions:
 *   - More than 32 brackets at a time, of all threads: what the child had claimed in one of the others stays taken, and a
 *     bracket that it had opened itself stays open. The latter doesn't happen with rk_vfork_run().
 *   - The child used another copy of this library than the parent's bracket: the same, in that copy.
 *   - The child had its parent's process id, as the first one in a new PID namespace may; or the parent called _Fork()
 *     before the bracket's end, in that call's child: brackets that the killed child had opened itself stay open.
 *
 * Returns 0; rk_vfork_begin(): -ENOTSUP when the registration can't be undone, -EBUSY when others made it again each
 * time, -EOVERFLOW at 255 nested brackets; rk_vfork_end(): -EINVAL without a begin, -ECANCELED when the bracket was
 * broken (the thread is registered all the same), or the negative errno of the registration.
 * Context: any thread; signal handler; after fork. Cost: one system call each.
 */
RKI_API int rk_vfork_begin(void);
RKI_API int rk_vfork_end(void);

/*
 * Runs child(arg, signals) in a vfork child, inside a bracket, and nothing called in between. Signals are blocked, but
 * for those that an instruction causes. The child's return value is its exit status, if it doesn't exec. Just before
 * exec it calls rk_vfork_unblock(signals), which gives it back the signals that the caller had unblocked; before that
 * no other handler runs in it. What it stores to memory, the caller sees.
 *
 *	static int child(void *arg, const void *signals)
 *	{
 *		...
 *		rk_vfork_unblock(signals);
 *		execv(...);
 *		return 127;
 *	}
 *
 * Returns 0 with the child's process id in *pid once the child has called exec or ended; with the id, too, what
 * rk_vfork_end() returns: -ECANCELED when the bracket was broken all the same, or another error; or, with -1 in *pid and no
 * child, -EINVAL when child or pid is NULL, the negative errno of vfork (-EAGAIN, -ENOMEM) or rt_sigprocmask, or that of
 * rk_vfork_begin(). It has the caller wait for the child, as after any vfork, with waitpid().
 * Context: as rk_vfork_begin(). Cost: four system calls besides vfork.
 */
typedef int rk_vfork_child(void *arg, const void *signals);
RKI_API int rk_vfork_run(rk_vfork_child *child, void *arg, int *pid);
RKI_API void rk_vfork_unblock(const void *signals);

/* Names for people, static storage; "unknown" for other values. Context: any. */
RKI_API const char *rk_owner_name(enum rk_owner owner);
RKI_API const char *rk_reason_text(enum rk_reason reason);

/*
 * The CPU the calling thread runs on; it may be another by the time the caller looks at it.
 *
 * Returns a CPU number, from the area or, in a thread without rseq, from the libc's sched_getcpu(); 0 should that
 * fail.
 * Context: any thread; signal handler; after fork; in a vfork child it may answer with the parent's. Cost: one load.
 */
RKI_INLINE int rk_cpu(void);

/*
 * The concurrency id of the calling thread: below the number of the process's threads and of its CPUs, and no two
 * running threads of a process share one.
 *
 * Returns it, or -1 in a thread without rseq or on a kernel without the field (feature size below 28).
 * Context: as rk_cpu(). Cost: three loads.
 */
RKI_INLINE int rk_cid(void);

RKI_END_DECLS

#include <rseqkit/detail/thread.h>

#endif /* RSEQKIT_THREAD_H */
