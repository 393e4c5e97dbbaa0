/* SPDX-License-Identifier: MIT */
/*
 * tracer.h - starts, runs and ends one trace, for `rseqkit trace` and `rseqkit top`.
 *
 * The invariant: the instance that tracer_begin() creates in the kernel is removed at exit() at the latest.
 */
#ifndef RK_TOOL_TRACE_TRACER_H
#define RK_TOOL_TRACE_TRACER_H

#include "launch.h"
#include "tally.h"

struct tracer_settings {
	const pid_t *pids; /* the processes to trace */
	size_t pid_count;  /* 0: trace all processes of the machine */
	char **program;    /* the program to start, with its arguments; NULL: none */
	const char *output; /* the file that becomes the tool's own stdout; NULL: none */
	double seconds;     /* the trace ends after this time; 0: no limit */
	uint64_t buffer_kb; /* KiB of the kernel's buffer for each CPU; 0: a size that depends on the number of CPUs */
	bool updates;       /* also trace when the kernel writes a CPU number into an area */
};

/* Why the trace has ended: the program or the processes have ended, the time is over, a signal came, or output failed. */
enum tracer_end { END_NOT_YET, END_PROGRAM, END_PROCESSES, END_TIME, END_SIGNAL, END_OUTPUT };

struct tracer {
	const struct tracer_settings *settings;
	struct capture capture;
	struct tasks tasks;
	struct places places;
	struct tally tally;
	struct launch launch;
	struct instance_losses losses;
	int *ends; /* the pidfd of each of settings->pids, or -1 */
	uint64_t began, ended;
	enum tracer_end end;
	bool output_failed;
};

/* The tracer calls this function for each abort, after it has counted the abort. */
typedef void tracer_abort(struct tracer *tracer, const struct capture_event *event, uint32_t thread, uint32_t site);

/*
 * Starts the trace. Returns EXIT_CLEAN. If this fails, prints why and returns another exit code. Call tracer_forget() in both
 * cases.
 */
int tracer_begin(struct tracer *tracer, const struct tracer_settings *settings);

/*
 * Waits for events, at most `ms` milliseconds, and counts them. If the trace has ended, returns false and sets tracer->end. Calls
 * `function` for each abort, unless it is NULL.
 */
bool tracer_step(struct tracer *tracer, int ms, tracer_abort *function);

/* Stops the program and the events, and counts the events that are left. */
void tracer_finish(struct tracer *tracer, tracer_abort *function);

/* Reads how many events the kernel has lost so far, into `losses`. */
void tracer_count_losses(struct tracer *tracer);

/* Returns how long the trace has lasted. */
double tracer_seconds(const struct tracer *tracer);

/* Removes the trace from the kernel, and frees everything. */
void tracer_forget(struct tracer *tracer);

/* Adds the process of an option --pid to the list. If there is no such process, prints a message and returns false. */
bool tracer_add_pid(const char *text, pid_t **pids, size_t *count);

#endif /* RK_TOOL_TRACE_TRACER_H */
