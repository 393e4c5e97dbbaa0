/* SPDX-License-Identifier: MIT */
/*
 * ktls_room.c - the room in static TLS for the blob, the data that a kernel with KTLS maintains for a thread (ktls.h).
 *
 * The room is in a file of its own. If every copy of the library had the room, each thread would need this memory once for each
 * copy. The file is in librseqkit-preload.so, and in librseqkit-ktls.a for programs that want KTLS. Never put this file in a
 * module that dlopen() can load, because static TLS has little free space after the start of the process.
 */
#include "os/answer.h"
#include "ktls.h"
#include "os/thread_pointer.h"

#ifdef RK_PRELOADED
#define LINKED 0
#else
#define LINKED 1
#endif

#define ONES_8 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
#define ONES_64 ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8

_Static_assert(RK_KTLS_ROOM_SIZE == 4 * 64, "all of it is ones");

struct room {
	unsigned char blob[RK_KTLS_ROOM_SIZE];
	struct rk_thread_state state; /* all copies of this library use this thread state (thread/area.h) */
} __attribute__((__aligned__(RK_KTLS_ROOM_ALIGNMENT)));

static __thread struct room here __attribute__((__tls_model__("initial-exec"))) = {
	.blob = {ONES_64, ONES_64, ONES_64, ONES_64},
	.state.version = RK_THREAD_STATE_VERSION,
};

/* Exported, so that all copies call the same definition: the first one in look-up order. */
__attribute__((__visibility__("default"))) void rk_ktls_room(struct rk_ktls_room *room, size_t size)
{
	const struct rk_ktls_room full = {
		.offset = (char *)&here - rk_thread_pointer(),
		.size = RK_KTLS_ROOM_SIZE,
		.alignment = RK_KTLS_ROOM_ALIGNMENT,
		.state = offsetof(struct room, state),
		.state_version = RK_THREAD_STATE_VERSION,
		.state_size = sizeof(struct rk_thread_state),
		.linked = LINKED,
	};

	rk_answer(room, size, &full, sizeof(full));
}
