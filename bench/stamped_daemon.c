/* SPDX-License-Identifier: MIT */
/*
 * stamped_daemon.c - starts a session daemon of LTTng that belongs to the bench `stamped` alone, and then becomes the traced
 * process, which writes events by lttng-ust.
 *
 * usage: stamped_daemon TRACED    executes the program TRACED, stamped_traced.c; if it can't, prints "unavailable WHY"
 *
 * The daemon and the traced process run in a PID namespace, of which the traced process is the first process. When the traced
 * process ends, in whichever way, the kernel therefore ends the daemon, too. The traced process ends when its input ends. The
 * input is a socket from the bench's worker (bench.h), so the traced process ends at the latest when the worker ends. All files
 * are in a tmpfs of their own mount namespace, at /dev/shm: the daemon's LTTNG_HOME, its sockets, and the buffers. Therefore
 * nothing has to be removed, and other daemons of LTTng aren't touched.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOME "/dev/shm/home"
#define USER 1000 /* the user's id in the namespace. It isn't root's, because for root LTTng would use /var/run/lttng */

extern char **environ;

static bool refuse(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

static bool refuse(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("unavailable ", stdout);
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
	(void)fflush(stdout);
	return false;
}

/* Writes a text to a file of /proc/self. */
static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		(void)close(fd);
	return good;
}

static bool enter_namespaces(void)
{
	unsigned user = geteuid(), group = getegid();
	char users[64], groups[64];

	snprintf(users, sizeof(users), "%d %u 1", USER, user);
	snprintf(groups, sizeof(groups), "%d %u 1", USER, group);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) != 0)
		return refuse("lttng's daemon needs namespaces of its own: %s", strerror(errno));
	if (!put("/proc/self/uid_map", users) || !put("/proc/self/setgroups", "deny") || !put("/proc/self/gid_map", groups))
		return refuse("cannot map the user for lttng's daemon: %s", strerror(errno));
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0777") != 0)
		return refuse("cannot mount a tmpfs for lttng's daemon: %s", strerror(errno));
	if (mkdir(HOME, 0700) != 0 || setenv("LTTNG_HOME", HOME, 1) != 0 || setenv("HOME", HOME, 1) != 0 ||
	    setenv("TMPDIR", HOME, 1) != 0)
		return refuse("cannot make " HOME ": %s", strerror(errno));
	return true;
}

/* Runs a command of LTTng, whose output isn't shown, and waits until it ends. */
static bool run(const char *command)
{
	char copy[256], *words[16], *rest = copy, *word;
	posix_spawn_file_actions_t actions;
	int count = 0, status = 0, error;
	pid_t pid;

	snprintf(copy, sizeof(copy), "%s", command);
	while ((word = strsep(&rest, " ")) != NULL && count < 15)
		words[count++] = word;
	words[count] = NULL;
	error = posix_spawn_file_actions_init(&actions);
	if (error == 0)
		error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (error == 0)
		error = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (error == 0)
		error = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (error == 0)
		error = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
	if (error == ENOENT)
		return refuse("%s isn't installed (Debian's package: lttng-tools)", words[0]);
	if (error != 0)
		return refuse("cannot run %s: %s", words[0], strerror(error));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return (WIFEXITED(status) && WEXITSTATUS(status) == 0) || refuse("this command fails: %s", command);
}

/* A snapshot session never reads its buffers, and overwrites the oldest events. */
static bool start_session(void)
{
	return run("lttng-sessiond --no-kernel --daemonize") &&
	       run("lttng create rseqkit-bench --snapshot --output=" HOME "/out") &&
	       run("lttng enable-channel --userspace --overwrite --subbuf-size=16384 --num-subbuf=4 channel") &&
	       run("lttng enable-event --userspace --channel=channel rseqkit_bench:field") && run("lttng start");
}

/* The first process of the PID namespace. */
static void become_traced(char *program)
{
	char *const arguments[] = {program, NULL};

	if (!start_session())
		return;
	execv(program, arguments);
	(void)refuse("cannot run %s: %s", program, strerror(errno));
}

int main(int argc, char **argv)
{
	int status = 0;
	pid_t pid;

	if (argc != 2) {
		fprintf(stderr, "usage: rseqkit-bench-lttng TRACED\n");
		return 2;
	}
	if (!enter_namespaces())
		return 1;
	pid = fork();
	if (pid == 0) {
		become_traced(argv[1]);
		_exit(1);
	}
	if (pid < 0)
		return !refuse("cannot start a process for lttng's daemon: %s", strerror(errno));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
