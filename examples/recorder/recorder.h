/* SPDX-License-Identifier: MIT */
/*
 * recorder.h - what the parts of recorder.so share.
 *
 *	heap.c      what is interposed of allocators       \
 *	locks.c     of locks                                \
 *	process.c   of the life of a process                 > record() -> a ring per CPU
 *	threads.c   of that of threads                      /                  |
 *	reader.c    a thread, which reads the rings    <-----------------------+
 *	trace.c     what it read, as JSON
 *	clock.c     when that was
 *	state.c     begin and end of the recording
 *	complain.c  messages, on no other file than the standard error that the program began with
 *	next.c      the functions that are interposed, and memory until they are known
 *
 * The invariant: to record, nothing is called that the program may have replaced, but how large a block is. What the recorder
 * needs of memory and locks is its own, so it may be called from wherever the program calls malloc(). pthread_create() alone
 * takes memory of the allocator, as the C library's does.
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

/* What the launcher tells by the environment. */
#define ENVIRONMENT_FILE "RSEQKIT_RECORDER_FILE"
#define ENVIRONMENT_SIZE "RSEQKIT_RECORDER_SIZE"
#define ENVIRONMENT_PROCESS "RSEQKIT_RECORDER_PROCESS" /* whose file that is; those of others have their id behind it */

#define SIZE_DEFAULT ((size_t)4 << 20)

/* In the initial-exec model, which needs no allocation. Changed by the thread's handlers, too. */
struct recorder_thread {
	uint32_t number; /* 0 before its first record */
	uint32_t tid;
	uint32_t sequence;
	bool is_own;        /* in the recorder's own work: memory comes from next.c, nothing is recorded */
	bool is_allocating; /* calls of the allocator to itself are no calls of the program */
	unsigned silent;    /* in a vfork child that couldn't be bracketed */
};

extern __thread struct recorder_thread mine __attribute__((__tls_model__("initial-exec")));

struct recorder {
	struct rk_ring *ring;     /* NULL while nothing is recorded */
	struct rk_counter *made;  /* records that were tried to be written */
	int process;              /* whose recording it is: children that no handler told have none */
	bool is_child;            /* by a fork: what it frees, its parent may have allocated */
	uint64_t born;            /* clock; records before it are the parent's */
	int64_t made_before;      /* of the parent's, too */
	char file[4096];          /* name */
	bool is_own_file;         /* the name as it is, without a number */
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
	bool allocates; /* the program's malloc() is ours */
};

extern struct next next;

/* next.c */
bool next_found(void);
void *own_memory(size_t size, size_t alignment); /* zeroed, never given back; NULL when there is no more */
bool is_own_memory(const void *memory);
size_t own_memory_size(const void *memory);

/* state.c */
enum way { WAY_RECORD, WAY_PASS, WAY_OWN };
enum way way_found(void);
void recorder_end(void);

/* threads.c */
void thread_begin(void);
void threads_count(void);     /* from one, the calling one */
void threads_watch(void);     /* by the reader, with descriptors of its own */
bool thread_is_alone(void);   /* the reader, in the process */

/* reader.c */
int reader_start(void);   /* negative errno */
void reader_finish(void); /* behind the last record: waits until all is in the file */

/* complain.c */
void complain_prepare(void);
void complain(const char *what, int error);

/* What a call is to do; `next` is complete but for WAY_OWN. */
static inline enum way way(void)
{
	if (RKI_LIKELY(__atomic_load_n(&recorder.ring, __ATOMIC_ACQUIRE) != NULL && !mine.is_own && mine.silent == 0))
		return WAY_RECORD;
	return way_found();
}

/*
 * The number is taken by one instruction: handlers take numbers, too. What comes while the recording ends isn't counted, or
 * is, and then in time.
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
