/* SPDX-License-Identifier: MIT */
/* area.h - this copy's thread block, and the one place that sets the published offset. */
#ifndef RK_SRC_AREA_H
#define RK_SRC_AREA_H

#include <stdbool.h>
#include <rseqkit/detail/agreement.h>
#include "process.h"
#include "os/thread_pointer.h"

/* Static TLS where every module has it; musl has none for modules that are loaded late, see rk_block_is_static(). */
#ifdef __GLIBC__
#define RK_BLOCK_MODEL __tls_model__("initial-exec"),
#else
#define RK_BLOCK_MODEL
#endif
extern __thread struct rk_thread_block rk_block __attribute__((RK_BLOCK_MODEL __visibility__("hidden")));

/*
 * The calling thread's state that this process uses: that of the copy whose block is the area, which may be of another
 * version, and each copy's own where the area is the libc's.
 */
static inline struct rk_thread_state *rk_state_in_use(const struct rk_process *process)
{
	return process->state != 0 ? (struct rk_thread_state *)(rk_thread_pointer() + process->offset + process->state) :
				     &rk_block.state;
}

/* The calling thread's area; where the process has none, what is never registered: this copy's own block. */
static inline volatile struct rk_area *rk_area_of(const struct rk_process *process)
{
	return RKI_LIKELY(process->offset != 0) ? rk_area_at(process->offset) : &rk_block.u.area;
}

/* Single bytes and words of the thread state, shared with signal handlers of the same thread only. */
#define READ(field) (*(volatile __typeof__(field) *)&(field))
#define WRITE(field, value) (*(volatile __typeof__(field) *)&(field) = (value))

/*
 * The published words are zero until they are decided on, and never change after that: code that has seen the decision
 * reads them plainly, while other threads may still publish the same values.
 */
#define SET_ONCE(word, value)                                                                                          \
	do {                                                                                                           \
		__typeof__(word) zero_ = 0, value_ = (value);                                                          \
		if (value_ != 0 && __atomic_load_n(&(word), __ATOMIC_RELAXED) == 0)                                    \
			__atomic_compare_exchange_n(&(word), &zero_, value_, false, __ATOMIC_ACQ_REL,                  \
						    __ATOMIC_ACQUIRE);                                                 \
	} while (0)

/* Is this copy's block at one offset from the thread pointer in every thread? Not for signal handlers. */
bool rk_block_is_static(void);

/* That offset. */
ptrdiff_t rk_block_offset(void);

/* Publishes the process's decision; called with the same values however often. */
void rk_area_publish(ptrdiff_t offset, uint32_t valid);

#endif /* RK_SRC_AREA_H */
