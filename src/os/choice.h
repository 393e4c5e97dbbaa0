/* SPDX-License-Identifier: MIT */
/* choice.h - what the program's environment asks for. */
#ifndef RK_SRC_CHOICE_H
#define RK_SRC_CHOICE_H

#include <stdbool.h>

enum rk_choice {
	RK_CHOICE_NONE,
	RK_CHOICE_OWN,    /* areas of this library's own, where the libc has one that it leaves alone */
	RK_CHOICE_OTHERS, /* those that others register: this library registers no thread */
	RK_CHOICE_KTLS    /* those that the kernel registers, where it can: see ktls.h */
};

/*
 * Was the program started with RSEQKIT_AREA=own, =others or =ktls in its environment? Not with other rights than its
 * caller's: then the environment has no say. Async-signal-safe.
 */
enum rk_choice rk_choice(void);

/* With RSEQKIT_PERCPU=debug? Asked once. */
bool rk_debug_chosen(void);

#endif /* RK_SRC_CHOICE_H */
