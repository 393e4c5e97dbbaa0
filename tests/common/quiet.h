/* SPDX-License-Identifier: MIT */
/*
 * quiet.h - the number of the system call rseq, for tests that only ask the kernel about registrations, or change one on purpose.
 * The library looks for code with this number (src/thread/callers.h), and takes such code for another component that registers
 * threads itself. Tests aren't such a component, so their code has the number's complement.
 */
#ifndef RK_TEST_QUIET_H
#define RK_TEST_QUIET_H

#include <sys/syscall.h>

static inline long quiet_rseq(void)
{
	long complement = ~(long)SYS_rseq;

	__asm__("" : "+r"(complement));
	return ~complement;
}

#endif /* RK_TEST_QUIET_H */
