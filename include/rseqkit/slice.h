/* SPDX-License-Identifier: MIT */
/*
 * slice.h - longer time slices for lock holders. A thread asks the kernel not to preempt it during a short part of the
 * program, a region.
 *
 * Above all: inside a region, make no system call: a system call ends the time that was granted.
 *
 *	int requested = rk_slice_begin();
 *
 *	lock(&spinlock);
 *	...
 *	unlock(&spinlock);
 *	rk_slice_end(requested);
 *
 * If a thread is preempted while it holds a lock, all threads that want the lock wait until the holder runs again. A thread
 * therefore requests a little more time before it takes the lock. If the thread's time slice ends inside the region, the kernel
 * can grant the thread some microseconds instead of switching at once. The default is 5 us, and the maximum is 50 us
 * (/sys/kernel/debug/rseq/slice_ext_nsec). If time was granted, rk_slice_end() gives up the CPU at the end of the region. If
 * the granted time ends inside the region, the thread is preempted.
 *
 * The slice extension needs kernel 7.0 or later. The kernel must be configured with it, and not be started with
 * rseq_slice_ext=0. Source: the kernel's Documentation/userspace-api/rseq.rst. The thread must be registered with all the bytes
 * that the kernel offers. The C library often registers 32 bytes, which are too few. The function rk_slice_thread_reason()
 * returns why requests have no effect. The command `rseqkit exec --full-size` runs a program with longer areas. Without the
 * extension, rk_slice_begin() and rk_slice_end() do nothing, in less than a nanosecond.
 *
 * The first rk_slice_begin() of a thread switches the extension on for that thread, by one prctl(2), if the extension isn't on
 * already. The library never switches the extension off. If another component switches it off later, the extension stays off
 * until the thread calls rk_slice_enable().
 *   fork             in the child, the extension is on if it was on in the thread that forked
 *   exec             in the new program, the extension is off at first
 *   rk_vfork_begin() ends the registration, and the extension with it; rk_vfork_end() switches the extension on again
 *   a new thread     the extension is off at first; the thread's first rk_slice_begin() switches it on
 * A seccomp filter that kills the process must allow two system calls. The first is prctl(2), also for new threads and for
 * rk_vfork_end(). The second is rseq_slice_yield(2), number 471, which ends a region that was granted time.
 *
 * If time was granted, a system call inside the region ends the granted time: the kernel switches to another thread before it
 * makes the call. Such a call does no harm, but makes the request useless. (Suppose that a thread loses granted time in this
 * way, then makes a new request, and then makes a system call. With rseq_debug=1, the kernel kills such a thread: see the
 * kernel's rseq_slice_validate_ctrl().) To find system calls in regions, compile with RK_SLICE_CHECKED defined: see
 * rk_slice_begin_checked().
 */
#ifndef RSEQKIT_SLICE_H
#define RSEQKIT_SLICE_H

#include <rseqkit/thread.h>

/* Why a thread's requests have no effect. Numbers are ABI. */
enum rk_slice_reason {
	RK_SLICE_NONE = 0,         /* requests have an effect */
	RK_SLICE_NOT_YET = 1,      /* the extension isn't on yet: the first rk_slice_begin() switches it on */
	RK_SLICE_NO_RSEQ = 2,      /* the thread has no rseq (rk_thread_reason() says why), or the machine has no port */
	RK_SLICE_NO_KERNEL = 3,    /* the kernel is older than 7.0 */
	RK_SLICE_SHORT_AREA = 4,   /* the thread is registered with 32 bytes; the extension needs more */
	RK_SLICE_NOT_OFFERED = 5,  /* the kernel was built without the extension, or started with rseq_slice_ext=0 */
	RK_SLICE_BLOCKED = 6,      /* a seccomp filter refuses prctl(2) */
	RK_SLICE_SWITCHED_OFF = 7, /* another component switched the extension off, or registered the thread again */
	RK_SLICE_VFORK = 8         /* the thread is a vfork child, or is between rk_vfork_begin() and rk_vfork_end() */
};

RKI_BEGIN_DECLS

/*
 * Switches the slice extension on for the calling thread, and registers the thread first if necessary. Call the function before
 * you install a seccomp filter that kills the process at prctl(2), or to learn whether the extension is on.
 *
 * Returns 0, even if the extension was on already, or:
 *   the negative errno of rk_thread_prepare()
 *   -ENOTSUP  for RK_SLICE_NO_KERNEL, RK_SLICE_SHORT_AREA and RK_SLICE_NOT_OFFERED
 *   -EPERM    for RK_SLICE_BLOCKED
 *   -EAGAIN   for RK_SLICE_VFORK
 * Context: any thread; signal handler; after fork. In a vfork child the function fails with -EAGAIN if the library can
 * recognise the child. Cost: nanoseconds if the extension is on or isn't offered; otherwise two system calls, one of them
 * prctl.
 */
RKI_API int rk_slice_enable(void);

/*
 * rk_slice_thread_reason() returns why the calling thread's requests have no effect. rk_slice_reason_text() returns the text of
 * a reason. The text has static storage. For values that aren't in the enum, it is "unknown".
 *
 * Context: any thread; signal handler; after fork. Cost: nanoseconds, no system call.
 */
RKI_API enum rk_slice_reason rk_slice_thread_reason(void);
RKI_API const char *rk_slice_reason_text(enum rk_slice_reason reason);

/*
 * Begin and end a region. Call rk_slice_begin() before the lock is taken, and rk_slice_end() after the lock is released. The
 * region should take a few microseconds at most.
 *
 * Regions may nest, and signal handlers may have regions of their own. An inner rk_slice_begin() finds the request of the outer
 * region and returns 0, so the inner rk_slice_end() does nothing. End regions in the reverse order, in the thread that began
 * them. If the outer region ends first and time was granted, the thread gives up the CPU inside the inner region. (Mutexes of
 * mutex.h may be unlocked in any order.) If a longjmp() leaves a region, the region never ends. The thread can then be granted
 * time once when it doesn't need any.
 *
 * Returns of rk_slice_begin(): 1 if the function made the request; 0 if there was a request already, or if requests have no
 * effect. Pass the result to rk_slice_end().
 * Context: any thread; signal handler; after fork; vfork child.
 * Cost: both together take 1 to 2 ns. If time was granted, or if the thread was preempted in the region, rk_slice_end() also
 * makes the system call rseq_slice_yield. The thread's first rk_slice_begin() makes the prctl, once. If requests have no
 * effect, both together take three loads, less than a nanosecond. In a thread that has no rseq, both together take some
 * nanoseconds.
 */
RKI_INLINE int rk_slice_begin(void);
RKI_INLINE void rk_slice_end(int requested);

/*
 * Begin and end a checked region, which also finds system calls. The first system call inside the region ends the process by
 * SIGSYS. The core dump or a debugger shows where the call was made. A checked region needs the kernel's syscall user dispatch
 * (prctl(2), 5.11 and later), but not the slice extension.
 *
 * All signals but SIGSYS are blocked until the region ends. (Otherwise the system calls of a handler, its return included,
 * would end the process.) If the thread uses syscall user dispatch for another purpose, the checked region switches that use
 * off. At most 256 threads are checked at the same time; regions of further threads aren't checked. If no fork handlers ran at
 * a fork (_Fork(), for example), new threads of the child can be unchecked, too.
 *
 * Pass the result of rk_slice_begin_checked() to rk_slice_end_checked().
 * Context: any thread; signal handler; after fork; not in a vfork child. Cost: four system calls, and rseq_slice_yield in the
 * cases of rk_slice_end().
 */
RKI_API int rk_slice_begin_checked(void);
RKI_API void rk_slice_end_checked(int begun);

RKI_END_DECLS

#include <rseqkit/detail/slice.h>

#endif /* RSEQKIT_SLICE_H */
