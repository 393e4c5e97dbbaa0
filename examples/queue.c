/* SPDX-License-Identifier: MIT */
/*
 * queue.c - a queue of jobs: some threads put jobs into the queue, and other threads take jobs out. One mutex protects the queue.
 *
 * The mutex asks the kernel not to preempt its holder. A program can ask for the same with a lock of its own: this example does
 * so with a spin lock. The time in which a thread asks is called a region (rseqkit/slice.h).
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <rseqkit.h>

#define PRODUCERS 2
#define CONSUMERS 2
#define JOBS 100000 /* the number of jobs that each producer puts into the queue */
#define ROOM 64

/* Invariant: the queue has the jobs with the numbers from `first` to `last` - 1. Both members only grow. */
static struct {
	struct rk_mutex mutex;
	struct rk_condition more, less; /* `more`: a job was put. `less`: a job was taken */
	unsigned long first, last;
	int jobs[ROOM];
	int producers; /* the number of producers that haven't ended */
} queue = {.mutex = RK_MUTEX_INIT, .more = RK_CONDITION_INIT, .less = RK_CONDITION_INIT, .producers = PRODUCERS};

static void put(int job)
{
	rk_mutex_lock(&queue.mutex);
	while (queue.last - queue.first == ROOM)
		rk_condition_wait(&queue.less, &queue.mutex);
	queue.jobs[queue.last++ % ROOM] = job;
	rk_mutex_unlock(&queue.mutex);
	rk_condition_signal(&queue.more); /* after the mutex's region, because this function can make a system call */
}

static bool take(int *job)
{
	bool is_job;

	rk_mutex_lock(&queue.mutex);
	while (queue.first == queue.last && queue.producers > 0)
		rk_condition_wait(&queue.more, &queue.mutex);
	is_job = queue.first != queue.last;
	if (is_job)
		*job = queue.jobs[queue.first++ % ROOM];
	rk_mutex_unlock(&queue.mutex);
	if (is_job)
		rk_condition_signal(&queue.less);
	return is_job;
}

static void *produce(void *arg)
{
	for (int i = 1; i <= JOBS; i++)
		put(i);
	rk_mutex_lock(&queue.mutex);
	queue.producers--;
	rk_mutex_unlock(&queue.mutex);
	rk_condition_broadcast(&queue.more);
	return arg;
}

/* A region works with any lock: it begins before the lock is taken, and ends after the lock is released. */
static char spin;
static long sum;

static void add(long number)
{
	int requested = rk_slice_begin();

	while (__atomic_test_and_set(&spin, __ATOMIC_ACQUIRE))
		continue;
	sum += number;
	__atomic_clear(&spin, __ATOMIC_RELEASE);
	rk_slice_end(requested);
}

static void *consume(void *arg)
{
	long own = 0;
	int job;

	while (take(&job))
		own += job;
	add(own);
	return arg;
}

int main(void)
{
	pthread_t threads[PRODUCERS + CONSUMERS];
	const long expected = (long)PRODUCERS * JOBS * (JOBS + 1) / 2;

	for (int i = 0; i < PRODUCERS + CONSUMERS; i++)
		if (pthread_create(&threads[i], NULL, i < PRODUCERS ? produce : consume, NULL) != 0)
			return 1;
	for (int i = 0; i < PRODUCERS + CONSUMERS; i++)
		pthread_join(threads[i], NULL);
	(void)rk_slice_enable();
	printf("%ld of %ld; time slices: %s\n", sum, expected, rk_slice_reason_text(rk_slice_thread_reason()));
	return sum == expected ? 0 : 1;
}
