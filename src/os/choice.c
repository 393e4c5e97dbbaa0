/* SPDX-License-Identifier: MIT */
/*
 * choice.c - reads the environment that the program was started with.
 *
 * The invariant: every copy of this library gets the same answer, at any time and in any module. So this file reads
 * /proc/self/environ: the kernel knows where exec put the strings. The libc's `environ` isn't suitable. Each namespace of
 * dlmopen has an `environ` of its own, and a preloaded allocator runs before `environ` is set. Also, other threads or the
 * interrupted code are possibly changing `environ`.
 *
 * The answers can still differ if /proc comes and goes, if the process has no free descriptor, or if the program overwrites
 * the strings, as setproctitle() does. But a choice that has taken effect is on the rendezvous page, and copies look at the
 * page first (plan.c).
 *
 * RSEQKIT_AREA=own exists because glibc's spare area has to be registered with 32 bytes, in legacy mode. The reason is that
 * glibc also registers threads in that area, with 32 bytes. An area of our own has all fields that the kernel offers. If the
 * blocks of copies are aligned to only 16 bytes (agreement.h), the blocks can't be areas. In that case RSEQKIT_AREA=own uses
 * the block of librseqkit-preload.so. That block is on the page before any other copy looks at the page.
 */
#define _GNU_SOURCE
#include "choice.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
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
static const struct setting debug_modes[] = {SETTING("RSEQKIT_PERCPU=debug", 1)};

#define SETTINGS_MAX 3

/* For each setting, `matched` has the number of characters that match so far, or DIFFERS after a difference. */
#define DIFFERS SIZE_MAX

/* Searches a part of the environment. Returns the meaning of the first setting that is complete, or 0. */
static int find_setting(const char *text, long size, const struct setting *settings, size_t count, size_t matched[])
{
	for (long i = 0; i < size; i++) {
		for (size_t s = 0; s < count; s++) {
			if (matched[s] == DIFFERS || text[i] != settings[s].text[matched[s]])
				matched[s] = text[i] == '\0' ? 0 : DIFFERS;
			else if (++matched[s] == settings[s].size)
				return settings[s].means;
		}
	}
	return 0;
}

/* Returns the meaning of the setting in the environment; 0 if no setting is there; -1 if no descriptor is free at the moment. */
static int ask(const struct setting *settings, size_t count)
{
	char text[256] = {0}; /* a signal handler's stack can be small */
	size_t matched[SETTINGS_MAX] = {0};
	long fd, size, position = 0;
	int meaning = 0;

	if (rk_auxiliary(AT_SECURE) != 0)
		return 0;
	fd = RK_SYSCALL(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fd == -EMFILE || fd == -ENFILE ? -1 : 0;
	do {
		size = rk_kernel_read_at(fd, text, sizeof(text), position);
		position += size > 0 ? size : 0;
		if (size > 0)
			meaning = find_setting(text, size, settings, count, matched);
	} while (meaning == 0 && (size > 0 || size == -EINTR));
	(void)RK_SYSCALL(SYS_close, (int)fd);
	return meaning;
}

enum rk_choice rk_choice(void)
{
	int answer = ask(areas, sizeof(areas) / sizeof(areas[0]));

	return answer < 0 ? RK_CHOICE_NONE : (enum rk_choice)answer;
}

bool rk_debug_chosen(void)
{
	static int answer; /* 0: not asked yet; else the answer plus 1 */
	int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);

	if (known == 0) {
		known = 1 + ask(debug_modes, sizeof(debug_modes) / sizeof(debug_modes[0]));
		__atomic_store_n(&answer, known, __ATOMIC_RELAXED); /* if this is still 0, the next call asks again */
	}
	return known == 2;
}
