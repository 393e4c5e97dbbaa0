/* SPDX-License-Identifier: MIT */
/*
 * marker.h - finds out whether a thread was preempted. rk_marker_set() stores in `rseq_cs` of the thread's rseq area the
 * descriptor of a critical section. This descriptor is the marker. The thread isn't inside that section. The kernel clears
 * `rseq_cs` when it preempts the thread, or interrupts it with a signal. The kernel does so in each mode in which areas are
 * registered (source: "optimised mode" in the kernel's Documentation/userspace-api/rseq.rst). With rseq_debug=1 the kernel
 * also clears `rseq_cs` at each interrupt.
 */
#ifndef RK_SRC_MARKER_H
#define RK_SRC_MARKER_H

#include <rseqkit/counter.h>
#include "os/thread_pointer.h"

enum rk_marked {
	RK_MARKED_STILL,    /* the thread wasn't preempted */
	RK_MARKED_NO_MORE,  /* the thread was preempted, or interrupted by a signal */
	RK_MARKED_UNKNOWN   /* after rk_marker_set(), the thread ran a section, which changed `rseq_cs` */
};

/*
 * Returns a descriptor that the kernel accepts: the descriptor of a section that has just run. Returns 0 if there is no rseq, or
 * if 100 attempts found no descriptor.
 */
static inline uint64_t rk_marker_find(struct rk_counter *counter)
{
	const volatile struct rk_area *area = rk_thread_area();
	uint64_t found = 0;

	for (int i = 0; i < 100 && area != NULL && found == 0; i++) {
		rk_counter_add(counter, 1);
		rk_counter_add(counter, -1);
		found = area->rseq_cs;
	}
	return found;
}

/* Call rk_marker_set() and rk_marker_look() only in a registered thread. */
static inline void rk_marker_set(uint64_t marker)
{
	rk_area_at(rk_area_offset)->rseq_cs = marker;
}

static inline enum rk_marked rk_marker_look(uint64_t marker)
{
	uint64_t left = rk_area_at(rk_area_offset)->rseq_cs;

	return left == marker ? RK_MARKED_STILL : left == 0 ? RK_MARKED_NO_MORE : RK_MARKED_UNKNOWN;
}

#endif /* RK_SRC_MARKER_H */
