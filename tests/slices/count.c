/* SPDX-License-Identifier: MIT */
/*
 * count.c - takes locks in one of several ways, a known number of times. So the expected report of `rseqkit exec --watch
 * --report` is known, too. A region is the code in which a thread holds at least one lock; the report counts regions.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMES 1000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_spinlock_t spin;
static const struct timespec past = {1, 0};

static void take(pthread_mutex_t *which, int times)
{
	for (int i = 0; i < times; i++)
		if (pthread_mutex_lock(which) != 0 || pthread_mutex_unlock(which) != 0)
			abort();
}

static void *in_thread(void *(*run)(void *))
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, run, NULL) != 0 || pthread_join(thread, &result) != 0)
		abort();
	return result;
}

static void locks(void)
{
	take(&mutex, TIMES);
}

static void spins(void)
{
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	for (int i = 0; i < TIMES; i++)
		if (pthread_spin_lock(&spin) != 0 || pthread_spin_trylock(&spin) == 0 || pthread_spin_unlock(&spin) != 0)
			abort();
}

static void *try_in_vain(void *arg)
{
	for (int i = 0; i < TIMES; i++)
		if (pthread_mutex_trylock(&mutex) == 0)
			abort();
	return arg;
}

static void tries(void)
{
	pthread_mutex_lock(&mutex);
	in_thread(try_in_vain);
	pthread_mutex_unlock(&mutex);
}

static void of_kind(int type, int robust, int protocol)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setrobust(&attributes, robust);
	pthread_mutexattr_setprotocol(&attributes, protocol);
	pthread_mutex_init(&second, &attributes);
}

static void robust(void)
{
	of_kind(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE);
	take(&second, TIMES);
}

static void inheriting(void)
{
	of_kind(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT);
	take(&second, TIMES);
}

static void recursive(void)
{
	of_kind(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	for (int i = 0; i < TIMES; i++) {
		pthread_mutex_lock(&second);
		take(&second, 2);
		pthread_mutex_unlock(&second);
	}
}

/* Unlocks two mutexes in the order in which they were locked. */
static void in_turn(void)
{
	for (int i = 0; i < TIMES; i++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_lock(&second);
		pthread_mutex_unlock(&mutex);
		pthread_mutex_unlock(&second);
	}
}

/* A timed lock of the mutex that this thread already holds times out. The region continues. */
static void waits_in_vain(void)
{
	for (int i = 0; i < TIMES; i++) {
		pthread_mutex_lock(&mutex);
		if (pthread_mutex_timedlock(&mutex, &past) != ETIMEDOUT)
			abort();
		pthread_mutex_unlock(&mutex);
	}
}

/* The wait for the condition unlocks the mutex, which ends a region. After the wait, the lock begins a second region. */
static void condition(void)
{
	static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

	for (int i = 0; i < TIMES; i++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_lock(&second);
		if (pthread_cond_timedwait(&never, &second, &past) != ETIMEDOUT)
			abort();
		pthread_mutex_unlock(&second);
		pthread_mutex_unlock(&mutex);
	}
}

static void *unlock_it(void *arg)
{
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void handed_over(void)
{
	pthread_mutex_lock(&mutex);
	in_thread(unlock_it);
	take(&mutex, TIMES);
}

static void initialise_anew(void)
{
	pthread_mutex_init(&second, NULL);
}

static void lock_second(void)
{
	pthread_mutex_lock(&second);
}

static void unlock_second(void)
{
	pthread_mutex_unlock(&second);
}

static void forks(void)
{
	pid_t pid;

	/* Allocators register such handlers. */
	pthread_atfork(lock_second, unlock_second, initialise_anew);
	take(&mutex, TIMES);
	pid = fork();
	if (pid == 0) {
		take(&mutex, TIMES / 2);
		exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* Overwrites the environment's strings, as setproctitle() does. */
static void writes_over(void)
{
	extern char **environ;

	for (char **at = environ; *at != NULL; at++)
		memset(*at, 'Z', strlen(*at));
	take(&mutex, TIMES);
}

/* The process exits while a request to cancel this thread is pending. */
static void cancelled(void)
{
	take(&mutex, TIMES);
	(void)pthread_cancel(pthread_self());
	exit(3);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} ways[] = {
		{"locks", locks}, {"spins", spins}, {"tries", tries}, {"robust", robust}, {"inheriting", inheriting},
		{"recursive", recursive}, {"in-turn", in_turn}, {"handed-over", handed_over}, {"forks", forks},
		{"writes-over", writes_over}, {"waits-in-vain", waits_in_vain}, {"condition", condition},
		{"cancelled", cancelled},
	};

	for (size_t i = 0; argc == 2 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(argv[1], ways[i].name) == 0) {
			ways[i].run();
			return 0;
		}
	return 2;
}
