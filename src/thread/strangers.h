/* SPDX-License-Identifier: MIT */
/*
 * strangers.h - other components of the process that register threads themselves.
 *
 * Such a component may end the process when it meets a thread that we registered, after its own first registration, in
 * another thread, succeeded. The kernel doesn't tell one thread about another's registration. What can be seen is what
 * modules export.
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
