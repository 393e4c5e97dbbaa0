/* SPDX-License-Identifier: MIT */
/*
 * arch.h - picks the primitives for what is being compiled.
 *
 * A port is one file beside this one, of primitives only; operations are written once over them (ops_body.h). The
 * portable port has no critical sections: every operation in it says RK_NO_RSEQ, and what is built on operations
 * takes its fallback. It serves machines without a port, ThreadSanitizer (which can't see into assembly), and whoever
 * defines RK_NO_SECTIONS.
 */
#ifndef RSEQKIT_ARCH_H
#define RSEQKIT_ARCH_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RK_NO_SECTIONS 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) && !defined(RK_NO_SECTIONS)
#define RK_NO_SECTIONS 1
#endif

#if defined(__x86_64__) && !defined(__ILP32__) && !defined(RK_NO_SECTIONS)
#include <rseqkit/arch/x86_64.h>
#else
#include <rseqkit/arch/portable.h>
#endif

/* One macro argument with commas in it, for the lists of RK_SECTION. */
#define RK_LIST(...) __VA_ARGS__

#endif /* RSEQKIT_ARCH_H */
