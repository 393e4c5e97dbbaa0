/* SPDX-License-Identifier: MIT */
/* x86.h - 32-bit and 64-bit x86: what both have in common. */
#ifndef RK_SRC_ARCH_X86_H
#define RK_SRC_ARCH_X86_H

#define RK_TLS_AT_POINTER 0

#define RK_PAUSE() __builtin_ia32_pause()

/* Without the lock prefix, the instruction takes a fifth of the time. */
#define RK_WORD_REPLACE(done, word, expected, desired)                                                                 \
	__asm__ __volatile__("cmpxchg {%[new], %[at]|%[at], %[new]}"                                                   \
			     : "=@ccz"(done), [at] "+m"(*(word)), "+a"(expected)                                       \
			     : [new] "r"(desired)                                                                      \
			     : "memory")

#endif /* RK_SRC_ARCH_X86_H */
