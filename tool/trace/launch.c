/* SPDX-License-Identifier: MIT */
/* launch.c - starts and ends the traced program, see launch.h. */
#define _GNU_SOURCE
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/proc.h"
#include "tool.h"

#define GRACE_MS 1000
#define STOP_MS 2000
#define PAUSE_MS 5

static volatile sig_atomic_t noted;

bool launch_hold(struct launch *launch, char **program)
{
	int go[2] = {-1, -1}, failure[2] = {-1, -1}, error;
	char byte;

	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(failure, O_CLOEXEC) != 0 || (launch->pid = fork()) < 0) {
		complain("cannot start a process: %s", strerror(errno));
		launch->pid = 0;
		return false;
	}
	if (launch->pid == 0) {
		close(go[1]);
		close(failure[0]);
		if (read(go[0], &byte, 1) != 1)
			_exit(0); /* the tool has ended */
		execvp(program[0], program);
		error = errno;
		(void)!write(failure[1], &error, sizeof(error));
		_exit(127);
	}
	close(go[0]);
	close(failure[1]);
	launch->go = go[1];
	launch->failure = failure[0];
	return true;
}

bool launch_go(struct launch *launch, const char *name)
{
	int error = 0;
	ssize_t n = write(launch->go, "", 1);

	close(launch->go);
	launch->go = -1;
	/* A successful exec closes the pipe. */
	do
		n = n == 1 ? read(launch->failure, &error, sizeof(error)) : n;
	while (n < 0 && errno == EINTR);
	close(launch->failure);
	launch->failure = -1;
	if (n != sizeof(error))
		return true;
	complain("cannot run %s: %s", name, strerror(error));
	return false;
}

bool launch_has_ended(struct launch *launch)
{
	pid_t pid;

	if (launch->has_ended || launch->is_lost)
		return true;
	pid = waitpid(launch->pid, &launch->status, WNOHANG);
	launch->has_ended = pid == launch->pid;
	launch->is_lost = pid < 0 && !proc_lives(launch->pid);
	return launch->has_ended || launch->is_lost;
}

void launch_stop(struct launch *launch)
{
	const struct timespec pause = {0, PAUSE_MS * 1000000L};

	if (launch->pid == 0 || launch_has_ended(launch))
		return;
	if (launch->go > 0)
		close(launch->go);
	launch->go = -1;
	/* At Ctrl-C, the terminal has also sent SIGINT to the program, so it first gets GRACE_MS to end by itself. */
	for (int ms = noted == SIGINT ? 0 : GRACE_MS; ms < GRACE_MS + STOP_MS && !launch_has_ended(launch); ms += PAUSE_MS) {
		if (ms == GRACE_MS)
			launch->was_stopped = kill(launch->pid, SIGTERM) == 0;
		nanosleep(&pause, NULL);
	}
}

static void note(int signal)
{
	noted = signal;
}

static void wake(int signal)
{
	(void)signal;
}

void launch_note_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action = {.sa_handler = note}, before;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaddset(&set, signals[i]);
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
	/* SIGCHLD needs a handler, so that the program's end interrupts poll(). */
	action.sa_handler = wake;
	sigaction(SIGCHLD, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int launch_signal(void)
{
	return noted;
}
