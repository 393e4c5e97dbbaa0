/* SPDX-License-Identifier: MIT */
/*
 * ktls.h - has the kernel register the process's threads, where it can (the public header: rseqkit/ktls.h).
 *
 * The invariant: threads are left to the kernel only at the room's offset, where every thread reads cpu_id < 0 until it
 * is registered. All of the room is ones to begin with, wherever in it the kernel puts the area.
 */
#ifndef RK_SRC_KTLS_H
#define RK_SRC_KTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <rseqkit/detail/agreement.h>

/* More than today's kernel needs, which is 128. The alignment is the most that static TLS has in all threads. */
#define RK_KTLS_ROOM 256
#define RK_KTLS_ALIGNMENT 64

struct rk_ktls_room {
	unsigned char blob[RK_KTLS_ROOM];
	struct rk_thread_state state; /* of all copies, as behind any area of ours */
} __attribute__((__aligned__(RK_KTLS_ALIGNMENT)));

/*
 * ktls_room.c, where it is linked in: the offset of the room, and whether the program was linked with it for that, or
 * has to choose it besides.
 */
ptrdiff_t rk_ktls_room(bool *chosen) __attribute__((__weak__));

struct rk_process;

/*
 * Has the kernel register the calling thread, and those that it creates, if there is room, nobody else has registered
 * it, and the program wants it, which it does when `chosen`. Fills *p but for the decision itself. Called again, by a
 * signal handler say, it does the same. Async-signal-safe.
 */
bool rk_ktls_begin(struct rk_process *p, bool chosen);

/* Where another copy has begun it: what the kernel says of the blob, before a filter may keep it from saying so. */
void rk_ktls_learn_layout(struct rk_process *p);

/* Finds the vDSO's accessors. Async-signal-safe. */
void rk_ktls_find_accessors(void);

#endif /* RK_SRC_KTLS_H */
