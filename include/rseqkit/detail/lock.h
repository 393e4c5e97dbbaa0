/* SPDX-License-Identifier: MIT */
/* lock.h - what a CPU's lock is, for the inline functions of ../lock.h (src/structures/lock.c). */
#ifndef RSEQKIT_DETAIL_LOCK_H
#define RSEQKIT_DETAIL_LOCK_H

#include <rseqkit/bank.h>
#include <rseqkit/gate.h>

/* What a CPU's slot begins with; its data is behind. The first two are what rk_gate_take() looks at. */
struct rki_lock_slot {
	intptr_t held;           /* by which thread, that took it on this CPU; 0: by none */
	intptr_t closed;         /* not 0: sections leave it alone */
	uint32_t waiting;        /* not 0: somebody is to be woken */
	uint32_t freed, emptied; /* futexes: of those who want it, and of who has closed it */
	uint32_t reserved;
	struct rk_claim claim; /* of who has closed it; of the overflow slot's holder */
};

/* Where the gate is. */
#define RKI_LOCK_GATE_OF(lock) ((const intptr_t *)((uintptr_t)(lock) - RK_STRIDE))

/* The calling thread: its thread pointer, which it keeps in the child of a fork. */
static inline __attribute__((__unused__)) intptr_t rki_lock_me(void)
{
	intptr_t me = 0; /* without sections nobody asks */

#if !RK_HAVE_SECTIONS
#elif defined(__x86_64__)
	__asm__("{movq %%fs:0, %0|mov %0, qword ptr fs:[0]}" : "=r"(me));
#elif defined(__aarch64__)
	__asm__("mrs %0, tpidr_el0" : "=r"(me));
#else
#error "a port with sections says here what the thread pointer is"
#endif
	return me;
}

#endif /* RSEQKIT_DETAIL_LOCK_H */
