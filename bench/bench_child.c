/* SPDX-License-Identifier: MIT */
/* bench_child.c - runs programs for benches that need fresh processes (bench_child.h). */
#define _GNU_SOURCE
#include "bench_child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VARIABLES_MAX 1024
#define PRELOAD "LD_PRELOAD="

extern char **environ;

bool bench_child_path(const char *program, char *path)
{
	char self[PATH_MAX], *slash;
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length <= 0)
		return false;
	self[length] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL || (size_t)(slash + 1 - self) + strlen(program) >= PATH_MAX)
		return false;
	strcpy(slash + 1, program);
	strcpy(path, self);
	return access(path, X_OK) == 0;
}

/*
 * Makes the environment of a child: this process's environment, but with the child's LD_PRELOAD, or without LD_PRELOAD. Returns
 * false if the environment is too large.
 */
static bool make_environment(const struct bench_child *child, char *preload, size_t size, char **variables)
{
	size_t count = 0;

	for (char **v = environ; *v != NULL; v++) {
		if (strncmp(*v, PRELOAD, strlen(PRELOAD)) == 0)
			continue;
		if (count == VARIABLES_MAX)
			return false;
		variables[count++] = *v;
	}
	if (child->preload != NULL) {
		if (snprintf(preload, size, PRELOAD "%s", child->preload) >= (int)size)
			return false;
		variables[count++] = preload;
	}
	variables[count] = NULL;
	return true;
}

/* Reads until the end of input. Returns false if there is more than fits. */
static bool read_all(int fd, char *output, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, output + length, size - 1 - length)) > 0 || (n < 0 && errno == EINTR))
		length += n > 0 ? (size_t)n : 0;
	output[length] = '\0';
	return n == 0 && length < size - 1;
}

static bool ended_well(pid_t pid)
{
	int status;
	pid_t r;

	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	return r == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/*
 * Redirects the child's standard streams. This process is the benches' worker (bench.h): its standard output is a socket to
 * rseqkit bench, and a child must not write to it.
 */
static bool direct(posix_spawn_file_actions_t *actions, const struct bench_child *child, int out)
{
	bool good = out >= 0 ? posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO) == 0 :
			       posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0;

	return good && posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
	       (!child->quiet || posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0);
}

uint64_t bench_child_run(const struct bench_child *child, char *output, size_t size)
{
	char path[PATH_MAX], preload[PATH_MAX + sizeof(PRELOAD)], *variables[VARIABLES_MAX + 2];
	char *const arguments[] = {path, (char *)child->argument, NULL};
	int ends[2] = {-1, -1};
	posix_spawn_file_actions_t actions;
	uint64_t start = 0;
	pid_t pid;
	bool good;

	if (!bench_child_path(child->program, path) || !make_environment(child, preload, sizeof(preload), variables) ||
	    posix_spawn_file_actions_init(&actions) != 0)
		return BENCH_FAILED;
	good = (output == NULL || pipe2(ends, O_CLOEXEC) == 0) && direct(&actions, child, ends[1]);
	if (good) {
		start = bench_now();
		good = posix_spawn(&pid, path, &actions, NULL, arguments, variables) == 0;
	}
	if (ends[1] >= 0)
		(void)close(ends[1]);
	if (good) {
		good = output == NULL || read_all(ends[0], output, size);
		good = ended_well(pid) && good;
	}
	start = bench_now() - start;
	if (ends[0] >= 0)
		(void)close(ends[0]);
	(void)posix_spawn_file_actions_destroy(&actions);
	return good ? start : BENCH_FAILED;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t bench_child_median(uint64_t *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), compare);
	return values[count / 2];
}
