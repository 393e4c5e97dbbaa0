/* SPDX-License-Identifier: MIT */
/*
 * ktls.h - leaves the registration of threads to the kernel, if the kernel can do it (KTLS; the public header is
 * rseqkit/ktls.h). Such a kernel keeps a block of data in the TLS of each thread, the blob, which contains the thread's area
 * (struct rseq).
 * A module of the process provides memory for the blob, the room.
 *
 * The invariant: the kernel registers threads only in the room, where every thread reads cpu_id < 0 until it is registered.
 * All bytes of the room are 0xff at first, so cpu_id is below 0 wherever in the room the kernel puts the area.
 */
#ifndef RK_SRC_KTLS_H
#define RK_SRC_KTLS_H

#include <stdbool.h>
#include <rseqkit/detail/agreement.h>
#include <rseqkit/ktls.h>

/*
 * The size and alignment of the room in this version of the library, in bytes. Today's kernel needs 128 bytes. Static TLS can
 * have an alignment of 64 bytes in all threads.
 */
#define RK_KTLS_ROOM_SIZE 256
#define RK_KTLS_ROOM_ALIGNMENT 64

/*
 * Fills *room. A module that contains ktls_room.c defines this function. If the dynamic linker finds no such module for this copy
 * of the library, the function's address is NULL.
 */
void rk_ktls_room(struct rk_ktls_room *room, size_t size) __attribute__((__weak__));

struct rk_process;

/*
 * Asks the kernel for the layout of its blob. Returns 0, or a negative errno with the same meaning as from
 * rk_ktls_query_kernel(), but never -EINVAL, -E2BIG or -ENOTSUP.
 */
int rk_ktls_ask_kernel(struct rk_ktls_layout *layout);

/* If this copy of the library finds rk_ktls_room(), and so the room, fills *room and returns true. Otherwise returns false. */
bool rk_ktls_see_room(struct rk_ktls_room *room);

/*
 * Returns whether the kernel's blob fits into the room and the program wants KTLS. If so, *room and *layout are filled.
 * `chosen` says that the program has chosen KTLS by RSEQKIT_AREA=ktls. Otherwise the program wants KTLS if it was linked with
 * the room. Async-signal-safe.
 */
bool rk_ktls_find_room(bool chosen, struct rk_ktls_room *room, struct rk_ktls_layout *layout);

/*
 * Makes the kernel register the calling thread, and all threads that are created later. Does nothing if another component
 * has registered the calling thread. Returns whether the calling thread is registered in the room. All threads that call this
 * function get the same result, except if a filter refuses the system call to some of them. Async-signal-safe.
 */
bool rk_ktls_begin(const struct rk_ktls_room *room, const struct rk_ktls_layout *layout);

/* Returns the provider, the part that registers threads, as it follows from the decision *p. Makes system calls if necessary. */
enum rk_ktls rk_ktls_find_provider(const struct rk_process *p);

/* Finds the functions of the vDSO that read the blob. Async-signal-safe. */
void rk_ktls_find_accessors(void);

/*
 * rk_ktls_tid_told() returns the calling thread's id, and rk_ktls_cpu_told() returns its CPU, as the vDSO's functions report
 * them. If a function is missing or reports nothing, the id is 0 or negative, or the CPU is negative. `offset` is the
 * distance of the blob from the thread pointer. Async-signal-safe.
 */
int rk_ktls_tid_told(ptrdiff_t offset);
int rk_ktls_cpu_told(ptrdiff_t offset);

#endif /* RK_SRC_KTLS_H */
