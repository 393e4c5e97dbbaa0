/* SPDX-License-Identifier: MIT */
/* thread.h - what the rest of the library may ask of a thread's registration, besides the public header. */
#ifndef RK_SRC_THREAD_H
#define RK_SRC_THREAD_H

#include <rseqkit/thread.h>

/* Undoes what this library registered in the calling thread, for good: `reason` is kept. Async-signal-safe. */
void rk_thread_detach(enum rk_reason reason);

#endif /* RK_SRC_THREAD_H */
