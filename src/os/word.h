/* SPDX-License-Identifier: MIT */
/*
 * word.h - words that a thread shares only with its own signal handlers.
 *
 * Other threads never use these words, so on x86 one instruction without the lock prefix is enough (arch/x86.h).
 */
#ifndef RK_SRC_WORD_H
#define RK_SRC_WORD_H

#include <stdbool.h>
#include <stdint.h>
#include "arch/arch.h"

/* If the word is `expected`, stores `desired`. Returns whether it was stored. */
static inline bool rk_word_replace(volatile uint32_t *word, uint32_t expected, uint32_t desired)
{
	bool done;

	RK_WORD_REPLACE(done, word, expected, desired);
	return done;
}

/* Adds to a word. Returns the sum. */
static inline uint32_t rk_word_add(volatile uint32_t *word, uint32_t value)
{
	uint32_t seen;

	do
		seen = *word;
	while (!rk_word_replace(word, seen, seen + value));
	return seen + value;
}

#endif /* RK_SRC_WORD_H */
