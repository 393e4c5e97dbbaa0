/* SPDX-License-Identifier: MIT */
/*
 * stats.c - says in which mode the allocator runs: malloc_stats(), which a debugger may call, and RSEQKIT_MALLOC=stats at exit.
 *
 * For readers who can't call anything, as of a core file, the mode is a word as well: librseqkit_malloc_mode. Nothing here
 * allocates.
 */
#define _GNU_SOURCE
#include "stats.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <rseqkit/thread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "heap.h"
#include "pages.h"

#define EXPORT __attribute__((__visibility__("default")))
/* Named in no header: whoever looks for it is no program. */
EXPORT char librseqkit_malloc_mode[] = "nothing allocated";

static const char *const modes[] = {
	[HEAP_UNUSED] = "nothing allocated",
	[HEAP_CACHED] = "per-CPU caches",
	[HEAP_LIMITED] = "no caches: limit",
	[HEAP_LACKING] = "no caches: memory",
};

/* Who races for it writes the same, or what was so a moment before. */
void stats_set_mode(enum heap_mode mode)
{
	for (size_t i = 0; i < sizeof(librseqkit_malloc_mode); i++)
		if ((librseqkit_malloc_mode[i] = modes[mode][i]) == '\0')
			break;
}

static const char *explained(enum heap_mode mode)
{
	switch (mode) {
	case HEAP_LIMITED:
		return " of address space (RLIMIT_AS) below 16 GiB; each call takes a lock";
	case HEAP_LACKING:
		return " or address space for them couldn't be had; each call takes a lock";
	default:
		return "";
	}
}

static struct stat stderr_at_start;

void stats_begin(void)
{
	/* Whether that is wanted isn't known yet: there may be no environment. */
	if (fstat(STDERR_FILENO, &stderr_at_start) != 0)
		stderr_at_start.st_ino = 0;
}

/* A program that closed it may have something of its own there by now. */
static bool is_stderr_still(void)
{
	struct stat now;

	return stderr_at_start.st_ino != 0 && fstat(STDERR_FILENO, &now) == 0 && now.st_dev == stderr_at_start.st_dev &&
	       now.st_ino == stderr_at_start.st_ino;
}

/* As much as stderr takes now: it waits for no reader, and a pipe that has none ends nobody. */
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
			pid, modes[mode], explained(mode), pid, rk_owner_name(rk_thread_owner()),
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
	if (system_wants_stats() && is_stderr_still())
		malloc_stats();
}
