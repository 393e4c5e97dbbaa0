/* SPDX-License-Identifier: MIT */
/*
 * threads.c - records the beginning and the names of threads, and ends the process when the program's last thread ends.
 *
 * A process ends with its last thread, as if that thread had called exit(). The recorder's reader (reader.c) is a thread,
 * too, so the C library doesn't see which of the program's threads is the last one. This file counts the program's threads,
 * by a key for which each thread has a value. The key's destructor runs as late as a key's destructor can. If no other
 * thread is left, the destructor calls exit(), as the C library would have.
 *
 * The C library's own threads, for example of timers, aren't counted. The kernel's number of threads includes them, but can't
 * always be read. The program's last thread waits for the C library's threads only for a short time. If these threads outlive the
 * program's threads, the reader later finds itself alone, and ends.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOKS 100 /* end_as_last() looks for other threads at most this many times, once in a millisecond */

struct beginning {
	void *(*start)(void *);
	thrd_start_t start_c; /* used if start is NULL */
	void *arg;
};

static uint32_t threads; /* the number of threads that got a number */
static int running;
static bool has_key;
static pthread_key_t key;
static int watched; /* the reader's descriptor of /proc/self/stat */

/*
 * Gives the thread a number. One instruction stores the number, because a signal handler may have stored one first. The
 * thread's first record is its name.
 */
void thread_begin(void)
{
	struct event event = {.kind = EVENT_NAME};
	uint32_t none = 0;

	_Static_assert(sizeof(event.address) + sizeof(event.size) == 16, "a name's room");
	mine.tid = (uint32_t)syscall(SYS_gettid);
	if (!__atomic_compare_exchange_n(&mine.number, &none, __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED), 0,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	(void)prctl(PR_GET_NAME, (char *)&event + offsetof(struct event, address));
	record(&event);
}

/*
 * Returns the kernel's number of threads in the process, without the initial thread if that has ended. Returns 0 if the number is
 * unknown.
 */
static int threads_left(int file)
{
	char text[1024], state;
	const char *after;
	int count = 0;
	ssize_t got = pread(file, text, sizeof(text) - 1, 0);

	text[got > 0 ? got : 0] = '\0';
	after = strrchr(text, ')'); /* the last ')', because the program's name can also contain ')' */
	if (after == NULL || sscanf(after, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d",
				     &state, &count) != 2)
		return 0;
	return state == 'Z' ? count - 1 : count;
}

static int open_status(void)
{
	return open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
}

/* Call it early: later there may be no /proc, or no free descriptor. */
void threads_watch(void)
{
	watched = open_status();
}

bool thread_is_alone(void)
{
	int left = threads_left(watched);

	return left == 1 || (left == 0 && __atomic_load_n(&running, __ATOMIC_ACQUIRE) == 0);
}

/*
 * Waits at most LOOKS milliseconds for threads that are just ending. Calls exit() when only this thread and the reader are left,
 * or if the number of threads isn't known.
 */
static void end_as_last(void)
{
	struct timespec time = {.tv_nsec = 1000000};

	for (int i = 0; i < LOOKS; i++) {
		int file = open_status(), left = threads_left(file);

		if (file >= 0)
			close(file);
		if (left == 2 || left == 0)
			exit(0);
		(void)nanosleep(&time, NULL);
	}
}

/*
 * If this destructor sets the value again, the C library calls the destructor again, at most PTHREAD_DESTRUCTOR_ITERATIONS times.
 * In the last call the thread counts as ended.
 */
static void thread_end(void *value)
{
	uintptr_t times = (uintptr_t)value;

	if (times < PTHREAD_DESTRUCTOR_ITERATIONS) {
		(void)pthread_setspecific(key, (void *)(times + 1));
		return;
	}
	if (__atomic_sub_fetch(&running, 1, __ATOMIC_ACQ_REL) == 0 && recorder.process == getpid())
		end_as_last();
}

void threads_count(void)
{
	if (!has_key)
		has_key = pthread_key_create(&key, thread_end) == 0;
	if (has_key)
		(void)pthread_setspecific(key, (void *)1);
	running = 1;
}

static struct beginning begun(void *arg)
{
	struct beginning beginning = *(struct beginning *)arg;

	next.free(arg);
	if (has_key)
		(void)pthread_setspecific(key, (void *)1);
	return beginning;
}

static void *begin(void *arg)
{
	struct beginning beginning = begun(arg);

	return beginning.start(beginning.arg);
}

static int begin_c(void *arg)
{
	struct beginning beginning = begun(arg);

	return beginning.start_c(beginning.arg);
}

/* Returns NULL if there is no memory. The thread is counted before it begins. */
static struct beginning *prepare(void *(*start)(void *), thrd_start_t start_c, void *arg)
{
	struct beginning *beginning = next.allocate(sizeof(*beginning));

	if (beginning == NULL)
		return NULL;
	*beginning = (struct beginning){start, start_c, arg};
	__atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
	return beginning;
}

static void prepared_in_vain(struct beginning *beginning)
{
	__atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
	next.free(beginning);
}

EXPORTED int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes, void *(*start)(void *),
			    void *restrict arg)
{
	struct beginning *beginning;
	int r;

	if (way() == WAY_OWN)
		return next.create(thread, attributes, start, arg);
	beginning = prepare(start, NULL, arg);
	if (beginning == NULL)
		return EAGAIN;
	r = next.create(thread, attributes, begin, beginning);
	if (r != 0)
		prepared_in_vain(beginning);
	return r;
}

EXPORTED int thrd_create(thrd_t *thread, thrd_start_t start, void *arg)
{
	struct beginning *beginning;
	int r;

	if (way() == WAY_OWN)
		return next.create_c(thread, start, arg);
	beginning = prepare(NULL, start, arg);
	if (beginning == NULL)
		return thrd_nomem;
	r = next.create_c(thread, begin_c, beginning);
	if (r != thrd_success)
		prepared_in_vain(beginning);
	return r;
}

/* A change of another thread's name isn't recorded, because only that thread writes its records. */
EXPORTED int pthread_setname_np(pthread_t thread, const char *name)
{
	struct event event = {.kind = EVENT_NAME};
	enum way here = way();
	int r = next.setname(thread, name);

	if (r != 0 || here != WAY_RECORD || !pthread_equal(thread, pthread_self()))
		return r;
	memcpy((char *)&event + offsetof(struct event, address), name, strnlen(name, 15));
	record(&event);
	return 0;
}
