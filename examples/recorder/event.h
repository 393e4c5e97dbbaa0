/* SPDX-License-Identifier: MIT */
/*
 * event.h - what a record is: one call of the program.
 *
 * The invariant: what ends the use of an address or a mutex (free, unlock) is recorded before it is done, and what begins
 * it (malloc, lock) behind it. So, whatever thread comes next, the records of one address are in the order of its uses.
 */
#ifndef RECORDER_EVENT_H
#define RECORDER_EVENT_H

#include <stdint.h>

enum event_kind {
	EVENT_MALLOC,
	EVENT_CALLOC,
	EVENT_REALLOC, /* its end; its beginning is EVENT_REALLOC_OF */
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
	EVENT_COND_WAIT, /* its end, when the mutex is held again; its beginning is an EVENT_UNLOCK */
	EVENT_UNLOCK,
	EVENT_UNLOCK_FAILED, /* the EVENT_UNLOCK before it was none */
	EVENT_NAME,          /* the thread's: 16 bytes in `address` and `size` */
	EVENT_EXIT,
	EVENT_KINDS
};

/* Its end is the record's stamp. 64 bytes of the ring with that. */
struct event {
	uint64_t start;   /* clock, of calls that take time */
	uint64_t address; /* of memory, or of a mutex */
	uint64_t size;    /* bytes asked for; of a lock what the call returned */
	uint64_t usable;  /* bytes that the allocator gave, or gets back */
	uint32_t thread;  /* counts the process's threads as they come; numbers of the kernel's are used again */
	uint32_t tid;
	uint32_t sequence; /* the thread's: 0, 1, 2, ... modulo 2^32 */
	uint32_t kind;
};

#endif
