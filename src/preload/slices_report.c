/* SPDX-License-Identifier: MIT */
/*
 * slices_report.c - counts how often a program's threads were preempted while they held locks; see slices_report.h. The
 * counters are per CPU, so that counting hardly slows the program down. When a process that took a lock exits, this file
 * appends its counts to a file, as a line of JSON.
 */
#define _GNU_SOURCE
#include "slices_report.h"

#include <rseqkit/counter.h>
#include <rseqkit/slice.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "slice/marker.h"

static const char *const names[] = {"regions", "preempted", "unknown", "granted", "waits", "conditions"};
static struct rk_counter *tallies[RK_TALLIES];
static bool is_counting, is_watch;
static uint64_t marker;       /* a descriptor that shows a preemption (slice/marker.h); 0 if there is no rseq */
static char report[PATH_MAX]; /* a copy of the path, because programs can overwrite their environment */

void rk_report_start(bool watches_only)
{
	const char *path = secure_getenv("RSEQKIT_SLICES_REPORT");

	if (path == NULL || path[0] == '\0' || strlen(path) >= sizeof(report))
		return;
	memcpy(report, path, strlen(path) + 1);
	for (int i = 0; i < RK_TALLIES; i++)
		if (rk_counter_create(&tallies[i]) != 0)
			return;
	is_watch = watches_only;
	is_counting = true;
	marker = rk_marker_find(tallies[RK_TALLY_REGIONS]);
}

void rk_report_start_in_child(void)
{
	for (int i = 0; i < RK_TALLIES && is_counting; i++)
		(void)rk_counter_reset(tallies[i]);
}

static bool marks(void)
{
	return marker != 0 && rk_thread_area() != NULL;
}

static enum rk_marked marked(void)
{
	return marks() ? rk_marker_look(marker) : RK_MARKED_UNKNOWN;
}

static void count(enum rk_tally what)
{
	if (is_counting)
		rk_counter_add(tallies[what], 1);
}

/* An add to a counter is a critical section, which overwrites the marker. So this function stores the earlier marker again. */
void rk_report_count(enum rk_tally what)
{
	enum rk_marked before = marked();

	count(what);
	if (before != RK_MARKED_UNKNOWN)
		rk_marker_set(before == RK_MARKED_STILL ? marker : 0);
}

void rk_report_mark(void)
{
	if (marks())
		rk_marker_set(marker);
}

void rk_report_region(bool granted)
{
	enum rk_marked before = marked();

	count(RK_TALLY_REGIONS);
	if (granted)
		count(RK_TALLY_GRANTED);
	if (before != RK_MARKED_STILL)
		count(before == RK_MARKED_NO_MORE ? RK_TALLY_PREEMPTED : RK_TALLY_UNKNOWN);
}

/* Appends to the text in a buffer of `size` bytes. Text that doesn't fit is dropped. */
static void __attribute__((__format__(__printf__, 3, 4))) add_text(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text + used, size - used, format, list);
	va_end(list);
}

/*
 * Writes a line. Meanwhile, blocks two signals that would end the program. The kernel sends SIGXFSZ if the file would exceed
 * the limit for file sizes, and SIGPIPE if the file is a pipe without a reader.
 */
static void write_quietly(int fd, const char *line)
{
	static const struct timespec now;
	sigset_t told, before, pending;

	(void)sigemptyset(&told);
	(void)sigaddset(&told, SIGXFSZ);
	(void)sigaddset(&told, SIGPIPE);
	(void)sigpending(&pending);
	(void)pthread_sigmask(SIG_BLOCK, &told, &before);
	if (write(fd, line, strlen(line)) < 0 && (errno == EFBIG || errno == EPIPE) &&
	    !sigismember(&pending, errno == EPIPE ? SIGPIPE : SIGXFSZ))
		(void)sigtimedwait(&told, NULL, &now);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Makes one write, so that lines of several processes don't mix. The process never waits for the reader of a pipe. */
__attribute__((__destructor__)) static void write_report(void)
{
	char line[1024] = "", name[256];
	int fd, cancelling;

	if (!is_counting || rk_counter_sum(tallies[RK_TALLY_REGIONS]) == 0)
		return;
	/*
	 * Turns cancellation off. Otherwise a request to cancel this thread, which is ending the process, would take effect
	 * here and change the exit status.
	 */
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
	(void)rk_slice_enable(); /* needed if this thread never took a lock */
	(void)snprintf(name, sizeof(name), "%s", program_invocation_short_name);
	for (char *at = name; *at != '\0'; at++)
		if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\')
			*at = '?';
	add_text(line, sizeof(line), "{\"pid\": %d, \"program\": \"%s\", \"requests\": \"%s\"", (int)getpid(), name,
	       is_watch ? "not made" : rk_slice_reason_text(rk_slice_thread_reason()));
	for (int i = 0; i < RK_TALLIES; i++)
		add_text(line, sizeof(line), ", \"%s\": %lld", names[i], (long long)rk_counter_sum(tallies[i]));
	add_text(line, sizeof(line), "}\n");
	fd = open(report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
	if (fd < 0)
		return;
	write_quietly(fd, line);
	close(fd);
}
