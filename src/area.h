/* SPDX-License-Identifier: MIT */
/* area.h - this copy's thread block, and the one place that sets the published offset. */
#ifndef RK_SRC_AREA_H
#define RK_SRC_AREA_H

#include <rseqkit/abi.h>

extern __thread struct rk_thread_block rk_block
	__attribute__((__tls_model__("initial-exec"), __visibility__("hidden")));

/* Offset of this copy's own block from the thread pointer. */
ptrdiff_t rk_block_offset(void);

/* Publishes the process's decision; called with the same values however often. */
void rk_area_publish(ptrdiff_t offset, uint32_t valid);

#endif /* RK_SRC_AREA_H */
