/* SPDX-License-Identifier: MIT */
/* librseq.h - declares the variables and the function that librseq.c defines under the names of the real librseq. */
#ifndef LIBRSEQ_H
#define LIBRSEQ_H

#include "neighbour.h"

#include <stddef.h>

extern EXPORTED ptrdiff_t rseq_offset;
extern EXPORTED unsigned int rseq_size; /* -1 before librseq's constructor, 0 before the first registered thread */

EXPORTED int rseq_register_current_thread(void); /* 0 or -1 */

#endif /* LIBRSEQ_H */
