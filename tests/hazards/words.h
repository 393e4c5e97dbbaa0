/* SPDX-License-Identifier: MIT */
/* words.h - the exports of words.c. WORD is const if the words are declared const. */
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
extern WORD unsigned naive_size;    /* of the area; 0 if its registration failed */

bool naive_works(void); /* whether the words lead to a registered area of the calling thread */

#endif /* WORDS_H */
