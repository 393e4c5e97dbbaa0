/* SPDX-License-Identifier: MIT */
/* mutex.h - the members of a mutex and of a condition variable. Their sizes and forms are ABI. */
#ifndef RSEQKIT_DETAIL_MUTEX_H
#define RSEQKIT_DETAIL_MUTEX_H

#include <rseqkit/mutex.h>

struct rk_mutex {
	uint32_t word;   /* 0: free; 1: held; 2: held, and a thread sleeps */
	uint16_t flags;  /* RK_MUTEX_* */
	int16_t spins;   /* the average number of pauses of earlier threads that waited in a loop for the mutex */
	uint64_t holder; /* with RK_MUTEX_CHECKED: the holder's thread pointer; 0 if the mutex is free. After the holder has
			    ended, a new thread can get the same pointer */
	int requested;   /* what rk_slice_hold() (src/slice/slice.h) returned to the holder */
	int reserved;
};

struct rk_condition {
	uint32_t events;
	uint32_t sleepers; /* at least the number of sleeping threads: a thread that was killed in its sleep stays counted */
};

#endif /* RSEQKIT_DETAIL_MUTEX_H */
