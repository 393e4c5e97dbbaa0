/* SPDX-License-Identifier: MIT */
/*
 * choice.h - reads two settings in the environment that the program was started with. RSEQKIT_AREA says which memory is to be
 * the area of each thread, which is its struct rseq. RSEQKIT_PERCPU=debug turns on the debug mode of per-CPU memory, and
 * RSEQKIT_PERCPU=all-cpus reserves addresses for all CPU numbers that any kernel has.
 */
#ifndef RK_SRC_CHOICE_H
#define RK_SRC_CHOICE_H

#include <stdbool.h>

enum rk_choice {
	RK_CHOICE_NONE,
	RK_CHOICE_OWN,    /* areas of this library's own, even if the libc has an area that it leaves unused */
	RK_CHOICE_OTHERS, /* areas that other components register: this library registers no thread */
	RK_CHOICE_KTLS    /* areas that the kernel registers, if it can: see rseqkit/ktls.h */
};

/*
 * Finds the strings of the environment on the stack, if the arguments of a constructor show where the strings are. The
 * constructor in thread/thread.c passes its own arguments.
 */
void rk_choice_see(int argc, char *const argv[], char *const environment[]);

/*
 * Returns the setting in the environment that the program was started with: RSEQKIT_AREA=own, =others or =ktls. If the
 * program has other rights than its caller (AT_SECURE), the environment is ignored. Async-signal-safe.
 */
enum rk_choice rk_choice(void);

/*
 * Return whether the program was started with RSEQKIT_PERCPU=debug, and with RSEQKIT_PERCPU=all-cpus. The answer is stored for
 * later calls.
 */
bool rk_debug_chosen(void);
bool rk_all_cpus_chosen(void);

#endif /* RK_SRC_CHOICE_H */
