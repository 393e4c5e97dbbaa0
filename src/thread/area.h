/* SPDX-License-Identifier: MIT */
/*
 * area.h - the thread block: 64 bytes of static TLS that each copy of this library in the process has. The block has room for an
 * area (struct rseq), the thread's number (number.h) and the thread's state (struct rk_thread_state in
 * rseqkit/detail/agreement.h). This file also has the function that publishes the offset of the areas that the process uses.
 */
#ifndef RK_SRC_AREA_H
#define RK_SRC_AREA_H

#include <stdbool.h>
#include <rseqkit/detail/agreement.h>
#include "process.h"
#include "arch/arch.h"
#include "os/thread_pointer.h"

/*
 * On glibc the block is always in static TLS. On musl a module that dlopen() loads has no static TLS: see
 * rk_block_is_static().
 */
#ifdef __GLIBC__
#define RK_BLOCK_MODEL __tls_model__("initial-exec"),
#else
#define RK_BLOCK_MODEL
#endif
/*
 * The block is the first element of this array that isn't at offset 0, because offset 0 means that there is no area. The array
 * has two elements where a variable can be at the thread pointer.
 */
extern __thread struct rk_thread_block rk_blocks[1 + RK_TLS_AT_POINTER]
	__attribute__((RK_BLOCK_MODEL __visibility__("hidden")));
#define rk_block (rk_blocks[RK_TLS_AT_POINTER && (char *)rk_blocks == rk_thread_pointer()])

/*
 * Returns the calling thread's state. If all copies use the area in one copy's thread block, or in the room for the kernel's
 * data (ktls/ktls.h), they also share the state after this area. The copy with this state can be of another version. With any
 * other kind of area, each copy uses the state in its own block.
 */
static inline struct rk_thread_state *rk_state_in_use(const struct rk_process *process)
{
	return process->state != 0 ? (struct rk_thread_state *)(rk_thread_pointer() + process->offset + process->state) :
				     &rk_block.state;
}

/* Returns the calling thread's area. If the process has no area, returns this copy's own block, which is never registered. */
static inline volatile struct rk_area *rk_area_of(const struct rk_process *process)
{
	return RKI_LIKELY(process->offset != 0) ? rk_area_at(process->offset) : &rk_block.u.area;
}

/* READ and WRITE access a field of the thread state. Only the thread and its own signal handlers use the state. */
#define READ(field) (*(volatile __typeof__(field) *)&(field))
#define WRITE(field, value) (*(volatile __typeof__(field) *)&(field) = (value))

/*
 * Sets one of the words that inlined code reads, such as rk_area_offset, unless it is set already. Such a word is 0 until the
 * process's areas are decided (process.h), and never changes after that. A thread that has seen the decision can read the
 * word by a plain load, even while other threads publish the same value again.
 */
#define SET_ONCE(word, value)                                                                                          \
	do {                                                                                                           \
		__typeof__(word) zero_ = 0, value_ = (value);                                                          \
		if (value_ != 0 && __atomic_load_n(&(word), __ATOMIC_RELAXED) == 0)                                    \
			__atomic_compare_exchange_n(&(word), &zero_, value_, false, __ATOMIC_ACQ_REL,                  \
						    __ATOMIC_ACQUIRE);                                                 \
	} while (0)

/*
 * PUBLISH sets an exported word once. The linker may have put its own copy of the word into the executable (a copy relocation).
 * The symbol is bound to that copy, or to the word of another copy of the library, and most modules read it. But a module that
 * was opened with RTLD_DEEPBIND reads the word of this copy of the library, NAME_here, and calls this copy's functions. Both
 * words are therefore set. OWN_WORD declares NAME_here for a word.
 */
#define OWN_WORD(type, name, symbol) static type name##_here __attribute__((__alias__(#symbol)))
#define PUBLISH(name, value)                                                                                           \
	do {                                                                                                           \
		SET_ONCE(name, value);                                                                                 \
		SET_ONCE(name##_here, value);                                                                          \
	} while (0)

/*
 * Returns whether this copy's block is at the same offset from the thread pointer in every thread. On musl, takes the
 * dynamic linker's lock.
 */
bool rk_block_is_static(void);

/* Returns the offset of this copy's block from the thread pointer, in bytes. */
ptrdiff_t rk_block_offset(void);

/*
 * Stores the decision (process.h) in rk_area_offset, rk_area_valid and rk_cid_limit. Further calls with the same values change
 * nothing.
 */
void rk_area_publish(ptrdiff_t offset, uint32_t valid);

#endif /* RK_SRC_AREA_H */
