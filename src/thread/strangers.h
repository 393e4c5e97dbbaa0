/* SPDX-License-Identifier: MIT */
/*
 * strangers.h - other components of the process that register threads themselves.
 *
 * Suppose that a stranger has registered itself in one thread, and then meets another thread that we registered. Then the
 * stranger possibly ends the process. The kernel doesn't show one thread's registration to another thread. Only the symbols
 * that modules export show whether there are strangers.
 *
 *   situation                                            what we do
 *   the libc registers                                   nothing, and strangers do nothing either
 *   librseq is loaded                                    use its area in threads that librseq registered; register none
 *   we are there at process start, areas are ours, and   register each thread before its start routine (start.c): the
 *   threads' starts are seen: preloaded, or linked to    stranger's first attempt fails, and it works without rseq
 *   a libc without an area
 *   we are there at process start, in the libc's spare   glibc registers each thread that a registered thread creates
 *   area
 *   a copy comes late, or has no part in threads'        register no thread, use the threads that are registered
 *   starts, and a module exports __rseq_abi or           (RK_REASON_STRANGER)
 *   librseq's function
 *   as in the row above, but no module exports either    register each thread at its first operation
 *   symbol
 *
 * The last row is a choice: if we registered no threads in that case, a plugin on an old libc would have no rseq at all. The
 * choice is wrong if the process has a stranger with three properties. All symbols of the stranger are hidden, it hasn't
 * registered the thread that loads the plugin, and it can't cope with a refusal later. Start such programs with
 * RSEQKIT_AREA=others. With this setting, copies register no thread.
 */
#ifndef RK_SRC_STRANGERS_H
#define RK_SRC_STRANGERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Returns whether a module of this namespace exports librseq's function for registering a thread, or a __rseq_abi. Takes
 * the dynamic linker's lock, so call this only for the decision.
 */
bool rk_strangers_are_loaded(void);

enum rk_librseq {
	RK_LIBRSEQ_ABSENT,
	RK_LIBRSEQ_HIDDEN, /* loaded, but its area can't be found */
	RK_LIBRSEQ_FOUND   /* *offset is the distance of librseq's area from the thread pointer */
};

/*
 * Returns whether librseq is loaded, and whether its area can be found. Takes the dynamic linker's lock, so call this only
 * for the decision.
 */
enum rk_librseq rk_strangers_librseq(ptrdiff_t *offset);

/* Returns whether the process possibly has more than one thread, as /proc shows. If /proc can't be read, returns true. */
bool rk_strangers_may_run(void);

#endif /* RK_SRC_STRANGERS_H */
