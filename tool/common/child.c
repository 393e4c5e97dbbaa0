/* SPDX-License-Identifier: MIT */
/*
 * child.c - runs a function in a child process with a time limit.
 *
 * When the limit is reached, the child is killed, even if it writes without end or hangs in a system call. It is also killed if
 * it has closed its end of the pipe through which it reports.
 */
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 1000 /* the tool waits at most this long for the end of a killed child */

#define LATE_MS 50

/*
 * A time limit, which is checked at intervals shorter than LATE_MS. If a check is late, other processes are using the CPUs, so
 * the child is also slow. At most LATE_MS of each interval therefore count towards the limit.
 */
struct patience {
	int64_t left_ms, asked_ms; /* the time that is left, and the time of the last check */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_over(struct patience *patience)
{
	int64_t now = now_ms(), since = now - patience->asked_ms;

	patience->asked_ms = now;
	patience->left_ms -= since < LATE_MS ? since : LATE_MS;
	return patience->left_ms <= 0;
}

static _Noreturn void become_child(child_function *function, const void *argument, int out)
{
	sigset_t none;

	/*
	 * A child's death can be its result, so a sanitizer's handler must not report the death, and the child must leave no
	 * core file.
	 */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_DUMPABLE, 0);
	/* Unblock the signals that the tool inherited as blocked, because the child can test the effect of a signal. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	_exit(function(out, argument));
}

/* Reads until the end of file. Returns false when the time is over. `fd` is nonblocking, because a filter can refuse poll(). */
static bool read_all(int fd, struct patience *patience, struct child_result *result)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	char dropped[256];

	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	for (;;) {
		size_t room = sizeof(result->output) - 1 - result->size;
		struct pollfd poller = {.fd = fd, .events = POLLIN};
		int ready = poll(&poller, 1, LATE_MS / 2);
		ssize_t n;

		if (is_over(patience))
			return false;
		if (ready == 0)
			continue;
		if (ready < 0)
			nanosleep(&pause, NULL);
		n = read(fd, room ? result->output + result->size : dropped, room ? room : sizeof(dropped));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		if (room)
			result->size += (size_t)n;
	}
	result->output[result->size] = '\0';
	return true;
}

/* Waits for the child's end. Returns what waitpid() returned, and so 0 when the time is over. */
static pid_t reap(pid_t pid, struct patience *patience, int *status)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	pid_t reaped;

	while ((reaped = waitpid(pid, status, WNOHANG)) == 0 && !is_over(patience))
		nanosleep(&pause, NULL);
	return reaped;
}

/* Stores how the child ended, which waitpid() told by `reaped` and `status`. */
static void conclude(pid_t reaped, int status, struct child_result *result)
{
	result->end = reaped < 0 ? CHILD_LOST : WIFSIGNALED(status) ? CHILD_KILLED : CHILD_EXITED;
	result->number = reaped < 0 ? errno : WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

void child_run(child_function *function, const void *argument, int limit_ms, struct child_result *result)
{
	struct patience patience = {limit_ms, now_ms()}, grace;
	int ends[2], status = 0;
	pid_t pid, reaped = 0;

	*result = (struct child_result){.end = CHILD_NOT_RUN};
	signal(SIGCHLD, SIG_DFL); /* if SIGCHLD were ignored, the exit status would be lost */
	if (pipe2(ends, O_CLOEXEC) != 0) {
		result->number = errno;
		return;
	}
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		become_child(function, argument, ends[1]);
	}
	result->number = errno;
	close(ends[1]);
	if (pid > 0) {
		if (read_all(ends[0], &patience, result))
			reaped = reap(pid, &patience, &status);
		if (reaped != 0) {
			conclude(reaped, status, result);
		} else {
			result->end = CHILD_TIMED_OUT;
			kill(pid, SIGKILL);
			/* If the child still hangs in the kernel after GRACE_MS, it isn't waited for any more. */
			grace = (struct patience){GRACE_MS, now_ms()};
			(void)reap(pid, &grace, &status);
		}
	}
	close(ends[0]);
}

int child_exec(int out, char *const *arguments)
{
	if (dup2(out, STDOUT_FILENO) < 0)
		return CHILD_NO_EXEC;
	execvp(arguments[0], arguments);
	return errno == ENOENT ? CHILD_NO_PROGRAM : CHILD_NO_EXEC;
}

bool child_succeeded(const struct child_result *result)
{
	return result->end == CHILD_EXITED && result->number == 0;
}
