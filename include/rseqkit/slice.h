/* SPDX-License-Identifier: MIT */
/*
 * slice.h - time slices for lock holders: asks the kernel not to preempt the thread during a short region.
 *
 * Above all: inside a region the thread makes no system call: that ends a grant.
 *
 *	int requested = rk_slice_begin();
 *
 *	lock(&spinlock);
 *	...
 *	unlock(&spinlock);
 *	rk_slice_end(requested);
 *
 * When a thread is preempted while it holds a lock, all threads that want the lock wait until it runs again. So the thread
 * requests a little more time before it takes the lock. If its time slice ends inside the region, the kernel may grant some
 * microseconds instead of switching at once. The default is 5 us, and the maximum 50 us
 * (/sys/kernel/debug/rseq/slice_ext_nsec). At the end of the region rk_slice_end() gives up the CPU if time was granted. A
 * thread that stays longer in its region is preempted.
 *
 * This takes kernel 7.0 or later, with the slice extension configured and not switched off (rseq_slice_ext=0). Source: the
 * kernel's Documentation/userspace-api/rseq.rst. The thread must be registered with all the bytes that the kernel offers. The
 * C library often registers 32 bytes, which is too short. The function rk_slice_thread_reason() returns why requests have no
 * effect. The command `rseqkit exec --slice` runs a program with longer areas. Without the extension both calls do nothing, in
 * less than a nanosecond.
 *
 * The first rk_slice_begin() of a thread switches the extension on for that thread, by one prctl(2), unless it is on. The
 * library never switches it off. If another component switches it off later, it stays off until rk_slice_enable() is called.
 *   fork             the child's thread has it on if its parent had
 *   exec             the new program begins with it off
 *   rk_vfork_begin() ends it with the registration; rk_vfork_end() switches it on again
 *   a new thread     has it off; its first rk_slice_begin() switches it on
 * A seccomp filter that kills must allow two system calls. One is prctl(2), for new threads and after brackets too. The other
 * is rseq_slice_yield(2), number 471, which ends a region that was granted time.
 *
 * A system call inside the region ends a grant: the kernel switches to another thread before it makes the call. That does no
 * harm, but the request was in vain. (With rseq_debug=1 the kernel kills a thread that has lost a grant, makes a new request,
 * and then makes a system call. See the kernel's rseq_slice_validate_ctrl().) To find system calls in regions, compile with
 * RK_SLICE_CHECKED defined: see rk_slice_begin_checked().
 */
#ifndef RSEQKIT_SLICE_H
#define RSEQKIT_SLICE_H

#include <rseqkit/thread.h>

/* Why a thread's requests have no effect. Numbers are ABI. */
enum rk_slice_reason {
	RK_SLICE_NONE = 0,         /* they have an effect */
	RK_SLICE_NOT_YET = 1,      /* not switched on yet: the first rk_slice_begin() does that */
	RK_SLICE_NO_RSEQ = 2,      /* the thread has no rseq, rk_thread_reason() says why; or there is no port */
	RK_SLICE_NO_KERNEL = 3,    /* the kernel is older than 7.0 */
	RK_SLICE_SHORT_AREA = 4,   /* the thread is registered with 32 bytes, which don't include the field */
	RK_SLICE_NOT_OFFERED = 5,  /* the kernel doesn't offer it: not configured, or started with rseq_slice_ext=0 */
	RK_SLICE_BLOCKED = 6,      /* a seccomp filter refuses prctl(2) */
	RK_SLICE_SWITCHED_OFF = 7, /* it was on, and another component switched it off or registered the thread again */
	RK_SLICE_VFORK = 8         /* a vfork child, or inside rk_vfork_begin() and rk_vfork_end() */
};

RKI_BEGIN_DECLS

/*
 * Switches the slice extension on for the calling thread, and registers the thread first if necessary. Call it before a
 * seccomp filter that kills for prctl(2) is installed, or to know the result.
 *
 * Returns 0, also when it was on, or:
 *   the negative errno of rk_thread_prepare()
 *   -ENOTSUP  RK_SLICE_NO_KERNEL, RK_SLICE_SHORT_AREA, RK_SLICE_NOT_OFFERED
 *   -EPERM    RK_SLICE_BLOCKED
 *   -EAGAIN   RK_SLICE_VFORK
 * Context: any thread; signal handler; after fork. In a vfork child it fails with -EAGAIN, where the library can recognise the
 * child. Cost: nanoseconds when the extension is on or isn't offered; otherwise two system calls, one of them prctl.
 */
RKI_API int rk_slice_enable(void);

/*
 * Why the calling thread's requests have no effect, and that reason as text. The text has static storage; it is "unknown" for
 * other values.
 *
 * Context: any thread; signal handler; after fork. Cost: nanoseconds, no system call.
 */
RKI_API enum rk_slice_reason rk_slice_thread_reason(void);
RKI_API const char *rk_slice_reason_text(enum rk_slice_reason reason);

/*
 * Begin and end a region. Call rk_slice_begin() before the lock is taken, and rk_slice_end() after it is released. The region
 * should take a few microseconds at most.
 *
 * Regions nest, and signal handlers may have their own. An inner rk_slice_begin() finds the request of the outer region and
 * returns 0, so its rk_slice_end() does nothing. Regions end in the reverse order, in the thread that began them. If the outer
 * region ends first, the thread gives up the CPU inside the inner one. (Locks of mutex.h may be unlocked in any order.) A
 * region that a longjmp() leaves never ends. Its request may get the thread one grant that the thread doesn't need.
 *
 * Returns of rk_slice_begin(): 1 if it made the request; 0 if there was a request, or if requests have no effect. Pass the
 * result to rk_slice_end().
 * Context: any thread; signal handler; after fork; vfork child.
 * Cost: 1 to 2 ns for both. If time was granted, or the thread was preempted in the region, a system call more:
 * rseq_slice_yield. The thread's first call makes prctl, once. Where requests have no effect, three loads, under a nanosecond,
 * and some nanoseconds in a thread that has no rseq.
 */
RKI_INLINE int rk_slice_begin(void);
RKI_INLINE void rk_slice_end(int requested);

/*
 * A checked region also finds system calls. The first system call inside a region ends the process by SIGSYS, and the core
 * dump or a debugger shows where it was made. This needs the kernel's syscall user dispatch (prctl(2), 5.11 and later). The
 * slice extension isn't needed.
 *
 * All signals but SIGSYS are blocked until the region ends. (A handler's system calls, its return included, would be found
 * otherwise.) Another use of syscall user dispatch in this thread is switched off. At most 256 threads are checked at the same
 * time; regions of further threads aren't checked. In a child of a fork that ran no handlers, like _Fork(), new threads may
 * not be checked either.
 *
 * Pass the result of rk_slice_begin_checked() to rk_slice_end_checked().
 * Context: any thread; signal handler; after fork; not in a vfork child. Cost: four system calls, and rseq_slice_yield as
 * above.
 */
RKI_API int rk_slice_begin_checked(void);
RKI_API void rk_slice_end_checked(int begun);

RKI_END_DECLS

#include <rseqkit/detail/slice.h>

#endif /* RSEQKIT_SLICE_H */
