/* SPDX-License-Identifier: MIT */
/*
 * choice.c - reads settings in the environment that the program was started with; see choice.h.
 *
 * A process can have several copies of this library, each in another module. The invariant: all copies read the same settings,
 * at any time, so this file reads the strings that exec put on the stack. The libc's `environ` isn't suitable. Each namespace
 * of dlmopen has an `environ` of its own, and a preloaded allocator runs before `environ` is set. Also, another thread, or the
 * code that a signal handler interrupted, can be changing `environ`.
 *
 * The kernel shows these strings in /proc/self/environ. But to read that file takes about 20 us, more than any other step when
 * the first counter is created. rk_choice_see() therefore checks whether the constructor's arguments show where the strings
 * are. If so, the strings are read in place, and /proc isn't needed. The check fails if `environ` has moved, if the first
 * string was removed or replaced, or if the arguments are in another order. All of these can happen before dlopen() loads a
 * copy. musl passes no arguments to constructors.
 *
 * Copies can still read different settings if the program overwrites the strings, as setproctitle() does. They also can if
 * /proc is mounted between their reads, or if the process has no free descriptor. But once a setting has taken effect, the
 * rendezvous page says which memory is the threads' area (struct rseq). All copies find this page at a fixed address, and look
 * at it first (thread/plan.c).
 *
 * RSEQKIT_AREA=own exists because the area that glibc leaves unused has to be registered with 32 bytes, in legacy mode. The
 * reason is that glibc still registers in that area, with 32 bytes, each thread that a registered thread creates. An area of
 * our own has all fields that the kernel offers. Such an area is in a copy's thread block: 64 bytes of TLS
 * (rseqkit/detail/agreement.h). If the thread blocks of copies are aligned to only 16 bytes, the blocks can't be areas. In that
 * case RSEQKIT_AREA=own uses the block of librseqkit-preload.so, which offers it on the rendezvous page before any other copy
 * looks at this page.
 */
#define _GNU_SOURCE
#include "choice.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "kernel.h"

#ifndef AT_SECURE
#define AT_SECURE 23 /* include/uapi/linux/auxvec.h */
#endif

/* A setting that can be in the environment. `size` includes the terminator of `text`. */
struct setting {
	const char *text;
	size_t size;
	int means;
};

#define SETTING(text, means) {text, sizeof(text), means}

static const struct setting areas[] = {
	SETTING("RSEQKIT_AREA=own", RK_CHOICE_OWN),
	SETTING("RSEQKIT_AREA=others", RK_CHOICE_OTHERS),
	SETTING("RSEQKIT_AREA=ktls", RK_CHOICE_KTLS),
};
static const struct setting percpu_modes[] = {SETTING("RSEQKIT_PERCPU=debug", 1), SETTING("RSEQKIT_PERCPU=all-cpus", 2)};

#define SETTINGS_MAX 3

/* For each setting, `matched` has the number of characters that match so far, or DIFFERS after a difference. */
#define DIFFERS SIZE_MAX

/* Searches a part of the environment. Returns the meaning of the first setting that is complete, or 0. */
static int find_setting(const char *text, long size, const struct setting *settings, size_t count, size_t matched[])
{
	for (const char *at = text, *end = text + size; at < end; at++) {
		bool differs = true;

		for (size_t s = 0; s < count; s++) {
			if (matched[s] == DIFFERS || *at != settings[s].text[matched[s]])
				matched[s] = *at == '\0' ? 0 : DIFFERS;
			else if (++matched[s] == settings[s].size)
				return settings[s].means;
			differs = differs && matched[s] == DIFFERS;
		}
		if (differs) /* no setting can match before the next string begins, so skip to the terminator */
			at += strnlen(at, (size_t)(end - at)) - 1;
	}
	return 0;
}

static const char *strings; /* the first string of the environment on the stack; NULL if that isn't known */

/* Returns the end of the environment's strings on the stack. The name of the program's file follows these strings. */
static const char *end_of_strings(void)
{
	return (const char *)rk_auxiliary(AT_EXECFN);
}

/*
 * exec puts on the stack, from low to high addresses, first the pointers to the arguments and to the environment's strings.
 * Then come the strings, without gaps: the arguments, the environment, and the name of the program's file. The program can
 * change pointers, and glibc replaces the pointer to GLIBC_TUNABLES. But the strings stay where they are, and the stack isn't
 * unmapped. This function therefore reads a string only if it is between the pointers and the file's name.
 */
void rk_choice_see(int argc, char *const argv[], char *const environment[])
{
	uintptr_t end = (uintptr_t)end_of_strings(), at = argc > 0 ? (uintptr_t)argv[argc - 1] : 0, first;

	if (environment != argv + argc + 1 || at <= (uintptr_t)environment || at >= end)
		return;
	first = at + strnlen((const char *)at, end - at) + 1;
	if ((environment[0] != NULL ? (uintptr_t)environment[0] : end) != first)
		return; /* the program has removed or replaced the first string's pointer */
	__atomic_store_n(&strings, (const char *)first, __ATOMIC_RELAXED);
}

/* Returns the meaning of the setting in the environment; 0 if no setting is there; -1 if no descriptor is free at the moment. */
static int ask(const struct setting *settings, size_t count)
{
	char text[256] = {0}; /* a signal handler's stack can be small */
	size_t matched[SETTINGS_MAX] = {0};
	const char *known = __atomic_load_n(&strings, __ATOMIC_RELAXED);
	long fd, size, position = 0;
	int meaning = 0;

	if (rk_auxiliary(AT_SECURE) != 0)
		return 0;
	if (known != NULL)
		return find_setting(known, end_of_strings() - known, settings, count, matched);
	fd = RK_SYSCALL(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fd == -EMFILE || fd == -ENFILE ? -1 : 0;
	do {
		size = rk_kernel_read_at(fd, text, sizeof(text), position);
		position += size > 0 ? size : 0;
		if (size > 0)
			meaning = find_setting(text, size, settings, count, matched);
	} while (meaning == 0 && size > 0);
	(void)RK_SYSCALL(SYS_close, (int)fd);
	return meaning;
}

enum rk_choice rk_choice(void)
{
	int answer = ask(areas, sizeof(areas) / sizeof(areas[0]));

	return answer < 0 ? RK_CHOICE_NONE : (enum rk_choice)answer;
}

/* Returns the meaning of RSEQKIT_PERCPU, or 0. The answer is stored for later calls. */
static int percpu_mode(void)
{
	static int answer; /* 0: not asked yet; else the answer plus 1 */
	int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);

	if (known == 0) {
		known = 1 + ask(percpu_modes, sizeof(percpu_modes) / sizeof(percpu_modes[0]));
		__atomic_store_n(&answer, known, __ATOMIC_RELAXED); /* if this is still 0, the next call asks again */
	}
	return known - 1;
}

bool rk_debug_chosen(void)
{
	return percpu_mode() == 1;
}

bool rk_all_cpus_chosen(void)
{
	return percpu_mode() == 2;
}
