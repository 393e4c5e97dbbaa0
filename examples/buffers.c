/* SPDX-License-Identifier: MIT */
/*
 * buffers.c - a pool of buffers with a list per CPU. The lists use single operations (rseqkit/ops.h).
 *
 * A thread takes a buffer from a list in one critical section, and gives it back in another section. If a list is empty, the pool
 * calls malloc(). A buffer that can't go into a list is freed.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <rseqkit.h>
#include <rseqkit/ops_cpu.h>

#define THREADS 4
#define ROUNDS 1000000
#define NEXT 0 /* the offset of the link: the first word of a free buffer points to the next free buffer */

struct buffer {
	intptr_t words[32];
};

static void *lists; /* per-CPU memory with a slot for each CPU: a slot has the first free buffer of its CPU, or 0 */
static struct rk_counter *made;

static struct buffer *take(void)
{
	struct buffer *buffer;
	void *first;
	enum rk_result result = RK_ABORTED;

	for (int i = 0; i < RK_ABORTS_MAX && result == RK_ABORTED; i++)
		result = rk_cpu_pop(lists, 0, NEXT, &first);
	if (result == RK_DONE)
		return first;
	/* This CPU's list is empty (RK_UNEQUAL), or this thread has no rseq, or a debugger single-steps it. */
	buffer = malloc(sizeof(*buffer));
	if (buffer != NULL)
		rk_counter_add(made, 1);
	return buffer;
}

static void give_back(struct buffer *buffer)
{
	enum rk_result result = RK_ABORTED;

	for (int i = 0; i < RK_ABORTS_MAX && result == RK_ABORTED; i++)
		result = rk_cpu_push(lists, buffer, NEXT);
	if (result != RK_DONE) {
		free(buffer);
		rk_counter_add(made, -1);
	}
}

static void *work(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct buffer *a = take(), *b = take();

		if (a == NULL || b == NULL)
			abort();
		a->words[31] = (intptr_t)b;
		b->words[31] = (intptr_t)a;
		if (a->words[31] != (intptr_t)b) /* another thread has the buffer, too */
			abort();
		give_back(a);
		give_back(b);
	}
	return arg;
}

/* Frees all buffers in the lists, and returns their number. Call it when no other thread uses the lists any more. */
static int64_t drain(void)
{
	int64_t count = 0;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		intptr_t *list = rk_percpu_slot(lists, cpu);

		while (*list != 0) {
			struct buffer *buffer = (struct buffer *)*list;

			*list = buffer->words[NEXT];
			free(buffer);
			count++;
		}
	}
	return count;
}

int main(void)
{
	struct rk_percpu_options options = {.item_size = sizeof(intptr_t)};
	struct rk_percpu *pool;
	pthread_t threads[THREADS];
	int64_t count, found;

	if (rk_percpu_create(&pool, &options, sizeof(options)) < 0 || rk_percpu_alloc(pool, &lists) < 0 ||
	    rk_counter_create(&made) < 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	count = rk_counter_sum(made);
	found = drain();
	printf("%d threads took and gave back %d buffers; %lld were made, %lld are in the lists\n", THREADS,
	       2 * THREADS * ROUNDS, (long long)count, (long long)found);
	if (rk_percpu_free(pool, lists) < 0 || rk_percpu_destroy(pool) < 0 || rk_counter_destroy(made) < 0)
		return 1;
	return count == found ? 0 : 1;
}
