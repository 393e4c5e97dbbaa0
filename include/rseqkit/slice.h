/* SPDX-License-Identifier: MIT */
/*
 * slice.h - time slices for lock holders: asks the kernel not to preempt the thread in the middle of something short.
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
 * A thread that is preempted while it holds a lock keeps everybody waiting for as long as others run in its place. Here
 * it requests a little more time first. If its time slice ends inside, the kernel may grant some microseconds (5 by
 * default, 50 at most: /sys/kernel/debug/rseq/slice_ext_nsec) instead of switching at once. Who was granted some gives up
 * the CPU at the end of the region, of its own accord: rk_slice_end() does that. Whoever takes longer is preempted.
 *
 * Source: the kernel's Documentation/userspace-api/rseq.rst; kernel 7.0 and later, with the slice extension configured
 * and not switched off (rseq_slice_ext=0), in a thread that is registered with all that the kernel offers. The C
 * library's area is often too short for that, with 32 bytes: rk_slice_thread_reason() says what the reason is, and `rseqkit
 * exec --slice` runs a program with areas that aren't. Where there is no such thing both calls do nothing, in less than a
 * nanosecond.
 *
 * The first rk_slice_begin() of a thread switches it on for this thread, by one prctl(2), unless it is on. Nothing here
 * ever switches it off, and what was switched on here and then off by somebody stays off, until rk_slice_enable().
 *   fork             the child's thread has it on as its parent had
 *   exec             begins anew
 *   rk_vfork_begin() takes it away with the registration; rk_vfork_end() switches it on again
 *   a new thread     has it off; its first rk_slice_begin() switches it on
 * So a seccomp filter that kills has to let pass prctl(2), in threads that come after it and behind brackets as well, and
 * rseq_slice_yield(2), 471: that is made at the end of a region that was granted time.
 *
 * A system call inside the region ends a grant: the kernel switches before it does what was asked for. No harm is done,
 * but the region has lost what it was for. (A kernel that was started with rseq_debug=1 kills a thread that has lost a
 * grant, requested again, and then makes a system call: the kernel's rseq_slice_validate_ctrl().) To find such calls,
 * compile with RK_SLICE_CHECKED defined: see rk_slice_begin_checked().
 */
#ifndef RSEQKIT_SLICE_H
#define RSEQKIT_SLICE_H

#include <rseqkit/thread.h>

/* Why a thread's requests have no effect. Numbers are ABI. */
enum rk_slice_reason {
	RK_SLICE_NONE = 0,         /* they have */
	RK_SLICE_NOT_YET = 1,      /* not switched on yet: the first rk_slice_begin() does that */
	RK_SLICE_NO_RSEQ = 2,      /* the thread has no rseq, rk_thread_reason() says why; or there is no port */
	RK_SLICE_NO_KERNEL = 3,    /* the kernel knows nothing of it: it is older than 7.0 */
	RK_SLICE_SHORT_AREA = 4,   /* the thread is registered with 32 bytes, and the field is behind what those cover */
	RK_SLICE_NOT_OFFERED = 5,  /* the kernel doesn't offer it: not configured, or started with rseq_slice_ext=0 */
	RK_SLICE_BLOCKED = 6,      /* prctl(2) is refused: a seccomp filter */
	RK_SLICE_SWITCHED_OFF = 7, /* it was on, and somebody switched it off, or registered the thread again */
	RK_SLICE_VFORK = 8         /* a vfork child, or inside rk_vfork_begin() and rk_vfork_end() */
};

RKI_BEGIN_DECLS

/*
 * Switches it on for the calling thread, registering the thread first if need be. To be called before a seccomp filter
 * is installed that kills for prctl(2), and by who wants to know.
 *
 * Returns 0, also when it was on; the negative errno of rk_thread_prepare(); -ENOTSUP (RK_SLICE_NO_KERNEL,
 * RK_SLICE_SHORT_AREA, RK_SLICE_NOT_OFFERED); -EPERM (RK_SLICE_BLOCKED); -EAGAIN (RK_SLICE_VFORK).
 * Context: any thread; signal handler; after fork; in a vfork child: refused, where that can be told. Cost: nanoseconds
 * where it is on or can't be; else two system calls, one of them prctl.
 */
RKI_API int rk_slice_enable(void);

/*
 * Why the calling thread's requests have no effect, and that in words: static storage, "unknown" for other values.
 *
 * Context: any thread; signal handler; after fork. Cost: nanoseconds, no system call.
 */
RKI_API enum rk_slice_reason rk_slice_thread_reason(void);
RKI_API const char *rk_slice_reason_text(enum rk_slice_reason reason);

/*
 * Begins a region, and ends it: to be called ahead of taking a lock, and behind its release. What is between should take
 * microseconds at most.
 *
 * Regions nest, and handlers may have theirs: an inner one finds the request made, returns 0 and so ends nothing. They end
 * in the reverse order, in the thread where they began: who ends the one with the request first gives up the CPU inside
 * the other. (Locks of mutex.h may be unlocked in any order.) A region that is never ended, because a longjmp() left it, may
 * get the thread one grant that it has no use for.
 *
 * rk_slice_begin() returns 1 if it made the request, 0 if there was one, or requests have no effect: what rk_slice_end()
 * wants to know.
 * Context: any thread; signal handler; after fork; vfork child. Cost: where requests have no effect three loads, under a ns,
 * and some ns in a thread that has no rseq. Else 1 to 2 ns for both; where time was granted, or the thread was preempted in
 * between, a system call: rseq_slice_yield. Where it hasn't been tried in this thread prctl, once.
 */
RKI_INLINE int rk_slice_begin(void);
RKI_INLINE void rk_slice_end(int requested);

/*
 * The same, finding system calls: at the first one inside a region a SIGSYS ends the process, and the core dump or the
 * debugger shows where. (A handler's own calls, its return among them, would be the next ones.) Wherever the kernel has
 * syscall user dispatch (prctl(2), 5.11 and later), with the slice extension or without. Signals but that one wait until the
 * region ends, and what else uses syscall user dispatch in this thread is switched off. Of more than 256 threads at once
 * the others aren't looked at, nor perhaps new threads of a child that a fork without handlers made, like _Fork().
 *
 * rk_slice_begin_checked() returns what rk_slice_end_checked() wants to know.
 * Context: any thread; signal handler; after fork; not in a vfork child. Cost: five system calls.
 */
RKI_API int rk_slice_begin_checked(void);
RKI_API void rk_slice_end_checked(int begun);

RKI_END_DECLS

#include <rseqkit/detail/slice.h>

#endif /* RSEQKIT_SLICE_H */
