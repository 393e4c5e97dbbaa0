/* SPDX-License-Identifier: MIT */
/*
 * word.h - words that a thread shares only with its own signal handlers.
 *
 * Other threads never use these words. So on x86 one instruction without the lock prefix is enough. Without the prefix, the
 * instruction takes a fifth of the time.
 */
#ifndef RK_SRC_WORD_H
#define RK_SRC_WORD_H

#include <stdbool.h>
#include <stdint.h>

/* If the word is `expected`, stores `desired`. Returns whether it was stored. */
static inline bool rk_word_replace(volatile uint32_t *word, uint32_t expected, uint32_t desired)
{
#if defined(__x86_64__) || defined(__i386__)
	bool done;

	__asm__ __volatile__("cmpxchg {%[desired], %[word]|%[word], %[desired]}"
			     : "=@ccz"(done), [word] "+m"(*word), "+a"(expected)
			     : [desired] "r"(desired)
			     : "memory");
	return done;
#else
	return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
#endif
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
