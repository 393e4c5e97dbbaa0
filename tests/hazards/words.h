/* SPDX-License-Identifier: MIT */
/* words.h - what words.c exports; WORD is const where the words are declared so. */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef CONSTANT
#define WORD const
#else
#define WORD
#endif

extern WORD ptrdiff_t naive_offset; /* from the thread pointer to the area */
extern WORD unsigned naive_size;    /* of the area; 0 if nobody registered it */

bool naive_works(void); /* is the calling thread's area, by those words, a registered one? */

#endif /* WORDS_H */
