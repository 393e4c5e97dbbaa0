/* SPDX-License-Identifier: MIT */
/*
 * stats.c - malloc_stats(), which prints the allocator's mode and how many bytes are in use. A debugger can call this function.
 * With RSEQKIT_MALLOC=stats in the environment the function also runs when the program exits.
 *
 * A reader of a core file can't call functions, so the mode is also in a variable (mode.c). Nothing in this file allocates.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <rseqkit/thread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "heap.h"
#include "pages.h"
#include "system.h"

#define EXPORT __attribute__((__visibility__("default")))

/* Returns the end of a sentence that begins with mode_name(): "no caches: limit" or "no caches: memory". */
static const char *explained(enum heap_mode mode)
{
	switch (mode) {
	case HEAP_LIMITED:
		return " of address space (RLIMIT_AS) too low at the start; each call takes a lock";
	case HEAP_LACKING:
		return " or address space for them couldn't be had at the start; each call takes a lock";
	default:
		return "";
	}
}

/* Waits at most 100 ms for room in stderr. If stderr is a pipe without a reader, SIGPIPE doesn't end the process. */
static void say(const char *text, size_t size)
{
	struct pollfd poller = {.fd = STDERR_FILENO, .events = POLLOUT};
	const struct timespec none = {0, 0};
	sigset_t pipe, before, pending;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	if (poll(&poller, 1, 100) != 1 || pthread_sigmask(SIG_BLOCK, &pipe, &before) != 0)
		return;
	(void)sigpending(&pending);
	if (write(STDERR_FILENO, text, size) < 0 && errno == EPIPE && sigismember(&pending, SIGPIPE) == 0)
		(void)sigtimedwait(&pipe, NULL, &none);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

EXPORT void malloc_stats(void)
{
	enum heap_mode mode = heap_mode();
	enum rk_reason reason = rk_thread_reason();
	int saved = errno, size, pid = (int)getpid();
	struct numbers now = numbers;
	size_t idle = heap_idle(), used = now.used - (idle < now.used ? idle : now.used) + now.mapped;
	char text[512];

	size = snprintf(text, sizeof(text),
			"librseqkit-malloc[%d]: %s%s\n"
			"librseqkit-malloc[%d]: rseq in this thread: %s%s%s\n"
			"librseqkit-malloc[%d]: %zu KiB in use, %zu KiB free in caches and spans, %zu KiB of chunks, %zu mappings\n",
			pid, mode_name(mode), explained(mode), pid, rk_owner_name(rk_thread_owner()),
			reason == RK_REASON_NONE ? "" : ", ", reason == RK_REASON_NONE ? "" : rk_reason_text(reason), pid,
			used / 1024, idle / 1024, now.chunks / 1024, now.mappings);
	if (size > (int)sizeof(text) - 1)
		size = (int)sizeof(text) - 1;
	if (size > 0)
		say(text, (size_t)size);
	errno = saved;
}

__attribute__((__destructor__)) static void at_exit(void)
{
	if (system_wants_stats() && system_has_same_stderr())
		malloc_stats();
}
