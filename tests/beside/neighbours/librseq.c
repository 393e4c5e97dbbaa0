/* SPDX-License-Identifier: MIT */
/*
 * librseq.c - a stand-in for librseq as it has been since 2023. If the C library registers threads, librseq uses the C
 * library's areas. Otherwise librseq registers a thread on request, on librseq's own area, and exports the area's offset. If a
 * registration has succeeded in any thread, and then another registration is refused, librseq ends the process. The symbol of
 * the area, __rseq_abi, isn't exported. Without CALLED the area is the only TLS variable of this library.
 *
 * CALLED   the library also defines neighbour.h's functions, which have a TLS variable of their own (owner.h)
 */
#define _GNU_SOURCE
#include "librseq.h"

#include <rseqkit/arch/arch.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../../../src/os/thread_pointer.h"

extern const ptrdiff_t __rseq_offset __attribute__((__weak__));
extern const unsigned int __rseq_size __attribute__((__weak__));

static __thread struct rk_area __rseq_abi __attribute__((__aligned__(1024), __tls_model__("initial-exec"))) = {
	.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED,
};
static bool owns;

ptrdiff_t rseq_offset;
unsigned int rseq_size = -1U;

__attribute__((__constructor__)) static void initialise(void)
{
	owns = &__rseq_size == NULL || __rseq_size == 0;
	rseq_offset = owns ? (char *)&__rseq_abi - rk_thread_pointer() : __rseq_offset;
	rseq_size = owns ? 0 : __rseq_size;
}

int rseq_register_current_thread(void)
{
	if (!owns)
		return 0;
	if (syscall(SYS_rseq, &__rseq_abi, RK_AREA_LENGTH_ORIGINAL, 0, RK_SIGNATURE) != 0) {
		if (rseq_size > 0)
			abort();
		return -1;
	}
	rseq_size = 28;
	return 0;
}

#ifdef CALLED
#include "owner.h"

static volatile void *area(void)
{
	return rk_area_at(rseq_offset);
}

static bool take(void)
{
	return rseq_register_current_thread() == 0 && owns;
}
#endif
