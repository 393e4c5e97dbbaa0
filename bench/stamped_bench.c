/* SPDX-License-Identifier: MIT */
/* stamped_bench.c - the rings of the bench `stamped`, and the process with lttng-ust (stamped_bench.h). */
#define _GNU_SOURCE
#include "stamped_bench.h"

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_child.h"

#define DAEMON "rseqkit-bench-lttng"
#define TRACED "rseqkit-bench-lttng-traced"
/*
 * The longest wait for an answer of the process with lttng-ust. `rseqkit bench` waits longer for an answer of the worker
 * (bench.h), which runs this code.
 */
#define SILENCE_MAX_MS 25000

struct rk_ring *bench_stamped_ring, *bench_unordered_ring;

extern char **environ;

/* The process that writes events by lttng-ust. */
static struct {
	bool tried, checked;
	int fd; /* the socket to the process's standard input and output */
	char why[160]; /* why the process doesn't run; empty if it runs */
} traced;

int bench_stamped_create(void)
{
	static const struct rk_ring_options options = {.size = 65536, .flags = RK_RING_OVERWRITE};
	static const struct rk_ring_options unordered = {.size = 65536, .flags = RK_RING_OVERWRITE | RK_RING_UNORDERED};
	int r = rk_ring_create(&bench_stamped_ring, &options, sizeof(options));

	return r == 0 ? rk_ring_create(&bench_unordered_ring, &unordered, sizeof(unordered)) : r;
}

/* Reads a CPU's records, and returns their number. Sets *whole to false if a record is wrong, or if stamps aren't in order. */
static uint64_t read_ring(struct rk_ring *ring, int cpu, bool *whole)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;
	uint64_t count = 0, last = 1, number;

	if (rk_ring_open(ring, cpu, &reader, sizeof(reader)) < 0)
		return 0;
	for (; rk_ring_next(&reader, &record); count++) {
		memcpy(&number, record.data, sizeof(number));
		*whole &= record.length == sizeof(number) && number >> 32 == BENCH_STAMPED_MARK && record.time >= last;
		last = ring == bench_stamped_ring ? record.time : 1;
	}
	rk_ring_close(&reader);
	return count;
}

static bool settle(struct rk_ring *ring)
{
	bool whole = true;
	uint64_t count = 0;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		count += read_ring(ring, cpu, &whole);
	return whole && count > 0;
}

bool bench_settle_stamped(void)
{
	return settle(bench_stamped_ring);
}

bool bench_settle_unordered(void)
{
	return settle(bench_unordered_ring);
}

/* Reads one line, without its newline. Returns false at the end of input, or if no line comes in time. */
static bool read_line(char *line, size_t size)
{
	struct pollfd poller = {.fd = traced.fd, .events = POLLIN};
	size_t length = 0;

	while (length + 1 < size && poll(&poller, 1, SILENCE_MAX_MS) > 0 && read(traced.fd, line + length, 1) == 1) {
		if (line[length] == '\n') {
			line[length] = '\0';
			return true;
		}
		length++;
	}
	line[length] = '\0';
	return false;
}

static bool ask(const char *request, char *answer, size_t size)
{
	return send(traced.fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request) && read_line(answer, size);
}

static int spawn(int fd, const char *path, char *argument)
{
	char *const arguments[] = {(char *)DAEMON, argument, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int error = posix_spawn_file_actions_init(&actions);

	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	return error == 0 ? posix_spawn(&pid, path, &actions, NULL, arguments, environ) : error;
}

static void start(void)
{
	static const char unavailable[] = "unavailable ";
	char path[PATH_MAX], program[PATH_MAX], line[sizeof(traced.why)];
	int ends[2], error;

	if (!bench_child_path(DAEMON, path) || !bench_child_path(TRACED, program)) {
		snprintf(traced.why, sizeof(traced.why), "built without lttng-ust (liblttng-ust-dev)");
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		snprintf(traced.why, sizeof(traced.why), "cannot make a socket pair: %s", strerror(errno));
		return;
	}
	traced.fd = ends[0];
	error = spawn(ends[1], path, program);
	(void)close(ends[1]);
	if (error != 0)
		snprintf(traced.why, sizeof(traced.why), "cannot run %s: %s", DAEMON, strerror(error));
	else if (!read_line(line, sizeof(line)))
		snprintf(traced.why, sizeof(traced.why), "lttng's daemon, or the process that writes events, doesn't start");
	else if (strncmp(line, unavailable, strlen(unavailable)) == 0)
		snprintf(traced.why, sizeof(traced.why), "%s", line + strlen(unavailable));
	if (traced.why[0] != '\0')
		(void)close(traced.fd);
}

const char *bench_stamped_lttng_why(void)
{
	if (!traced.tried)
		start();
	traced.tried = true;
	return traced.why[0] != '\0' ? traced.why : NULL;
}

uint64_t bench_stamped_lttng(uint64_t n)
{
	char request[32], answer[64];
	unsigned long long ns;

	snprintf(request, sizeof(request), "%llu\n", (unsigned long long)n);
	return ask(request, answer, sizeof(answer)) && sscanf(answer, "%llu", &ns) == 1 && ns > 0 ? ns : BENCH_FAILED;
}

bool bench_settle_stamped_lttng(void)
{
	char answer[128] = "it has ended";

	if (!traced.checked && (!ask("check\n", answer, sizeof(answer)) || strcmp(answer, "good") != 0)) {
		fprintf(stderr, "rseqkit bench: stamped lttng-ust: %s\n", answer);
		return false;
	}
	traced.checked = true;
	return true;
}
