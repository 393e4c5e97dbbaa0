/* SPDX-License-Identifier: MIT */
/*
 * event.h - a record: one call of the program.
 *
 * Invariant: a call that ends the use of an address or a mutex (free, unlock) is recorded before the call is made. A call that
 * begins a use (malloc, lock) is recorded after the call. The records of one address are therefore in the order of its uses,
 * even if these uses are in several threads.
 */
#ifndef RECORDER_EVENT_H
#define RECORDER_EVENT_H

#include <stdint.h>

enum event_kind {
	EVENT_MALLOC,
	EVENT_CALLOC,
	EVENT_REALLOC, /* the end of the call; EVENT_REALLOC_OF is its beginning */
	EVENT_REALLOCARRAY,
	EVENT_ALIGNED_ALLOC,
	EVENT_MEMALIGN,
	EVENT_POSIX_MEMALIGN,
	EVENT_VALLOC,
	EVENT_PVALLOC,
	EVENT_REALLOC_OF,
	EVENT_FREE,
	EVENT_LOCK,
	EVENT_TRYLOCK,
	EVENT_TIMEDLOCK,
	EVENT_CLOCKLOCK,
	EVENT_COND_WAIT, /* the end of the wait, when the mutex is held again; the beginning is an EVENT_UNLOCK */
	EVENT_UNLOCK,
	EVENT_UNLOCK_FAILED, /* the previous EVENT_UNLOCK had no effect */
	EVENT_NAME,          /* the thread's name: 16 bytes in `address` and `size` */
	EVENT_EXIT,
	EVENT_KINDS
};

/*
 * If `start` isn't 0, the record's stamp is the time at the end of the call. Otherwise it is the time when the call was recorded.
 * Together with the ring's header a record takes 64 bytes.
 */
struct event {
	uint64_t start;   /* ticks, for calls that take time; otherwise 0 */
	uint64_t address; /* the address of the memory or of the mutex */
	uint64_t size;    /* the bytes that the program asked for; for a lock, the result of the call */
	uint64_t usable;  /* the bytes that the allocator gave, or gets back */
	uint32_t thread;  /* the recorder's number of the thread, from 1; it isn't reused, unlike `tid` */
	uint32_t tid;
	uint32_t sequence; /* the record's number in its thread: 0, 1, 2, ... modulo 2^32 */
	uint32_t kind;
};

#endif
