/* SPDX-License-Identifier: MIT */
/* kinds.c - tests threads of each kind that a program can have. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "checks.h"

#define DETACHED 10000
#define AT_ONCE 32

static int c11_thread(void *unused)
{
	note(wrong());
	return 0;
}

const char *test_this(void)
{
	return wrong();
}

const char *test_joined(void)
{
	const char *what = NULL;
	pthread_t ids[8];
	void *said;

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
			pthread_create(&ids[i], NULL, thread, NULL);
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
			pthread_join(ids[i], &said);
			what = said ? said : what;
		}
	}
	return what;
}

/*
 * Tests stacks that the program supplies. The large stack has room for TLS. The small stack has none, so TLS gets other memory.
 */
const char *test_stack(void)
{
	static _Alignas(4096) char large[65536], small[8192];
	const char *what;
	pthread_attr_t attributes;

	memset(large, 0x55, sizeof(large));
	memset(small, 0x55, sizeof(small));
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, large, sizeof(large));
	what = in_thread(&attributes, thread);
	pthread_attr_setstack(&attributes, small, sizeof(small));
	return what ? what : in_thread(&attributes, thread);
}

const char *test_scheduled(void)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
	return in_thread(&attributes, thread);
}

const char *test_c11(void)
{
	thrd_t id;

	forget();
	thrd_create(&id, c11_thread, NULL);
	thrd_join(id, NULL);
	return noted(1);
}

static sem_t slots;

static void *detached(void *unused)
{
	note(wrong_here());
	sem_post(&slots);
	return NULL;
}

const char *many_detached(int threads)
{
	pthread_attr_t attributes;
	pthread_t id;

	forget();
	sem_init(&slots, 0, AT_ONCE);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < threads; i++) {
		while (sem_wait(&slots))
			;
		while (pthread_create(&id, &attributes, detached, NULL))
			usleep(1000);
	}
	wait_for_ends();
	report.detached += threads;
	return noted(threads);
}

const char *test_detached(void)
{
	const char *divisor = getenv("TEST_DIVISOR");
	int threads = DETACHED / (divisor ? atoi(divisor) : 1);

	printf("# %d detached threads\n", threads);
	return many_detached(threads);
}

static void *detaches_itself(void *unused)
{
	pthread_detach(pthread_self());
	note(wrong());
	return NULL;
}

const char *test_detached_later(void)
{
	pthread_t id;

	forget();
	for (int i = 0; i < 100; i++)
		pthread_create(&id, NULL, detaches_itself, NULL);
	wait_for_ends();
	report.detached += 100;
	return noted(100);
}

static void cleanup(void *unused)
{
	note(wrong());
}

static void *sleeps(void *unused)
{
	pthread_cleanup_push(cleanup, NULL);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

const char *test_cancelled(void)
{
	pthread_t id;

	forget();
	for (int i = 0; i < 20; i++) {
		pthread_create(&id, NULL, sleeps, NULL);
		usleep(1000);
		if (i % 2) {
			pthread_detach(id);
			report.detached++;
		}
		pthread_cancel(id);
		if (i % 2 == 0)
			pthread_join(id, NULL);
	}
	wait_for_ends();
	/* A thread that is cancelled before it begins runs no cleanup handler, so the number of checks is unknown. */
	return noted_any();
}

static void expired(union sigval unused)
{
	note(wrong());
}

const char *test_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = expired };
	struct itimerspec soon = { .it_value.tv_nsec = 1000000 };
	timer_t timer;

	forget();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer))
		return "no timer";
	timer_settime(timer, 0, &soon, NULL);
	for (int i = 0; i < 5000 && !looked(); i++)
		usleep(1000);
	timer_delete(timer);
	wait_for_ends();
	report.detached++;
	return noted(1);
}

static _Thread_local volatile sig_atomic_t handled;

static void handler(int unused)
{
	int error = errno;

	handled = 1;
	note(wrong_here());
	errno = error;
}

static int early;

static void *is_signalled(void *unused)
{
	/* The handler ran before the thread's first statement. */
	if (handled)
		__atomic_add_fetch(&early, 1, __ATOMIC_SEQ_CST);
	while (!handled)
		sched_yield();
	return NULL;
}

const char *test_signals(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	const int threads = 500;
	pthread_t id;

	forget();
	early = 0;
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < threads; i++) {
		pthread_create(&id, NULL, is_signalled, NULL);
		pthread_kill(id, SIGUSR1);
		pthread_join(id, NULL);
	}
	printf("# %d of %d signals came before the first statement of the thread\n", early, threads);
	return noted(threads);
}
