/* SPDX-License-Identifier: MIT */
/*
 * librseq.c - librseq, by its stand-in (../coexist/registrar.h), behind adopter.h's functions. It registers each thread
 * once, when it is asked to.
 */
#define _GNU_SOURCE
#include "../coexist/adopter.h"

#include <sys/syscall.h>
#include <unistd.h>
#include <rseqkit/abi.h>
#include "../../src/registration/thread_pointer.h"
#include "../coexist/registrar.h"

static __thread bool registered;

static volatile void *area(void)
{
	return rk_thread_pointer() + rseq_offset;
}

/* Where the libc registers it has nothing to do. */
static bool libc_registers(void)
{
	extern const unsigned int __rseq_size __attribute__((__weak__));

	return &__rseq_size != NULL && __rseq_size != 0;
}

static int enter(void)
{
	registered = registered || (rseq_register_current_thread() == 0 && !libc_registers());
	return 0;
}

static bool work(void)
{
	return *((volatile int32_t *)area() + 1) >= 0;
}

/* Not with the libc's help, who keeps threads' memory longer than the kernel needs it. */
static bool leave(void)
{
	bool right = !registered || syscall(SYS_rseq, area(), 32, 1, RK_SIGNATURE) == 0;

	registered = false;
	return right;
}

static bool is_fast(void)
{
	return registered;
}

static uint32_t users(void)
{
	return 0;
}

const struct adopter *adopter_calls(void)
{
	static const struct adopter calls = {enter, work, leave, is_fast, users, area};

	return &calls;
}
