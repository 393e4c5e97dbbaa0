/* SPDX-License-Identifier: MIT */
/*
 * portable.h - replaces the primitives of section.h where there are no critical sections (arch.h). All code compiles, and
 * every operation returns RK_NO_RSEQ.
 *
 * The asm statement of an operation has no instruction. It keeps its operands and labels, so that compilers check them on
 * machines without critical sections too.
 */
#ifndef RSEQKIT_ARCH_PORTABLE_H
#define RSEQKIT_ARCH_PORTABLE_H

#define RK_HAVE_SECTIONS 0

#define RK_SECTION(exits, body, inputs, uses, ...)                                                                     \
	do {                                                                                                           \
		__asm__ __volatile__ goto("" : : inputs : "memory" : aborted, __VA_ARGS__);                            \
		goto leave;                                                                                            \
	} while (0)

#define RK_SECTION_VALUE(result, read, exits, body, inputs, uses)                                                      \
	do {                                                                                                           \
		__asm__ __volatile__("" : : inputs : "memory");                                                        \
		(result) = RK_NO_RSEQ;                                                                                 \
		(read) = 0;                                                                                            \
	} while (0)

#define RK_SECTION_TOKEN(token, exits, body, inputs, uses)                                                             \
	do {                                                                                                           \
		__asm__ __volatile__("" : : inputs : "memory");                                                        \
		(token) = RK_NO_RSEQ;                                                                                  \
	} while (0)

#define RK_SECTION_OR_NULL(token, body, inputs, uses)                                                                  \
	do {                                                                                                           \
		__asm__ __volatile__("" : : inputs : "memory");                                                        \
		(token) = 0;                                                                                           \
	} while (0)

/* Operands can be in registers or in memory, because machines without a port can have few registers. */
#define RK_IN(name) [name] "g"(name)
#define RK_IN_WORD_AS(name, expression) [name] "g"(RKI_WORD(expression))
#define RK_IN_WORD(name) RK_IN_WORD_AS(name, name)
#define RK_IN_IF_ROOM(name) RK_IN_WORD(name)
#define RK_IN_LENGTH(length) RK_IN(length)
#define RK_IN_COUNT(name, expression) RK_IN_WORD_AS(name, expression)

#define RK_IMMEDIATE(word) 0

/* RKI_AREA_READ gives the cpu_id of a thread that isn't registered. RKI_AREA_STORE_BYTE does nothing. */
#define RKI_AREA_READ(result, field) ((result) = (uint32_t)RK_CPU_ID_UNINITIALIZED)
#define RKI_AREA_STORE_BYTE(field, byte) ((void)0)

#endif /* RSEQKIT_ARCH_PORTABLE_H */
