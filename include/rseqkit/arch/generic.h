/* SPDX-License-Identifier: MIT */
/*
 * generic.h - what a machine gets if its own file in this folder doesn't define it. A machine without a file gets all of this.
 *
 * Everything works on such a machine, without critical sections, if the compiler has __builtin_thread_pointer(). gcc 12 for
 * m68k, sparc64 and hppa doesn't have it, so these machines need a file. On 32-bit machines whose compiler calls libatomic for
 * 64-bit words, such as PowerPC and MIPS, the functions aren't for signal handlers (README.md).
 *
 * For a new port, this file says what each macro means.
 */
#ifndef RSEQKIT_ARCH_GENERIC_H
#define RSEQKIT_ARCH_GENERIC_H

/* The word before every abort handler. 0: it isn't known for this machine. In that case the library never registers a thread. */
#ifndef RK_SIGNATURE
#define RK_SIGNATURE 0
#endif

/*
 * RKI_READ_THREAD_POINTER stores the thread pointer, a char *, in `pointer`. Areas' offsets are relative to the thread pointer.
 * Each use of the macro must read the thread pointer anew, because a fiber can continue in another thread.
 */
#ifndef RKI_READ_THREAD_POINTER
#define RKI_READ_THREAD_POINTER(pointer) ((pointer) = (char *)__builtin_thread_pointer())
#endif

/*
 * The largest alignment, in bytes, that the TLS of a module loaded by glibc's dlopen() can have. It is the alignment of glibc's
 * thread descriptor (detail/agreement.h).
 */
#ifndef RKI_PLUGIN_ALIGNMENT
#define RKI_PLUGIN_ALIGNMENT 16
#endif

/*
 * 1 if the machine executes loads in order, stores in order, and no store before an earlier load. Machines with 0 need memory
 * fences.
 */
#ifndef RKI_ORDERS_BY_ITSELF
#define RKI_ORDERS_BY_ITSELF 0
#endif

/*
 * Two macros have no default:
 *   - RKI_VFORK_ASM is a vfork() in assembly. Without it, RK_VFORK() uses fork() (detail/vfork.h)
 *   - RKI_LZCNT stores the number of zeros before the highest 1 of a word in `zeros`, by an instruction that not every processor
 *     of this kind has. Without it, the compiler chooses the instruction (detail/group.h)
 */

/* Critical sections. */
#ifndef RK_HAVE_SECTIONS
#include <rseqkit/arch/portable.h>
#endif

#endif /* RSEQKIT_ARCH_GENERIC_H */
