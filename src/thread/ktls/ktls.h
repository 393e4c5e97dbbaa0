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
#include <rseqkit/detail/agreement.h>
#include <rseqkit/ktls.h>

/* Of this version's room. More than today's kernel needs, which is 128. Static TLS has this alignment in all threads. */
#define RK_KTLS_ROOM_SIZE 256
#define RK_KTLS_ROOM_ALIGNMENT 64

/* ktls_room.c, where it is linked in. */
void rk_ktls_room(struct rk_ktls_room *room, size_t size) __attribute__((__weak__));

struct rk_process;

/* What the kernel says of the blob. Returns 0; or what rk_ktls_query_kernel() returns, but for what it says of this library. */
int rk_ktls_ask_kernel(struct rk_ktls_layout *layout);

/* Is there room, as far as this copy sees? */
bool rk_ktls_see_room(struct rk_ktls_room *room);

/*
 * Is there room that the kernel's blob fits in, and does the program want it, as it does when `chosen`? Fills both then.
 * Async-signal-safe.
 */
bool rk_ktls_find_room(bool chosen, struct rk_ktls_room *room, struct rk_ktls_layout *layout);

/*
 * Has the kernel register the calling thread, and those that it creates, unless another component has registered it. Returns
 * whether it is registered in the room. Another thread that calls it does the same, unless a filter refuses it.
 * Async-signal-safe.
 */
bool rk_ktls_begin(const struct rk_ktls_room *room, const struct rk_ktls_layout *layout);

/* Who sees to it that threads are registered, by what was decided. Asks the kernel. */
enum rk_ktls rk_ktls_find_provider(const struct rk_process *p);

/* Finds the vDSO's accessors. Async-signal-safe. */
void rk_ktls_find_accessors(void);

/* What they say of the calling thread: 0 or below, or below 0, where they say nothing. Async-signal-safe. */
int rk_ktls_tid_told(ptrdiff_t offset);
int rk_ktls_cpu_told(ptrdiff_t offset);

#endif /* RK_SRC_KTLS_H */
