/* SPDX-License-Identifier: MIT */
/*
 * strangers.h - other components of the process that register threads themselves.
 *
 * Such a component may end the process when it meets a thread that we registered, after its own first registration, in
 * another thread, succeeded. The kernel doesn't tell one thread about another's registration. What can be seen is what
 * modules export.
 *
 *   situation                                            what we do
 *   the libc registers                                   nothing, and so do they
 *   librseq is loaded                                    use its area in threads that it registered; register none
 *   we are there at process start, areas are ours, and   register each thread before its start routine (start.c): the
 *   threads' starts are seen: preloaded, or linked to    stranger's first attempt fails, and it does without
 *   a libc without an area
 *   we are there at process start, in the libc's spare   glibc registers whom a registered thread creates
 *   area
 *   a copy comes late, or has no part in threads'        register nobody, use who is registered (RK_REASON_STRANGER)
 *   starts, and a module exports __rseq_abi or
 *   librseq's function
 *   the same, and no module exports anything             register threads as they come
 *
 * The last line is a choice: otherwise a plugin on an old libc would have no rseq at all. It goes wrong beside a component
 * whose symbols are all hidden, that hasn't registered the thread which loads the plugin, and that doesn't bear a refusal
 * later. For such programs there is RSEQKIT_AREA=others: then copies register nobody.
 */
#ifndef RK_SRC_STRANGERS_H
#define RK_SRC_STRANGERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does any module of this namespace export librseq's function for registering a thread, or a __rseq_abi? Takes the
 * dynamic linker's lock: for the process's decision only.
 */
bool rk_strangers_are_loaded(void);

enum rk_librseq {
	RK_LIBRSEQ_ABSENT,
	RK_LIBRSEQ_HIDDEN, /* loaded, but where its area is can't be told */
	RK_LIBRSEQ_FOUND   /* *offset is that of its area from the thread pointer */
};

/* Is librseq loaded, and where is the area of threads that it registers? As above. */
enum rk_librseq rk_strangers_librseq(ptrdiff_t *offset);

/* Has the process more than one thread, as far as /proc tells? Without /proc it may have. */
bool rk_strangers_may_run(void);

#endif /* RK_SRC_STRANGERS_H */
