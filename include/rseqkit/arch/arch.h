/* SPDX-License-Identifier: MIT */
/*
 * arch.h - includes the port for the architecture that the code is compiled for.
 *
 * A port is one file in this folder, NAME.h, and may have further files NAME_*.h. This header includes NAME.h below. A port has
 * all code of programs that depends on the architecture; src/arch/ has what only the library needs. A port has
 *   - RK_SIGNATURE, the word before every abort handler, which equals the registered signature (source: the C library's
 *     bits/rseq.h)
 *   - the macros of generic.h whose default isn't right or not the best. generic.h has the defaults
 *   - unless RK_NO_SECTIONS is defined, the primitives that section.h lists. Operations are written once, with these primitives
 *     (detail/ops_body.h)
 *
 * No file outside the folders `arch` names an architecture, except embed.h; scripts/check-layers makes sure of it.
 *
 * If no port provides the primitives, generic.h includes portable.h, whose primitives have no critical sections. With
 * portable.h, every operation returns RK_NO_RSEQ, and everything that is built on operations takes its fallback. No port
 * provides the primitives
 *   - on machines without a port
 *   - with ThreadSanitizer, which can't see into assembly
 *   - with 32-bit pointers, because a word of this library is 64 bits in every port
 *   - if RK_NO_SECTIONS is defined
 */
#ifndef RSEQKIT_ARCH_H
#define RSEQKIT_ARCH_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RK_NO_SECTIONS 1
#endif
#endif
#if (defined(__SANITIZE_THREAD__) || __SIZEOF_POINTER__ < 8) && !defined(RK_NO_SECTIONS)
#define RK_NO_SECTIONS 1
#endif

/* Tells MemorySanitizer, which can't see into assembly, which bytes of the caller's memory a section wrote. */
#define RK_WRITTEN(pointer, size) ((void)0)
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#undef RK_WRITTEN
#define RK_WRITTEN(pointer, size) __msan_unpoison((pointer), (size))
#ifdef __cplusplus
extern "C"
#endif
void __msan_unpoison(const volatile void *memory, __SIZE_TYPE__ size); /* from <sanitizer/msan_interface.h> */
#endif
#endif

/* Passes a list with commas to RK_SECTION as one macro argument. */
#define RK_LIST(...) __VA_ARGS__

/* The operand of RK_ASM_INDEX_CID and RK_ASM_ENTER_CID (rk_cid_limit in ../abi.h). */
#define RK_IN_CID_LIMIT [cid_limit] "r"(rk_cid_limit)

/*
 * The kind of index is a parameter of the following primitives (section.h): RKI_BY_CPU means the current CPU, RKI_BY_CID the
 * concurrency id, RKI_BY_AT a given CPU. RKI_IN_INDEX has the operands of an index. `what` names the slots: base, or gate.
 */
#define RKI_BY_CPU(name) name##_CPU
#define RKI_BY_CID(name) name##_CID
#define RKI_BY_AT(name) name##_AT
#define RKI_ASM_INDEX(kind, to) kind(RK_ASM_INDEX)(to)
#define RKI_ASM_INDEX_OPEN_GATE(kind, to) RKI_ASM_OPEN_GATE(kind(RKI_ASM_NUMBER)(to))
#define RKI_ASM_ENTER_BY(kind, to, where, label) kind(RK_ASM_ENTER)(to, where, label)
#define RKI_IN_INDEX(kind, what) kind(RKI_IN_INDEX)(what)
#define RKI_IN_INDEX_CPU(what) RK_IN(what)
#define RKI_IN_INDEX_CID(what) RK_IN(what), RK_IN_CID_LIMIT
#define RKI_IN_INDEX_AT(what) RK_IN(what), RK_IN(cpu)

/*
 * The operand of RK_IN_WORD. This macro compiles only if the operand has the size of a word. On arm64, a section would take
 * 2^32 - 1 for the int -1. On x86-64, the assembler rejects an int in a register, but accepts a constant int.
 */
#define RKI_WORD(expression) ((void)sizeof(char[sizeof(expression)-(__SIZEOF_POINTER__-1)]),(expression))

#if defined(__x86_64__)
#include <rseqkit/arch/x86_64.h>
#elif defined(__i386__)
#include <rseqkit/arch/i386.h>
#elif defined(__aarch64__)
#include <rseqkit/arch/aarch64.h>
#elif defined(__powerpc__)
#include <rseqkit/arch/powerpc.h>
#endif
#include <rseqkit/arch/generic.h>

#endif /* RSEQKIT_ARCH_H */
