/* SPDX-License-Identifier: MIT */
/* mark.c - chooses the secret number from which marks are made; see mark.h. */
#include "mark.h"

#include <sys/random.h>
#include "os/kernel.h"

uintptr_t mark_key;

void mark_begin(void)
{
	/* The system call is raw, because the libc's function costs each process a page fault. */
	if (RK_SYSCALL(SYS_getrandom, &mark_key, sizeof(mark_key), GRND_NONBLOCK) != sizeof(mark_key))
		mark_key = (uintptr_t)&(char){0} * 0x9e3779b97f4a7c15; /* without getrandom(), the stack's address is random */
	mark_key |= 1; /* so that a mark is never an aligned address */
}
