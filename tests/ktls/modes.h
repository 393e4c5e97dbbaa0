/* SPDX-License-Identifier: MIT */
/* modes.h - which component registers the threads of this process, and where. */
#ifndef MODES_H
#define MODES_H

#include "judge.h"

enum mode { STOCK, EMULATED, FLAG, AUTO, MODES };

extern const char *const mode_names[MODES];
extern struct place place; /* set by mode_set_up() */
extern enum mode mode;

/*
 * Finds or sets up, in the initial thread, the mode of this name. Returns NULL if the mode is available. Otherwise returns why it
 * isn't available, and sets *broken to true if this is a failure, or to false if this machine lacks the mode.
 */
const char *mode_set_up(const char *name, bool *broken);

/*
 * Runs rseqkit's first operation in the calling thread, which isn't registered. Returns the result of rk_thread_prepare(), or
 * 1 without rseqkit.
 */
int mode_first_operation(void);

/* Returns the thread pointer of new thread data for a raw thread, or NULL on failure. The memory is never freed. */
char *mode_thread_data(void);

#endif /* MODES_H */
