/* SPDX-License-Identifier: MIT */
/*
 * percpu_tell.h - tells AddressSanitizer and valgrind which per-CPU items a program may access.
 *
 * The references to AddressSanitizer's functions are weak. If the program has these functions, it runs with AddressSanitizer.
 * Requests to valgrind are instructions that have no effect on a processor. Valgrind's manual describes them under "The Client
 * Request mechanism".
 */
#ifndef RK_SRC_PERCPU_TELL_H
#define RK_SRC_PERCPU_TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "arch/arch.h"

extern void __asan_poison_memory_region(const volatile void *from, size_t size) __attribute__((__weak__));
extern void __asan_unpoison_memory_region(const volatile void *from, size_t size) __attribute__((__weak__));

#define RK_VALGRIND_PRESENT 0x1001                                        /* VG_USERREQ__RUNNING_ON_VALGRIND */
#define RK_VALGRIND_REPORTING 0x1801                                      /* VG_USERREQ__CHANGE_ERR_DISABLEMENT */
#define RK_VALGRIND_UNUSABLE ((uintptr_t)'M' << 24 | (uintptr_t)'C' << 16) /* VG_USERREQ__MAKE_MEM_NOACCESS */
#define RK_VALGRIND_DEFINED (RK_VALGRIND_UNUSABLE + 2)                    /* VG_USERREQ__MAKE_MEM_DEFINED */

/* Returns valgrind's answer to a request, or 0 without valgrind. */
static inline uintptr_t rk_ask_valgrind(uintptr_t request, const volatile void *from, size_t size)
{
	volatile uintptr_t arguments[6] = {request, (uintptr_t)from, size};
	uintptr_t answer = 0;

	RK_ASK_VALGRIND(answer, arguments);
	return answer;
}

static inline bool rk_in_valgrind(void)
{
	static int known; /* the answer plus one; 0 until it is known */
	int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (answer == 0) {
		answer = 1 + (rk_ask_valgrind(RK_VALGRIND_PRESENT, NULL, 0) != 0);
		__atomic_store_n(&known, answer, __ATOMIC_RELAXED);
	}
	return answer == 2;
}

static inline void rk_tell_usable(const volatile void *from, size_t size)
{
	if (__asan_unpoison_memory_region != NULL)
		__asan_unpoison_memory_region(from, size);
	if (rk_in_valgrind())
		(void)rk_ask_valgrind(RK_VALGRIND_DEFINED, from, size);
}

static inline void rk_tell_unusable(const volatile void *from, size_t size)
{
	if (__asan_poison_memory_region != NULL)
		__asan_poison_memory_region(from, size);
	if (rk_in_valgrind())
		(void)rk_ask_valgrind(RK_VALGRIND_UNUSABLE, from, size);
}

/*
 * rk_quietly() and RK_UNWATCHED are for code that checks memory which must not be used. Between rk_quietly(true) and
 * rk_quietly(false), valgrind reports nothing about the calling thread. AddressSanitizer doesn't watch functions that are
 * marked RK_UNWATCHED. Such a function must not call other functions.
 */
static inline void rk_quietly(bool begin)
{
	if (rk_in_valgrind())
		(void)rk_ask_valgrind(RK_VALGRIND_REPORTING, (const void *)(intptr_t)(begin ? 1 : -1), 0);
}

#define RK_UNWATCHED __attribute__((__noinline__, no_sanitize("address")))

/* Returns whether the program runs with AddressSanitizer or under valgrind. */
static inline bool rk_tell(void)
{
	return __asan_poison_memory_region != NULL || rk_in_valgrind();
}

#endif /* RK_SRC_PERCPU_TELL_H */
