/* SPDX-License-Identifier: MIT */
/* area.h - this copy's thread block, and the one place that sets the published offset. */
#ifndef RK_SRC_AREA_H
#define RK_SRC_AREA_H

#include <stdbool.h>
#include "process.h"
#include "thread_pointer.h"

extern __thread struct rk_thread_block rk_block
	__attribute__((__tls_model__("initial-exec"), __visibility__("hidden")));

/*
 * The calling thread's block that this process uses: that of the copy whose block is the area, and each copy's own
 * where the area is the libc's.
 */
static inline struct rk_thread_block *rk_block_in_use(const struct rk_process *process)
{
	return process->where == RK_WHERE_OWN ? (struct rk_thread_block *)(rk_thread_pointer() + process->offset) :
						&rk_block;
}

/* Single bytes and words of the thread block, shared with signal handlers of the same thread only. */
#define READ(field) (*(volatile __typeof__(field) *)&(field))
#define WRITE(field, value) (*(volatile __typeof__(field) *)&(field) = (value))

/*
 * Words of the process are zero until they are decided on, and are never written to after that: whoever has seen the
 * decision reads them plainly, while others that made the same one may still be at it.
 */
#define SET_ONCE(word, value)                                                                                          \
	do {                                                                                                           \
		__typeof__(word) zero_ = 0, value_ = (value);                                                          \
		if (value_ != 0)                                                                                       \
			__atomic_compare_exchange_n(&(word), &zero_, value_, false, __ATOMIC_ACQ_REL,                  \
						    __ATOMIC_ACQUIRE);                                                 \
	} while (0)

/* Offset of this copy's own block from the thread pointer. */
ptrdiff_t rk_block_offset(void);

/* Publishes the process's decision; called with the same values however often. */
void rk_area_publish(ptrdiff_t offset, uint32_t valid);

#endif /* RK_SRC_AREA_H */
