/* SPDX-License-Identifier: MIT */
/*
 * strangers.h - other components of the process that register threads themselves.
 *
 * Such a component may end the process when it meets a thread that we registered, if its own first registration, in another
 * thread, succeeded before. The kernel doesn't show one thread's registration to another thread. Only the symbols that
 * modules export can be seen.
 *
 *   situation                                            what we do
 *   the libc registers                                   nothing, and so do they
 *   librseq is loaded                                    use its area in threads that it registered; register none
 *   we are there at process start, areas are ours, and   register each thread before its start routine (start.c): the
 *   threads' starts are seen: preloaded, or linked to    stranger's first attempt fails, and it does without
 *   a libc without an area
 *   we are there at process start, in the libc's spare   glibc registers each thread that a registered thread creates
 *   area
 *   a copy comes late, or has no part in threads'        register no thread, use those that are registered
 *   starts, and a module exports __rseq_abi or           (RK_REASON_STRANGER)
 *   librseq's function
 *   the same, and no module exports anything             register threads as they come
 *
 * The last line is a choice: otherwise a plugin on an old libc would have no rseq at all. It goes wrong beside some
 * components. The symbols of such a component are all hidden, it hasn't registered the thread that loads the plugin, and it
 * can't cope with a refusal later. Such programs can be started with RSEQKIT_AREA=others: then copies register no thread.
 */
#ifndef RK_SRC_STRANGERS_H
#define RK_SRC_STRANGERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Returns whether a module of this namespace exports librseq's function for registering a thread, or a __rseq_abi. Takes
 * the dynamic linker's lock: only for the process's decision.
 */
bool rk_strangers_are_loaded(void);

enum rk_librseq {
	RK_LIBRSEQ_ABSENT,
	RK_LIBRSEQ_HIDDEN, /* loaded, but its area can't be found */
	RK_LIBRSEQ_FOUND   /* *offset is the distance of its area from the thread pointer */
};

/*
 * Returns whether librseq is loaded, and where the area is in threads that it registers. Only for the decision: it takes
 * the same lock.
 */
enum rk_librseq rk_strangers_librseq(ptrdiff_t *offset);

/* Returns whether the process may have more than one thread, by what /proc says. Without /proc it may. */
bool rk_strangers_may_run(void);

#endif /* RK_SRC_STRANGERS_H */
