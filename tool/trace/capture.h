/* SPDX-License-Identifier: MIT */
/*
 * capture.h - takes events from the kernel's buffers, and hands them out in the order of their times.
 *
 * This file reads the binary pages of trace_pipe_raw, and not the text of trace_pipe. One call reads a page with the exact
 * numbers of about 80 events. For text, the kernel would have to print each event, and this tool to parse it.
 *
 * The invariant: an event is handed out only after all CPUs' buffers were read at a later time than the event's. So the order
 * of events is right for all CPUs together. It is possibly wrong while pages come faster than this tool uses them, and its 256
 * MiB of memory are full.
 */
#ifndef RK_TOOL_TRACE_CAPTURE_H
#define RK_TOOL_TRACE_CAPTURE_H

#include "format.h"
#include "instance.h"

enum capture_kind { CAPTURE_ABORT, CAPTURE_UPDATE, CAPTURE_EXEC };

struct capture_event {
	enum capture_kind kind;
	uint64_t time; /* nanoseconds of CLOCK_MONOTONIC */
	int cpu;
	pid_t tid;
	uint64_t ip, start, length, abort; /* CAPTURE_ABORT */
	int32_t cpu_id;                    /* CAPTURE_UPDATE: the number that the kernel wrote */
	pid_t old_tid;                     /* CAPTURE_EXEC: the thread's id before */
};

struct capture_block;

/* Reads one page. */
struct capture_cursor {
	const struct capture_block *block;
	size_t at, end; /* the next event's place in the page, and the end of the events */
	uint64_t time;  /* of the last event that was read */
};

struct capture_stream {
	int cpu, pipe;
	struct capture_block *first, *last;
	struct capture_cursor cursor;
	bool has_next;
	struct capture_event next;
};

struct capture {
	struct instance instance;
	struct format_page page;
	struct format_event abort, update, exec;
	struct capture_stream *streams; /* one for each CPU */
	size_t blocks;                  /* pages in memory */
	uint64_t complete;              /* all events before this time have been read */
	uint64_t damaged;               /* pages of which a part couldn't be understood */
	bool updates;
};

/*
 * Creates an instance, and enables the events. If `count` isn't 0, only events of these processes are traced. `buffer_kb` is
 * the size of each CPU's buffer, or 0 for the default. With `updates`, also enables the event of the kernel's writes of CPU
 * numbers. Returns EXIT_CLEAN. If that fails, prints why and returns another exit code. Call capture_close() in both cases.
 */
int capture_open(struct capture *capture, const pid_t *pids, size_t count, uint64_t buffer_kb, bool updates);
void capture_close(struct capture *capture);

/* Waits until there are events, at most `ms` milliseconds. A signal ends the wait. */
void capture_wait(const struct capture *capture, int ms);

/* Reads the events that the kernel has now into this tool's memory, without waiting. */
void capture_pump(struct capture *capture);

/* Hands out the next event. Returns false if there is none until the next capture_pump(). */
bool capture_next(struct capture *capture, struct capture_event *event);

/* Is an event in memory, not handed out yet, which says that the process has executed another program? */
bool capture_will_exec(const struct capture *capture, pid_t pid);

#endif /* RK_TOOL_TRACE_CAPTURE_H */
