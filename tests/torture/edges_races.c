/* SPDX-License-Identifier: MIT */
/*
 * edges_races.c - the programs of edges.c in which threads or children of fork race, while they are traced. If a tracer
 * removes a breakpoint for one thread, other threads pass this place without a trap. A child of fork inherits the code with the
 * breakpoints that it has at the moment of the fork.
 */
#define _GNU_SOURCE
#include "edges.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HELPERS = 2, RACING_CHILDREN = 200, LATE_CHILDREN = 60, BLOCKS = 100, ACTIONS = 40 };

static int racing = 1;
static pthread_t helpers[HELPERS];

static int start_helpers(void *(*function)(void *))
{
	for (int i = 0; i < HELPERS; i++)
		if (pthread_create(&helpers[i], NULL, function, NULL) != 0)
			return 0;
	return 1;
}

static void end_helpers(void)
{
	__atomic_store_n(&racing, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < HELPERS; i++)
		pthread_join(helpers[i], NULL);
}

static void change_mask(void)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigprocmask(SIG_BLOCK, &one, NULL);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
}

static void *change_masks(void *argument)
{
	while (__atomic_load_n(&racing, __ATOMIC_RELAXED))
		change_mask();
	return argument;
}

static void *count_all(void *argument)
{
	while (__atomic_load_n(&racing, __ATOMIC_RELAXED))
		count_some();
	return argument;
}

static int make_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		change_mask();
		count_some();
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static int make_racing_children(void *(*function)(void *))
{
	int right = start_helpers(function);

	for (int i = 0; i < RACING_CHILDREN && right; i++)
		right = make_child();
	end_helpers();
	return right;
}

int forks_masked(void)
{
	return make_racing_children(change_masks);
}

int forks_counting(void)
{
	return make_racing_children(count_all);
}

/* Forks until standard input ends. The children execute sections 30 ms later, when the tracer may have ended. */
int forks_forever(void)
{
	char byte;
	int right = start_helpers(count_all), children = 0, status;

	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	printf("begun\n");
	fflush(stdout);
	while (right && read(STDIN_FILENO, &byte, 1) != 0) {
		pid_t pid = children < LATE_CHILDREN ? fork() : -1;

		if (pid == 0) {
			usleep(30000);
			change_mask();
			count_some();
			_exit(0);
		}
		children += pid > 0 ? 1 : -1;
		if (pid < 0 && wait(&status) > 0)
			right = status == 0;
	}
	while (wait(&status) > 0)
		right = right && status == 0;
	end_helpers();
	return right;
}

/* Returns true if this thread blocks SIGTRAP. Reads /proc, because the tracer watches the C library's functions. */
static int shows_blocked(void)
{
	char text[4096];
	int fd = open("/proc/thread-self/status", O_RDONLY);
	ssize_t size = read(fd, text, sizeof(text) - 1);
	const char *place;

	close(fd);
	text[size > 0 ? size : 0] = '\0';
	place = strstr(text, "SigBlk:");
	return place != NULL && (strtoull(place + 7, NULL, 16) >> (SIGTRAP - 1) & 1) != 0;
}

/* One thread blocks SIGTRAP and unblocks it again, while other threads change their masks. */
int masks_race(void)
{
	int right = start_helpers(change_masks);
	sigset_t trap;

	sigemptyset(&trap);
	sigaddset(&trap, SIGTRAP);
	for (int i = 0; i < BLOCKS && right; i++) {
		sigprocmask(SIG_BLOCK, &trap, NULL);
		count_some();
		right = shows_blocked();
		sigprocmask(SIG_UNBLOCK, &trap, NULL);
		count_some();
		right = right && !shows_blocked();
	}
	end_helpers();
	return right;
}

static void note_usr1(int signal)
{
	(void)signal;
}

static void *change_actions(void *argument)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = note_usr1;
	while (__atomic_load_n(&racing, __ATOMIC_RELAXED))
		sigaction(SIGUSR1, &action, NULL);
	return argument;
}

static int ignores_in_race(void)
{
	struct sigaction action;

	if (!start_helpers(change_actions))
		return 0;
	usleep(500);
	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_IGN;
	sigaction(SIGTRAP, &action, NULL);
	for (int i = 0; i < 30; i++)
		count_some();
	raise(SIGTRAP);
	return 1;
}

/* Processes ignore SIGTRAP, while their other threads change the action of SIGUSR1. */
int actions_race(void)
{
	int right = counts(), status;

	for (int i = 0; i < ACTIONS && right; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(!ignores_in_race());
		right = waitpid(pid, &status, 0) == pid && status == 0;
	}
	return right;
}

/* Processes are killed while their threads hit breakpoints. */
int is_killed(void)
{
	int right = counts(), status;

	for (int i = 0; i < ACTIONS && right; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)start_helpers(count_all);
			usleep(1000 * (useconds_t)(i % 7));
			kill(getpid(), SIGKILL);
		}
		right = waitpid(pid, &status, 0) == pid && status == SIGKILL;
	}
	return right;
}

static volatile sig_atomic_t ends;

static void note_end(int signal)
{
	(void)signal;
	ends++;
}

/* Counts the signals SIGTERM and SIGHUP until standard input ends. The sum must be 2. */
int ends_twice(void)
{
	char byte;

	signal(SIGTERM, note_end);
	signal(SIGHUP, note_end);
	printf("begun\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) != 0)
		continue;
	return ends == 2 && counts();
}
