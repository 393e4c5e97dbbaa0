/* SPDX-License-Identifier: MIT */
/*
 * early_locks.c - a library whose constructor has several threads take locks of all kinds, each for the first time. Its malloc()
 * takes a lock, too, like that of some allocators. The dynamic linker possibly allocates memory before any other lock is taken.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_spinlock_t spin;
static int waiting = 3;

extern void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	bool is_locked = pthread_mutex_trylock(&lock) == 0;
	void *object = __libc_malloc(size);

	if (is_locked)
		pthread_mutex_unlock(&lock);
	return object;
}

static void *take(void *arg)
{
	struct timespec past = {1, 0};

	/* The threads start at the same time. */
	__atomic_fetch_sub(&waiting, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) > 0)
		continue;
	for (int i = 0; i < 100; i++) {
		pthread_spin_lock(&spin);
		pthread_spin_unlock(&spin);
		pthread_mutex_lock(&mutex);
		pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &past);
		pthread_cond_timedwait(&condition, &mutex, &past);
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

__attribute__((__constructor__)) static void begin(void)
{
	pthread_t threads[3];

	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, take, NULL) != 0)
			abort();
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

int early_locks(void);
int early_locks(void)
{
	return 0;
}
