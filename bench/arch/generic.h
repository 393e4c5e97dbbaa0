/* SPDX-License-Identifier: MIT */
/* generic.h - what a machine gets if its own file in this folder doesn't define it. */
#ifndef RK_BENCH_ARCH_GENERIC_H
#define RK_BENCH_ARCH_GENERIC_H

/* The contenders of ../classic.h and ../floor.h, which are written in assembly. 0: they don't exist for this machine. */
#ifndef BENCH_HAVE_CLASSIC
#define BENCH_HAVE_CLASSIC 0
#endif
#ifndef BENCH_HAVE_FLOOR
#define BENCH_HAVE_FLOOR 0
#endif

/* Waits for a moment in a loop that waits for another thread. */
#ifndef BENCH_PAUSE
#define BENCH_PAUSE() ((void)0)
#endif

#endif /* RK_BENCH_ARCH_GENERIC_H */
