/* SPDX-License-Identifier: MIT */
/* choice.h - what the program's environment asks for. */
#ifndef RK_SRC_CHOICE_H
#define RK_SRC_CHOICE_H

#include <stdbool.h>

/*
 * Was the program started with RSEQKIT_AREA=own in its environment? Not with other rights than its caller's: then the
 * environment has no say. Async-signal-safe.
 */
bool rk_choice_is_own(void);

#endif /* RK_SRC_CHOICE_H */
