/* SPDX-License-Identifier: MIT */
/*
 * freelist.c - message buffers that are recycled. Each CPU has its own list.
 *
 * Threads never wait for each other, and no buffer is lost: at the end all buffers in the lists are freed.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rseqkit.h>

#define THREADS 4
#define MESSAGES 200000

struct buffer {
	struct rk_freelist_node link; /* the first member, so its address is the buffer's */
	char text[240];
};

static struct rk_freelist *list;
static long made;

static struct buffer *get(void)
{
	struct buffer *b = (struct buffer *)(void *)rk_freelist_pop(list);

	if (b == NULL) {
		b = malloc(sizeof(*b));
		if (b == NULL)
			abort();
		__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	}
	return b;
}

static void *send_messages(void *arg)
{
	for (int i = 0; i < MESSAGES; i++) {
		struct buffer *b = get();

		memset(b->text, 'a' + i % 26, 16);
		rk_freelist_push(list, &b->link);
	}
	return arg;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct rk_freelist_node *rest, *next;
	long freed = 0;

	if (rk_freelist_create(&list) < 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, send_messages, NULL) != 0)
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (rk_freelist_destroy(list, &rest) < 0)
		return 1;
	for (; rest != NULL; rest = next, freed++) {
		next = rest->next;
		free(rest);
	}
	printf("%d messages in %ld buffers, all %ld given back\n", THREADS * MESSAGES, made, freed);
	return freed == made ? 0 : 1;
}
