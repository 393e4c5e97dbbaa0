/* SPDX-License-Identifier: MIT */
/* choice.h - settings in the program's environment. */
#ifndef RK_SRC_CHOICE_H
#define RK_SRC_CHOICE_H

#include <stdbool.h>

enum rk_choice {
	RK_CHOICE_NONE,
	RK_CHOICE_OWN,    /* areas of this library's own, even if the libc has a spare one */
	RK_CHOICE_OTHERS, /* areas that other components register: this library registers no thread */
	RK_CHOICE_KTLS    /* areas that the kernel registers, if it can: see ktls.h */
};

/*
 * The constructor calls this function with its arguments. Finds the strings of the environment without /proc, if these
 * arguments show where the strings are.
 */
void rk_choice_see(int argc, char *const argv[], char *const environment[]);

/*
 * Returns the setting in the environment that the program was started with: RSEQKIT_AREA=own, =others or =ktls. If the
 * program has other rights than its caller (AT_SECURE), the environment is ignored. Async-signal-safe.
 */
enum rk_choice rk_choice(void);

/* Returns whether the program was started with RSEQKIT_PERCPU=debug. The answer is stored for later calls. */
bool rk_debug_chosen(void);

#endif /* RK_SRC_CHOICE_H */
