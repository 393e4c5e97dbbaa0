/* SPDX-License-Identifier: MIT */
/* tracer.c - starts, runs and ends a trace, see tracer.h. */
#define _GNU_SOURCE
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/options.h"
#include "common/proc.h"
#include "tool.h"

#define AT_ONCE 65536    /* after this many events, the tool looks at signals and at the kernel's buffers again */
#define PAUSE_NS 1000000 /* the tool pauses this long before a read, so that the read gets more than one event */

static struct tracer *active;

static void remove_active(void)
{
	if (active == NULL)
		return;
	places_forget(&active->places); /* also ends the child processes of naming.c */
	capture_close(&active->capture);
	active = NULL;
}

bool tracer_add_pid(const char *text, pid_t **pids, size_t *count)
{
	uint64_t number;
	pid_t pid;

	if (!option_number("--pid", text, 1, INT_MAX, &number))
		return false;
	if (!proc_process((pid_t)number, &pid)) {
		complain("there is no process %s", text);
		return false;
	}
	*pids = (pid_t *)keys_grow(*pids, *count, sizeof(**pids));
	(*pids)[(*count)++] = pid;
	return true;
}

/* Raises the limit of open files, because each file that a traced process has mapped needs a descriptor. */
static void want_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Makes the file of --output the tool's stdout. */
static bool redirect(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666), error = errno;

	if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0) {
		close(fd);
		return true;
	}
	complain("cannot write %s: %s", path, strerror(error));
	return false;
}

static bool pump_meanwhile(void *argument)
{
	capture_pump((struct capture *)argument);
	return launch_signal() == 0;
}

static bool watch_ends(struct tracer *tracer)
{
	const struct tracer_settings *settings = tracer->settings;

	tracer->ends = (int *)calloc(settings->pid_count + 1, sizeof(int));
	if (tracer->ends == NULL) {
		complain("out of memory");
		return false;
	}
	for (size_t i = 0; i < settings->pid_count; i++) {
		tracer->ends[i] = -1;
#ifdef SYS_pidfd_open
		tracer->ends[i] = (int)syscall(SYS_pidfd_open, settings->pids[i], 0);
#endif
	}
	return true;
}

static int begin(struct tracer *tracer)
{
	const struct tracer_settings *settings = tracer->settings;
	const pid_t *pids = settings->program != NULL ? &tracer->launch.pid : settings->pids;
	int status;

	launch_note_signals();
	if ((settings->output != NULL && !redirect(settings->output)) || !watch_ends(tracer))
		return EXIT_USAGE;
	want_files();
	if (active == NULL)
		atexit(remove_active);
	active = tracer;
	status = capture_open(&tracer->capture, pids, settings->program != NULL ? 1 : settings->pid_count,
			      settings->buffer_kb, settings->updates);
	tracer->began = proc_now();
	if (status == EXIT_CLEAN && settings->program != NULL && !launch_go(&tracer->launch, settings->program[0]))
		status = EXIT_USAGE;
	return status;
}

int tracer_begin(struct tracer *tracer, const struct tracer_settings *settings)
{
	memset(tracer, 0, sizeof(*tracer));
	tracer->settings = settings;
	tracer->tasks.places = &tracer->places;
	tracer->tasks.capture = &tracer->capture;
	tracer->places.meanwhile = pump_meanwhile;
	tracer->places.argument = &tracer->capture;
	tracer->capture.instance.folder = tracer->capture.instance.held = tracer->capture.instance.instances = -1;
	if (settings->program != NULL && !launch_hold(&tracer->launch, settings->program))
		return EXIT_USAGE;
	return begin(tracer);
}

static void handle(struct tracer *tracer, const struct capture_event *event, tracer_abort *function)
{
	uint32_t thread, site;

	if (event->kind == CAPTURE_EXEC) {
		tasks_exec(&tracer->tasks, event);
		return;
	}
	thread = tasks_thread(&tracer->tasks, event->tid);
	if (event->kind == CAPTURE_UPDATE) {
		tally_add_update(&tracer->tally, thread, event->cpu_id);
		return;
	}
	site = tasks_site(&tracer->tasks, thread, event);
	tally_add(&tracer->tally, thread, event->cpu, site);
	if (function != NULL)
		function(tracer, event, thread, site);
}

static bool have_ended(const struct tracer *tracer)
{
	const struct tracer_settings *settings = tracer->settings;

	for (size_t i = 0; i < settings->pid_count; i++) {
		struct pollfd poller = {.fd = tracer->ends[i], .events = POLLIN};
		int ready = poller.fd >= 0 ? poll(&poller, 1, 0) : -1;

		/* Without a pidfd, and if a filter refuses poll(), the id must do. */
		if (ready < 0 ? kill(settings->pids[i], 0) == 0 || errno != ESRCH : ready == 0)
			return false;
	}
	return settings->pid_count > 0;
}

static enum tracer_end find_end(struct tracer *tracer)
{
	const struct tracer_settings *settings = tracer->settings;

	if (tracer->output_failed)
		return END_OUTPUT;
	if (launch_signal() != 0)
		return END_SIGNAL;
	if (tracer->launch.pid != 0 && launch_has_ended(&tracer->launch))
		return END_PROGRAM;
	if (have_ended(tracer))
		return END_PROCESSES;
	if (settings->seconds > 0 && tracer_seconds(tracer) >= settings->seconds)
		return END_TIME;
	return END_NOT_YET;
}

/* Counts at most AT_ONCE events. Returns false if more events are left. */
static bool count_events(struct tracer *tracer, tracer_abort *function)
{
	struct capture_event event;

	for (int i = 0; i < AT_ONCE; i++) {
		if (!capture_next(&tracer->capture, &event))
			return true;
		handle(tracer, &event, function);
	}
	return false;
}

bool tracer_step(struct tracer *tracer, int ms, tracer_abort *function)
{
	const struct timespec pause = {0, PAUSE_NS};

	tracer->end = find_end(tracer);
	if (tracer->end != END_NOT_YET)
		return false;
	if (tracer->settings->seconds > 0) {
		double left = (tracer->settings->seconds - tracer_seconds(tracer)) * 1000;

		ms = left < ms ? (int)left + 1 : ms;
	}
	capture_wait(&tracer->capture, ms);
	nanosleep(&pause, NULL);
	capture_pump(&tracer->capture);
	(void)count_events(tracer, function);
	return true;
}

void tracer_finish(struct tracer *tracer, tracer_abort *function)
{
	tracer->ended = proc_now();
	launch_stop(&tracer->launch);
	instance_stop(&tracer->capture.instance);
	do
		capture_pump(&tracer->capture);
	while (!count_events(tracer, function) && !tracer->output_failed);
	tracer_count_losses(tracer);
}

void tracer_count_losses(struct tracer *tracer)
{
	instance_losses(&tracer->capture.instance, &tracer->losses);
}

double tracer_seconds(const struct tracer *tracer)
{
	return (double)((tracer->ended != 0 ? tracer->ended : proc_now()) - tracer->began) / 1e9;
}

void tracer_forget(struct tracer *tracer)
{
	launch_stop(&tracer->launch);
	places_forget(&tracer->places);
	if (active == tracer) {
		capture_close(&tracer->capture);
		active = NULL;
	}
	tasks_forget(&tracer->tasks);
	tally_forget(&tracer->tally);
	for (size_t i = 0; tracer->ends != NULL && i < tracer->settings->pid_count; i++)
		if (tracer->ends[i] >= 0)
			close(tracer->ends[i]);
	free(tracer->ends);
	tracer->ends = NULL;
}
