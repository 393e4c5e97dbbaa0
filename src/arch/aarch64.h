/* SPDX-License-Identifier: MIT */
/* aarch64.h - 64-bit Arm. generic.h describes the macros. */
#ifndef RK_SRC_ARCH_AARCH64_H
#define RK_SRC_ARCH_AARCH64_H

#define RK_TLS_AT_POINTER 0

#define RK_PAUSE() __asm__ __volatile__("isb")
#define RK_CLOCK()                                                                                                     \
	__extension__({                                                                                                \
		uint64_t clock_;                                                                                       \
		__asm__ __volatile__("isb\n\tmrs %0, cntvct_el0" : "=r"(clock_) : : "memory");                         \
		clock_;                                                                                                \
	})

#define RK_ASK_VALGRIND(answer, arguments)                                                                             \
	do {                                                                                                           \
		register volatile uintptr_t *where_ __asm__("x4") = (arguments);                                       \
		register uintptr_t result_ __asm__("x3") = 0;                                                          \
		__asm__ __volatile__("ror x12, x12, #3\n\tror x12, x12, #13\n\t"                                       \
				     "ror x12, x12, #51\n\tror x12, x12, #61\n\torr x10, x10, x10"                     \
				     : "+r"(result_)                                                                   \
				     : "r"(where_)                                                                     \
				     : "cc", "memory", "x12");                                                         \
		(answer) = result_;                                                                                    \
	} while (0)

#if __SIZEOF_POINTER__ == 8
#define RK_READS_CODE 1
#endif
#define RK_TLS_DESCRIPTORS_IF_SHARED 1
#define RK_VDSO_NAME(name) "__kernel_" name

#endif /* RK_SRC_ARCH_AARCH64_H */
