/* SPDX-License-Identifier: MIT */
/*
 * capture.h - reads the events of the kernel's trace from the kernel's buffers, and returns the events in the order of their
 * times. Each CPU has a buffer. `rseqkit trace` and `rseqkit top` (the tool) use these functions.
 *
 * The tool reads the binary pages of trace_pipe_raw, and not the text of trace_pipe. One read() returns a page with about 80
 * events. For text, the kernel would have to print each event, and this tool would have to parse it.
 *
 * The invariant: an event is returned only after the buffers of all CPUs were read at a later time than the event's. The events
 * of all CPUs together are therefore in the right order. If pages come faster than this tool uses them, and its 256 MiB of
 * memory are full, the order can be wrong.
 */
#ifndef RK_TOOL_TRACE_CAPTURE_H
#define RK_TOOL_TRACE_CAPTURE_H

#include "format.h"
#include "instance.h"

enum capture_kind { CAPTURE_ABORT, CAPTURE_UPDATE, CAPTURE_EXEC };

struct capture_event {
	enum capture_kind kind;
	uint64_t time; /* nanoseconds of CLOCK_MONOTONIC in the tool's time namespace */
	int cpu;
	pid_t tid;
	uint64_t ip, start, length, abort; /* CAPTURE_ABORT: the thread's instruction pointer before the abort, and the section */
	int32_t cpu_id;                    /* CAPTURE_UPDATE: the CPU number that the kernel wrote into the area */
	pid_t old_tid;                     /* CAPTURE_EXEC: the thread's id before the exec */
};

/* A page that was read from a buffer. */
struct capture_block;

/* A position in a page. */
struct capture_cursor {
	const struct capture_block *block;
	size_t at, end; /* offsets in the page: of the next event, and of the end of the last event */
	uint64_t time;  /* the time of the last event before `at` */
};

/* The pages that were read from one CPU's buffer, and the next event in them. */
struct capture_stream {
	int cpu, pipe; /* `pipe` is the descriptor of trace_pipe_raw */
	struct capture_block *first, *last;
	struct capture_cursor cursor;
	bool has_next; /* `next` is valid */
	struct capture_event next;
};

struct capture {
	struct instance instance;
	struct format_page page;
	struct format_event abort, update, exec;
	struct capture_stream *streams; /* one for each CPU */
	size_t blocks;                  /* how many pages are in memory */
	int64_t shift;                  /* this is added to the kernel's times, see proc_clock_shift() */
	uint64_t complete;              /* all events before this time have been read */
	uint64_t damaged;               /* the number of pages of which a part couldn't be understood */
	bool updates;                   /* also read the event rseq:rseq_update */
};

/*
 * Creates an instance, and enables the events. If `count` isn't 0, only the processes `pids` are traced. `buffer_kb` is the size
 * of each CPU's buffer in KiB, or 0 for the default. With `updates`, also enables the event rseq:rseq_update: the kernel writes a
 * CPU number into an area. Returns EXIT_CLEAN. If this fails, prints why and returns another exit code. Call capture_close() in
 * both cases.
 */
int capture_open(struct capture *capture, const pid_t *pids, size_t count, uint64_t buffer_kb, bool updates);
void capture_close(struct capture *capture);

/* Waits until there are events, at most `ms` milliseconds. A signal ends the wait. */
void capture_wait(const struct capture *capture, int ms);

/* Copies the pages that the kernel has now to this tool's memory. Doesn't wait. */
void capture_pump(struct capture *capture);

/* Stores the next event in *event. Returns false if there is none until capture_pump() is called again. */
bool capture_next(struct capture *capture, struct capture_event *event);

/* Is a CAPTURE_EXEC event of this process in memory, which capture_next() hasn't returned yet? */
bool capture_will_exec(const struct capture *capture, pid_t pid);

#endif /* RK_TOOL_TRACE_CAPTURE_H */
