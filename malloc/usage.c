/* SPDX-License-Identifier: MIT */
/*
 * usage.c - malloc_stats(), malloc_info() and mallinfo2(), which report how much memory is in use. The first two also report the
 * allocator's mode: whether it uses per-CPU caches, and if not, why.
 * A debugger can call malloc_stats(), and so can a signal handler. With RSEQKIT_MALLOC=stats in the environment,
 * malloc_stats() also runs when the program exits.
 *
 * A reader of a core file can't call functions, so the mode is also in a variable (heap.c). Only malloc_info() allocates,
 * because it calls stdio.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <rseqkit/thread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "heap.h"
#include "pages.h"
#include "system.h"

#define EXPORT __attribute__((__visibility__("default")))

/*
 * Writes a text to stderr. Waits at most 100 ms until stderr can take it. If stderr is a pipe without a reader, SIGPIPE
 * doesn't end the process.
 */
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

/*
 * Returns the figures of pages.h, and stores in *used and *idle how many bytes of chunks are used and free. Other threads
 * change the figures meanwhile, so the results can be inconsistent.
 */
static struct numbers count_now(size_t *used, size_t *idle)
{
	struct numbers now = numbers;
	size_t objects = heap_idle();

	*used = now.used - (objects < now.used ? objects : now.used);
	*idle = now.chunks > *used ? now.chunks - *used : 0;
	return now;
}

#if __GLIBC_PREREQ(2, 33)
EXPORT struct mallinfo2 mallinfo2(void)
{
	size_t used, idle;
	struct numbers now = count_now(&used, &idle);

	return (struct mallinfo2){.arena = now.chunks, .hblks = now.mappings, .hblkhd = now.mapped,
				  .uordblks = used, .fordblks = idle, .keepcost = now.dirty};
}
#endif

/*
 * Replaces the libc's malloc_info(), which reports nothing about a preloaded allocator. Writes the same elements, and an
 * element `mode`.
 */
EXPORT int malloc_info(int options, FILE *file)
{
	size_t used, idle, objects;
	struct numbers now = count_now(&used, &idle);

	if (options != 0)
		return EINVAL;
	(void)fprintf(file, "<malloc version=\"1\">\n<heap nr=\"0\">\n<mode text=\"%s\"/>\n<sizes>\n", librseqkit_malloc_mode);
	for (unsigned i = 1; i < CLASSES; i++)
		if ((objects = heap_free_objects(i)) > 0)
			(void)fprintf(file, "  <size from=\"%u\" to=\"%u\" total=\"%zu\" count=\"%zu\"/>\n",
				      size_classes[i - 1].size + 1, size_classes[i].size, objects * size_classes[i].size,
				      objects);
	(void)fprintf(file, "</sizes>\n<total type=\"rest\" size=\"%zu\"/>\n<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n",
		      idle, now.mappings, now.mapped);
	(void)fprintf(file, "<system type=\"current\" size=\"%zu\"/>\n</heap>\n</malloc>\n", now.chunks + now.mapped);
	return 0;
}

/* Writes the text and the number to `at`. Returns the end of what it wrote. */
static char *put(char *at, const char *text, size_t number)
{
	char digits[24], *first = digits + sizeof(digits) - 1;

	at = stpcpy(at, text);
	*first = '\0';
	do
		*--first = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	return stpcpy(at, first);
}

/* Async-signal-safe: in a handler that interrupted the allocator, malloc_stats() counts free objects in spans as used. */
EXPORT void malloc_stats(void)
{
	enum rk_reason reason = rk_thread_reason();
	int saved = errno;
	size_t used, idle, pid = (size_t)getpid();
	struct numbers now = count_now(&used, &idle);
	char text[1024], *at = put(text, "librseqkit-malloc[", pid);

	at = stpcpy(stpcpy(at, "]: "), librseqkit_malloc_mode);
	at = stpcpy(put(at, "\nlibrseqkit-malloc[", pid), "]: rseq in this thread: ");
	at = stpcpy(at, rk_owner_name(rk_thread_owner()));
	if (reason != RK_REASON_NONE)
		at = stpcpy(stpcpy(at, ", "), rk_reason_text(reason));
	at = put(put(at, "\nlibrseqkit-malloc[", pid), "]: ", (used + now.mapped) / 1024);
	at = put(at, " KiB in use, ", (now.used - used) / 1024);
	at = put(at, " KiB free in caches and spans, ", now.chunks / 1024);
	at = stpcpy(put(at, " KiB of chunks, ", now.mappings), " mappings\n");
	say(text, (size_t)(at - text));
	errno = saved;
}

__attribute__((__destructor__)) static void at_exit(void)
{
	if (system_wants(STATS) && system_has_same_stderr())
		malloc_stats();
}
