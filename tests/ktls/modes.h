/* SPDX-License-Identifier: MIT */
/* modes.h - sets up the mode, which says which component registers the threads of this process, and finds the area's place. */
#ifndef MODES_H
#define MODES_H

#include "judge.h"

enum mode { STOCK, EMULATED, FLAG, AUTO, MODES };

extern const char *const mode_names[MODES];
extern struct place place; /* set by mode_set_up() */
extern enum mode mode;

/*
 * Sets up the mode of this name. Call this function in the initial thread. Returns NULL if the mode is available. Otherwise
 * returns the reason, and sets *broken to true if this is a failure, or to false if this machine lacks the mode.
 */
const char *mode_set_up(const char *name, bool *broken);

/*
 * Runs rseqkit's first operation in the calling thread, which isn't registered. Returns the result of rk_thread_prepare(), or
 * 1 without rseqkit.
 */
int mode_first_operation(void);

/* Makes thread data for a thread that no C library made. Returns its thread pointer, or NULL on failure. It is never freed. */
char *mode_thread_data(void);

#endif /* MODES_H */
