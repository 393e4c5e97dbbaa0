/* SPDX-License-Identifier: MIT */
/*
 * registrar.h - a stand-in for librseq: a library that registers a thread when it is asked to, in an area of its own
 * that it tells, and ends the process when a thread can't be registered after one could.
 */
#ifndef REGISTRAR_H
#define REGISTRAR_H

#include <stddef.h>

extern ptrdiff_t rseq_offset;
extern unsigned int rseq_size; /* -1 before its constructor, 0 before the first thread */

int rseq_register_current_thread(void); /* 0 or -1 */

#endif /* REGISTRAR_H */
