/* SPDX-License-Identifier: MIT */
/* librseq.h - what librseq.c, a stand-in, has of the real one's names. */
#ifndef LIBRSEQ_H
#define LIBRSEQ_H

#include <stddef.h>

#define EXPORTED __attribute__((__visibility__("default")))

extern EXPORTED ptrdiff_t rseq_offset;
extern EXPORTED unsigned int rseq_size;
EXPORTED int rseq_register_current_thread(void);

#endif /* LIBRSEQ_H */
