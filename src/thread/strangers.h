/* SPDX-License-Identifier: MIT */
/*
 * strangers.h - finds strangers: other components of the process that register threads themselves. An area is the struct rseq
 * of a thread.
 *
 * Suppose that a stranger has registered one thread, and then tries to register another thread that we registered. Then the
 * stranger possibly ends the process. The kernel doesn't show one thread's registration to another thread. Only the symbols
 * that modules export show whether there are strangers.
 *
 *   situation                                            what we do
 *   the libc registers                                   nothing, and strangers do nothing either
 *   librseq is loaded                                    use its area in threads that librseq registered; register none
 *   we are loaded at process start, use our own areas,   register each thread before its start routine (start.c): the
 *   and see the starts of threads. (We see the starts    stranger's first attempt fails, and it works without rseq
 *   if we are preloaded, or if the libc has no area.)
 *   we are loaded at process start, and use the libc's   register the first thread; from then on glibc registers each
 *   spare area (plan.c)                                  thread that a registered thread creates
 *   we are loaded by dlopen(), or don't see the starts   register no thread, use rseq in threads that are registered
 *   of threads, and a module exports __rseq_abi or       (RK_REASON_STRANGER)
 *   librseq's function
 *   as in the row above, but no module exports either    register each thread at its first operation
 *   symbol
 *
 * The last row was chosen because otherwise a plugin on an old libc would have no rseq at all. The row is wrong if the process
 * has a stranger with all of these three properties. All symbols of the stranger are hidden. The stranger hasn't registered the
 * thread that loads the plugin. It can't cope with a failure after a success. Start such programs with RSEQKIT_AREA=others,
 * which makes this library register no thread.
 */
#ifndef RK_SRC_STRANGERS_H
#define RK_SRC_STRANGERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Returns whether a module of this namespace exports librseq's function for registering a thread, or a __rseq_abi. Takes
 * the dynamic linker's lock, so call this only while process.c decides where the threads' areas are.
 */
bool rk_strangers_are_loaded(void);

enum rk_librseq {
	RK_LIBRSEQ_ABSENT,
	RK_LIBRSEQ_HIDDEN, /* loaded, but its area can't be found */
	RK_LIBRSEQ_FOUND   /* *offset is the distance of librseq's area from the thread pointer */
};

/*
 * Returns whether librseq is loaded, and whether its area can be found. Takes the dynamic linker's lock, so call this only
 * while process.c decides where the threads' areas are.
 */
enum rk_librseq rk_strangers_librseq(ptrdiff_t *offset);

/* Returns whether the process possibly has more than one thread, as /proc shows. If /proc can't be read, returns true. */
bool rk_strangers_may_run(void);

#endif /* RK_SRC_STRANGERS_H */
