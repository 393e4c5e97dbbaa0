/* SPDX-License-Identifier: MIT */
/* mutex.h - what a mutex and a condition variable are. Their sizes and forms are ABI. */
#ifndef RSEQKIT_DETAIL_MUTEX_H
#define RSEQKIT_DETAIL_MUTEX_H

#include <rseqkit/mutex.h>

struct rk_mutex {
	uint32_t word;   /* 0 free, 1 held, 2 held and somebody sleeps */
	uint16_t flags;  /* RK_MUTEX_* */
	int16_t spins;   /* how long who came before spun, in pauses, on average */
	uint64_t holder; /* of one with RK_MUTEX_CHECKED: the thread pointer, which may be another thread's when this one has
			    ended; 0 if it is free */
	int requested;   /* what the holder's rk_slice_begin() said */
	int reserved;
};

struct rk_condition {
	uint32_t events;
	uint32_t sleepers; /* at most: who was killed in its sleep stays counted */
};

#endif /* RSEQKIT_DETAIL_MUTEX_H */
