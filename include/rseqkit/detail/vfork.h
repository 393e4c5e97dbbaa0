/* SPDX-License-Identifier: MIT */
/*
 * vfork.h - the function that RK_VFORK() of ../vfork.h defines. It is in assembly on machines whose file in ../arch/ has it
 * (RKI_VFORK_ASM), and otherwise calls fork().
 *
 * A vfork child shares its parent's shadow stack on x86-64, and its parent's guarded control stack on arm64, if the process
 * has such a stack. If the child returned by a return instruction, it would remove the parent's return address from that stack.
 * Instead, the child jumps to the caller, and the stack still has the return address when the parent runs again. With BTI on
 * arm64, the target of a jump must be a "bti j". Compilers put that instruction after each call of a function that returns
 * twice.
 */
#ifndef RSEQKIT_DETAIL_VFORK_H
#define RSEQKIT_DETAIL_VFORK_H

#include <rseqkit/vfork.h>

#ifndef RKI_VFORK_ASM
#define RKI_VFORK_BY_FORK 1
#endif

#ifdef RKI_VFORK_BY_FORK
#include <errno.h>
#include <unistd.h>

#define RKI_VFORK(name, before, after)                                     \
	pid_t name(void)                                                   \
	{                                                                  \
		int begun = before();                                      \
		pid_t made = fork();                                       \
                                                                           \
		if (made == 0 || begun == RK_VFORK_AS_FORK)                \
			return made;                                       \
		return after(made < 0 ? -errno : made, begun);             \
	}                                                                  \
	extern __typeof__(after) after
#else
#define RKI_VFORK(name, before, after) __asm__(RKI_VFORK_ASM(name, before, after))
#endif

#endif /* RSEQKIT_DETAIL_VFORK_H */
