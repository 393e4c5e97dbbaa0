/* SPDX-License-Identifier: MIT */
/* x86_64.h - 64-bit x86. generic.h describes the macros. */
#ifndef RK_SRC_ARCH_X86_64_H
#define RK_SRC_ARCH_X86_64_H

#include <cpuid.h>
#include "x86.h"

#define RK_PAGE_SIZE 4096 /* there is no other */
#define RK_CLOCK() (__builtin_ia32_lfence(), __builtin_ia32_rdtsc())

static inline bool rk_cpuid_has_lzcnt(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (c & bit_LZCNT) != 0;
}
#define RK_CPUID_HAS_LZCNT() rk_cpuid_has_lzcnt()

#if __SIZEOF_POINTER__ == 8
#define RK_READS_CODE 1
#define RK_ASK_VALGRIND(answer, arguments)                                                                             \
	__asm__ __volatile__("rol {$3, %%rdi|rdi, 3}\n\trol {$13, %%rdi|rdi, 13}\n\t"                                  \
			     "rol {$61, %%rdi|rdi, 61}\n\trol {$51, %%rdi|rdi, 51}\n\txchg {%%rbx, %%rbx|rbx, rbx}"    \
			     : "+d"(answer)                                                                            \
			     : "a"(&(arguments)[0])                                                                    \
			     : "cc", "memory")
#endif

#endif /* RK_SRC_ARCH_X86_64_H */
