/* SPDX-License-Identifier: MIT */
/*
 * ring.c - a tracer: threads write events, and one reader gets them in the order of their time stamps, from all CPUs.
 *
 * The reader sleeps while there are no events. At the end the program prints how many events were dropped.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <rseqkit.h>

#define THREADS 3
#define EVENTS 100000

struct event {
	int thread, number;
};

struct reader {
	uint64_t time; /* the stamp of the last record that was read */
	long read, out_of_order;
};

static struct rk_ring *ring;
static int running = THREADS;

static void *work(void *arg)
{
	struct event event = {.thread = (int)(intptr_t)arg};

	for (event.number = 0; event.number < EVENTS; event.number++)
		(void)rk_ring_write_stamped(ring, &event, sizeof(event)); /* a full ring counts the events that it drops */
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
	return NULL;
}

static int take(void *context, const struct rk_ring_record *record)
{
	struct reader *reader = context;

	reader->out_of_order += record->time < reader->time;
	reader->time = record->time;
	reader->read++;
	return 0;
}

int main(void)
{
	struct rk_ring_options options = {.size = 1 << 20};
	struct reader reader = {0};
	pthread_t threads[THREADS];
	long dropped;
	int r;

	if (rk_ring_create(&ring, &options, sizeof(options)) < 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i) != 0)
			abort();
	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE) > 0) {
		(void)rk_ring_wait_for(ring, 10000000); /* at most 10 ms, because all threads may have ended meanwhile */
		r = rk_ring_merge(ring, take, &reader);
		if (r < 0 && r != -EAGAIN) /* a writer without rseq was inside a write: try again in the next round */
			return 1;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (rk_ring_merge(ring, take, &reader) < 0)
		return 1;
	dropped = (long)rk_ring_dropped(ring, RK_INDEX_ALL);
	printf("%d events: %ld read, in order of time, and %ld dropped\n", THREADS * EVENTS, reader.read, dropped);
	if (reader.read + dropped != THREADS * EVENTS || reader.out_of_order != 0)
		return 1;
	return rk_ring_destroy(ring) == 0 ? 0 : 1;
}
