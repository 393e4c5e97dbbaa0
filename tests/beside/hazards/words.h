/* SPDX-License-Identifier: MIT */
/* words.h - the exports of words.c. With -DCONSTANT, WORD is `const`, otherwise it is empty. */
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
extern WORD unsigned naive_size;    /* bytes of the registered area; 0 if the registration failed */

bool naive_works(void); /* returns true if the words lead to a registered area of the calling thread */

#endif /* WORDS_H */
