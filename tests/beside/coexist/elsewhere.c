/* SPDX-License-Identifier: MIT */
/*
 * elsewhere.c - a module that is linked for addresses where it can't be (test_elsewhere.c). Each form has one trait by which the
 * library must recognise a component that registers threads.
 *
 * CODE     code that makes the system call
 * SYMBOL   a function of librseq's name
 */
#define _GNU_SOURCE
#include <rseqkit/abi.h>
#include <sys/syscall.h>
#include <unistd.h>

int lead(void), take(void), rseq_register_current_thread(void);

#if defined(CODE)
static __thread struct rk_area area __attribute__((__aligned__(32))) = {.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED};

int take(void)
{
	return (int)syscall(SYS_rseq, &area, RK_AREA_LENGTH_ORIGINAL, 0, RK_SIGNATURE);
}
#elif defined(SYMBOL)
int take(void)
{
	return 0;
}

int rseq_register_current_thread(void)
{
	return -1;
}
#else
int lead(void)
{
	return 0;
}
#endif
