/* SPDX-License-Identifier: MIT */
/*
 * choice.h - chooses the part of rseqkit-all.h and rseqkit-all.c that a compiler reads: the library, or the counters for any
 * system (rseqkit-anywhere.h). scripts/amalgamate copies this file.
 *
 * The library needs Linux, gcc or clang, and a C library that it knows. It doesn't know Android's, and it has no code for 32-bit
 * pointers on 64-bit processors. A program that defines RK_ANYWHERE chooses the counters for any system. It then has to define
 * RK_ANYWHERE for all of its files.
 */
#ifndef RSEQKIT_CHOICE_H
#define RSEQKIT_CHOICE_H

#ifndef RK_ANYWHERE
#if !defined(__linux__) || !defined(__GNUC__) || defined(__ANDROID__)
#define RK_ANYWHERE 1
#elif defined(__ILP32__) && (defined(__x86_64__) || defined(__aarch64__))
#define RK_ANYWHERE 1
#endif
#endif

#endif /* RSEQKIT_CHOICE_H */
