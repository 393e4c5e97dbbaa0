/* SPDX-License-Identifier: MIT */
/*
 * recorder.h - the interface between the files of recorder.so.
 *
 *	heap.c      interposed functions of allocators    \
 *	locks.c     of locks                               \
 *	process.c   of the life of a process                > record() -> a ring per CPU
 *	threads.c   of the life of threads                 /                  |
 *	reader.c    a thread that reads the rings    <------------------------+
 *	trace.c     the records as JSON
 *	clock.c     the times of records
 *	state.c     beginning and end of the recording
 *	complain.c  messages, only to the standard error that the program began with
 *	next.c      the functions that the interposed functions call, and the recorder's own memory
 *
 * Invariant: to record a call, the recorder calls no function that the program may have replaced, except the function that
 * returns a block's size. The recorder has its own memory and locks, so it works wherever the program calls malloc(). Only the
 * recorder's pthread_create() and thrd_create() allocate memory by the program's allocator, as the C library's functions do.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <rseqkit/counter.h>
#include <rseqkit/ring.h>
#include <rseqkit/thread.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <threads.h>
#include "event.h"

#define EXPORTED __attribute__((__visibility__("default")))

/* The launcher sets these variables in the program's environment. */
#define ENVIRONMENT_FILE "RSEQKIT_RECORDER_FILE"
#define ENVIRONMENT_SIZE "RSEQKIT_RECORDER_SIZE"
#define ENVIRONMENT_PROCESS "RSEQKIT_RECORDER_PROCESS" /* this process writes to FILE; others append their id to the name */

#define SIZE_DEFAULT ((size_t)4 << 20)

/* A thread's data, in TLS of the initial-exec model, which needs no allocation. The thread's signal handlers change it, too. */
struct recorder_thread {
	uint32_t number; /* 0 before the thread's first record */
	uint32_t tid;
	uint32_t sequence;
	bool is_own;        /* the thread does the recorder's own work: memory comes from next.c, nothing is recorded */
	bool is_allocating; /* the thread is inside the allocator, whose calls to itself aren't recorded */
	unsigned silent;    /* not 0 in a vfork child whose calls can't be recorded (process.c) */
};

extern __thread struct recorder_thread mine __attribute__((__tls_model__("initial-exec")));

struct recorder {
	struct rk_ring *ring;     /* NULL while nothing is recorded */
	struct rk_counter *made;  /* counts the records that threads tried to write */
	int process;              /* id of the recorded process; a child that ran no handlers of fork has another id */
	bool is_child;            /* a fork's child: it can free blocks that its parent allocated */
	uint64_t born;            /* when the recording began, in ticks; records before this time are the parent's */
	int64_t made_before;      /* in a child, the value of `made` at the fork */
	char file[4096];          /* the file's name */
	bool is_own_file;         /* this process writes to FILE itself */
};

extern struct recorder recorder;

/* The interposed functions, in the order of the names in next.c. */
struct next {
	int (*mutex_lock)(pthread_mutex_t *);
	int (*mutex_unlock)(pthread_mutex_t *);
	int (*mutex_trylock)(pthread_mutex_t *);
	int (*mutex_timedlock)(pthread_mutex_t *, const struct timespec *);
	int (*mutex_clocklock)(pthread_mutex_t *, clockid_t, const struct timespec *);
	int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *);
	int (*cond_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	int (*cond_clockwait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
	void *(*allocate)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	void (*free)(void *);
	size_t (*usable_size)(void *);
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*setname)(pthread_t, const char *);
	int (*create_c)(thrd_t *, thrd_start_t, void *);
	void (*process_exit)(int) __attribute__((__noreturn__));
	void (*process_exit_c)(int) __attribute__((__noreturn__));
	bool allocates; /* the program's malloc() is the recorder's */
};

extern struct next next;

/* next.c */
bool next_found(void);
void *own_memory(size_t size, size_t alignment); /* returns zeroed memory, which is never given back; NULL if no memory is left */
bool is_own_memory(const void *memory);
size_t own_memory_size(const void *memory);

/* state.c. An interposed function records its call, only passes it on, or serves the recorder itself with next.c's memory. */
enum way { WAY_RECORD, WAY_PASS, WAY_OWN };
enum way way_found(void);
void recorder_end(void);

/* threads.c */
void thread_begin(void);
void threads_count(void);     /* sets the count of threads to 1, for the calling thread */
void threads_watch(void);     /* called in the reader, which has its own descriptors */
bool thread_is_alone(void);   /* returns whether the reader is the last thread of the process */

/* reader.c */
int reader_start(void);   /* returns 0 or a negative errno */
void reader_finish(void); /* call after the last record; waits until all records are in the file */

/* complain.c */
void complain_prepare(void);
void complain(const char *what, int error);

/* Returns how a call is handled. If the result isn't WAY_OWN, all functions in `next` are found. */
static inline enum way way(void)
{
	if (RKI_LIKELY(__atomic_load_n(&recorder.ring, __ATOMIC_ACQUIRE) != NULL && !mine.is_own && mine.silent == 0))
		return WAY_RECORD;
	return way_found();
}

/*
 * One instruction takes the sequence number, because signal handlers take numbers, too. If the recording ends while a record is
 * written, this record is not counted, or it is counted before end_trace() reads the count.
 */
static inline void record(struct event *event)
{
	struct rk_ring *ring = __atomic_load_n(&recorder.ring, __ATOMIC_ACQUIRE);

	if (RKI_UNLIKELY(ring == NULL))
		return;
	if (RKI_UNLIKELY(mine.number == 0))
		thread_begin();
	event->thread = mine.number;
	event->tid = mine.tid;
	event->sequence = __atomic_fetch_add(&mine.sequence, 1, __ATOMIC_RELAXED);
	rk_counter_add(recorder.made, 1);
	(void)rk_ring_write_stamped(ring, event, sizeof(*event)); /* a full ring counts what it drops */
}

#endif
