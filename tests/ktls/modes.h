/* SPDX-License-Identifier: MIT */
/* modes.h - who is to register the threads of this process, and where. */
#ifndef MODES_H
#define MODES_H

#include "judge.h"

enum mode { STOCK, EMULATED, FLAG, AUTO, MODES };

extern const char *const mode_names[MODES];
extern struct place place; /* set by mode_set_up() */
extern enum mode mode;

/*
 * Finds, or makes, what the mode of this name promises, in the initial thread. Returns NULL, or why it can't be; with
 * `broken` set if that is a failure rather than this machine's nature.
 */
const char *mode_set_up(const char *name, bool *broken);

/*
 * What the first operation of rseqkit brings to the calling thread, which isn't registered: what rk_thread_prepare()
 * returns. 1 where there is no rseqkit.
 */
int mode_first_operation(void);

/* Thread data for a thread that no C library makes: its thread pointer, NULL if it can't be had. Never given back. */
char *mode_thread_data(void);

#endif /* MODES_H */
