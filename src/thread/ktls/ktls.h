/* SPDX-License-Identifier: MIT */
/*
 * ktls.h - leaves the registration of threads to the kernel, where it can do that (the public header: rseqkit/ktls.h).
 *
 * The invariant: threads are left to the kernel only at the room's offset. There every thread reads cpu_id < 0 until it is
 * registered. All bytes of the room are 0xff at first, so that holds wherever in the room the kernel puts the area.
 */
#ifndef RK_SRC_KTLS_H
#define RK_SRC_KTLS_H

#include <stdbool.h>
#include <rseqkit/detail/agreement.h>
#include <rseqkit/ktls.h>

/*
 * Size and alignment of this version's room, in bytes. Today's kernel needs 128 bytes. Static TLS has this alignment in all
 * threads.
 */
#define RK_KTLS_ROOM_SIZE 256
#define RK_KTLS_ROOM_ALIGNMENT 64

/* Defined in ktls_room.c, where that is linked in. */
void rk_ktls_room(struct rk_ktls_room *room, size_t size) __attribute__((__weak__));

struct rk_process;

/*
 * Asks the kernel for the layout of its blob. Returns 0 or a negative errno as rk_ktls_query_kernel(), but never -EINVAL,
 * -E2BIG or -ENOTSUP.
 */
int rk_ktls_ask_kernel(struct rk_ktls_layout *layout);

/* Returns whether this copy sees a room, and fills *room. */
bool rk_ktls_see_room(struct rk_ktls_room *room);

/*
 * Returns whether there is room that the kernel's blob fits in, and the program wants it used. Then both are filled.
 * `chosen`: the program wants it in any case. Otherwise it wants it if it was linked with the room. Async-signal-safe.
 */
bool rk_ktls_find_room(bool chosen, struct rk_ktls_room *room, struct rk_ktls_layout *layout);

/*
 * Has the kernel register the calling thread, and the threads that are created from then on. It does nothing if another
 * component has registered the calling thread. Returns whether the calling thread is registered in the room. Another thread
 * that calls this function does the same, unless a filter refuses it. Async-signal-safe.
 */
bool rk_ktls_begin(const struct rk_ktls_room *room, const struct rk_ktls_layout *layout);

/* Returns the provider, as it follows from the decision. Asks the kernel. */
enum rk_ktls rk_ktls_find_provider(const struct rk_process *p);

/* Finds the vDSO's accessors. Async-signal-safe. */
void rk_ktls_find_accessors(void);

/*
 * Return the calling thread's id and CPU from the vDSO's accessors. If they say nothing, the id is 0 or negative, and the
 * CPU is negative. Async-signal-safe.
 */
int rk_ktls_tid_told(ptrdiff_t offset);
int rk_ktls_cpu_told(ptrdiff_t offset);

#endif /* RK_SRC_KTLS_H */
