/* SPDX-License-Identifier: MIT */
/*
 * strangers.h - finds strangers: other components of the process that register threads themselves. An area is the struct rseq
 * of a thread.
 *
 * Suppose that a stranger has registered one thread, and then tries to register another thread that we registered. Then the
 * stranger can end the process. The kernel doesn't show one thread's registration to another thread. Two things show whether
 * there are strangers: the symbols that modules export, and code that makes the system call rseq (callers.h).
 *
 *   situation                                            what we do
 *   the libc registers                                   nothing, and strangers do nothing either
 *   a module exports librseq's function                  use librseq's area in threads that librseq registered; register none
 *   a module exports an __rseq_abi that we can use       share it (early.h)
 *   we are preloaded, and a module has code that         register no thread: the program came with the stranger, and knows
 *   makes the system call                                nothing of us
 *   we decide before the process has a second thread,    register each thread before its start routine (start.c): the
 *   use our own areas, and see the starts of threads.    stranger's first attempt fails, and it works without rseq
 *   (We see the starts if we are preloaded, or if the
 *   libc has no area.)
 *   we decide before the process has a second thread,    register the first thread; from then on glibc registers each
 *   and use the libc's spare area (plan.c)               thread that a registered thread creates
 *   in other situations: a module exports __rseq_abi or  register no thread, use rseq in threads that are registered
 *   librseq's function, or has code that makes the       (RK_REASON_STRANGER)
 *   system call
 *   in other situations: no module has any of these      register each thread at its first operation
 *
 * A stranger isn't found if its module is loaded after the decision or in another namespace of dlmopen(), or if callers.c doesn't
 * recognise its code.
 * Start such programs with RSEQKIT_AREA=others, which makes this library register no thread.
 */
#ifndef RK_SRC_STRANGERS_H
#define RK_SRC_STRANGERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * rk_strangers_are_loaded() returns whether a module of this namespace exports librseq's function for registering a thread, or a
 * __rseq_abi, or has code that makes the system call rseq (callers.h). rk_strangers_have_code() looks only for such code. Both
 * take the dynamic linker's lock, so call them only while process.c decides where the threads' areas are.
 */
bool rk_strangers_are_loaded(void);
bool rk_strangers_have_code(void);

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

/*
 * Returns whether librseq has an area by now, if the decision found librseq's variables. Searches nothing and takes no lock, so
 * any thread may call this at any time.
 */
bool rk_strangers_librseq_now(ptrdiff_t *offset);

/*
 * Returns whether the process may have, or may have had, another thread than the calling one. A stranger may have registered a
 * thread that has ended. With glibc 2.32 and later, the libc says whether the process had threads. /proc shows the threads that
 * exist. If /proc can't be read, returns true.
 */
bool rk_strangers_may_have_run(void);

#endif /* RK_SRC_STRANGERS_H */
