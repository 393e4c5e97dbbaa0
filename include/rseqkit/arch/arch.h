/* SPDX-License-Identifier: MIT */
/*
 * arch.h - picks the port for what is being compiled.
 *
 * A port is one file beside this one, included below, that says all there is to say of an architecture: RK_SIGNATURE,
 * the word before every abort handler, equal to the one registered (source: the C library's bits/rseq.h); and, unless
 * RK_NO_SECTIONS is defined, the primitives that section.h lists. Operations are written once over those
 * (detail/ops_body.h).
 *
 * What has no primitives gets those of portable.h, without critical sections: every operation says RK_NO_RSEQ, and
 * what is built on operations takes its fallback. So have machines without a port, ThreadSanitizer (which can't see
 * into assembly), code with 32-bit pointers (a word of ours is 64 bits in every port), and whoever defines
 * RK_NO_SECTIONS.
 */
#ifndef RSEQKIT_ARCH_H
#define RSEQKIT_ARCH_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RK_NO_SECTIONS 1
#endif
#endif
#if (defined(__SANITIZE_THREAD__) || defined(__ILP32__)) && !defined(RK_NO_SECTIONS)
#define RK_NO_SECTIONS 1
#endif

/* What a section wrote to the caller's memory; MemorySanitizer can't see into assembly either, and is told. */
#define RK_WRITTEN(pointer, size) ((void)0)
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#undef RK_WRITTEN
#define RK_WRITTEN(pointer, size) __msan_unpoison((pointer), (size))
#ifdef __cplusplus
extern "C"
#endif
void __msan_unpoison(const volatile void *memory, __SIZE_TYPE__ size); /* of <sanitizer/msan_interface.h> */
#endif
#endif

/* One macro argument with commas in it, for the lists of RK_SECTION. */
#define RK_LIST(...) __VA_ARGS__

#if defined(__x86_64__)
#include <rseqkit/arch/x86_64.h>
#elif defined(__i386__)
#include <rseqkit/arch/i386.h>
#elif defined(__aarch64__)
#include <rseqkit/arch/aarch64.h>
#endif
#ifndef RK_HAVE_SECTIONS
#include <rseqkit/arch/portable.h>
#endif

#endif /* RSEQKIT_ARCH_H */
