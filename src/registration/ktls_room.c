/* SPDX-License-Identifier: MIT */
/*
 * ktls_room.c - room in static TLS for what the kernel maintains for a thread. It is an object of its own, because
 * every copy of the library would cost each thread that much: in librseqkit-preload.so, and in librseqkit-ktls.a for
 * programs that ask for it. Never in what may be loaded late, when there is little room in static TLS.
 */
#include "ktls.h"
#include "thread_pointer.h"

#define ONES_8 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
#define ONES_64 ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8

_Static_assert(RK_KTLS_ROOM == 4 * 64, "all of it is ones");

static __thread struct rk_ktls_room room __attribute__((__tls_model__("initial-exec"))) = {
	.blob = {ONES_64, ONES_64, ONES_64, ONES_64},
	.state.version = RK_THREAD_STATE_VERSION,
};

/* For all copies to see: whichever is first decides for all. */
__attribute__((__visibility__("default"))) ptrdiff_t rk_ktls_room(bool *chosen)
{
#ifdef RK_PRELOADED
	*chosen = false;
#else
	*chosen = true;
#endif
	return (char *)&room - rk_thread_pointer();
}
