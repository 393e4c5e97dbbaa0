/* SPDX-License-Identifier: MIT */
/*
 * abi.h - what a program and the kernel agree on: the area, where it is, and which side may write which field. (The header
 * detail/agreement.h has what copies of this library agree on.)
 *
 * The invariant: a process has one offset from the thread pointer to the area. The library decides the offset once, before its
 * first use. Every thread has memory at this offset. Until a thread is registered at this offset, the cpu_id in its memory is
 * negative. The fast path therefore only adds the offset to the thread pointer.
 */
#ifndef RSEQKIT_ABI_H
#define RSEQKIT_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <rseqkit/api.h>
#include <rseqkit/arch/arch.h>

/*
 * The area: `struct rseq` of the kernel, the one structure per thread that the kernel and the thread share. Source: the kernel's
 * include/uapi/linux/rseq.h. This header declares the structure itself, so that a program needs no particular kernel header.
 *
 * Only the kernel may write the fields marked K. In optimised mode (kernel 7.0 and later, registered length above 32) a store
 * by the program to one of these fields kills the process, so the fields are const. They are volatile too, because the kernel
 * changes them. Initialise an object of this type; never assign to it.
 *
 * Every access from C must use a volatile lvalue. Such an access needs no atomic instruction, because aligned words don't tear,
 * and because the kernel writes to an area only while it works for that area's thread.
 */
struct rk_area {
	const volatile uint32_t cpu_id_start; /* K: a possible CPU number, or data of a component that defines __rseq_abi */
	const volatile uint32_t cpu_id;       /* K: the current CPU; negative as int32_t if the thread isn't registered */
	uint64_t rseq_cs;                     /* address of the active section's descriptor; the kernel clears it later */
	const volatile uint32_t flags;        /* K: whether the slice extension is available, and enabled */
	const volatile uint32_t node_id;      /* K: NUMA node; valid from feature size 24 on */
	const volatile uint32_t mm_cid;       /* K: concurrency id; valid from feature size 28 on */
	uint32_t slice_ctrl;                  /* slice extension: one byte for request, one for grant; from feature size 33 on */
};

/* cpu_id, read as int32_t, of a thread that isn't registered. Source: include/uapi/linux/rseq.h. */
#define RK_CPU_ID_UNINITIALIZED (-1)
#define RK_CPU_ID_REGISTRATION_FAILED (-2)

/* Bits of flags: the kernel offers the slice extension; the extension is on in this thread. Source: include/uapi/linux/rseq.h. */
#define RK_AREA_SLICE_AVAILABLE (1u << 4)
#define RK_AREA_SLICE_ENABLED (1u << 5)

/*
 * cpu_id of a thread between rk_vfork_begin() and rk_vfork_end(). No component may register such a thread. In the area of an
 * early adopter, a component that defines __rseq_abi, cpu_id is RK_CPU_ID_REGISTRATION_FAILED instead, which the adopter
 * knows. Every copy of this library, and embed.h, respects both values.
 */
#define RK_CPU_ID_BRACKET (-3)

/* In bytes: the length that every kernel with rseq accepts, and the size of the fields that the first such kernels had. */
#define RK_AREA_LENGTH_ORIGINAL 32
#define RK_FEATURE_SIZE_ORIGINAL 20

/* The byte offset of a field's end. The field is valid if rk_area_valid is at least this offset. */
#define RK_FIELD_END_RSEQ_CS 16
#define RK_FIELD_END_FLAGS 20
#define RK_FIELD_END_NODE_ID 24
#define RK_FIELD_END_MM_CID 28
#define RK_FIELD_END_SLICE_CTRL 32

RKI_BEGIN_DECLS

/*
 * The offset in bytes from the thread pointer to the area, the same in every thread; see the invariant above. The variable is
 * constant from this library's constructor on. It is declared const, so that the compiler can keep its value in a register.
 *
 * Code that can run before any constructor, as in a preloaded allocator, must call rk_process_init() or create a structure
 * first. Make that call in a function of its own, which isn't inlined and has no operations. Otherwise the compiler can read
 * the variable before the call, because the compiler treats the variable as constant.
 */
RKI_EXPORT RKI_ONCE ptrdiff_t rk_area_offset;

/*
 * The number of bytes of a registered thread's area that hold valid fields; compare it with RK_FIELD_END_*. This number doesn't
 * tell whether a thread is registered. The sign of the thread's cpu_id tells that.
 *
 * The value is never derived from a kernel version. It is the minimum of two sizes: the auxiliary vector's feature size, and the
 * size that the registered length covers (28 if the registered length is 32). The value is constant from the constructor on.
 */
RKI_EXPORT RKI_ONCE uint32_t rk_area_valid;

/*
 * mm_cid is the concurrency id if cpu_id, compared without a sign, is less than this number. The number is 2^31 if the areas
 * have the field, and otherwise 0. One comparison therefore tells whether the thread is registered, and whether the kernel has
 * concurrency ids. A kernel without them leaves 0 in mm_cid of each thread. The value is constant from the constructor on.
 * Before, it is 0.
 */
RKI_EXPORT RKI_ONCE uint32_t rk_cid_limit;

/*
 * True if the areas have no common offset from the thread pointer. Then rk_area_offset is 0, which is never an area's offset,
 * and operations take their fallback. This happens with C libraries that give no static TLS to modules that dlopen() loads
 * (musl). glibc gives such modules static TLS, so with glibc the value is always 0.
 */
#ifdef __GLIBC__
#define RKI_NO_AREA 0
#else
#define RKI_NO_AREA RKI_UNLIKELY(rk_area_offset == 0)
#endif

RKI_END_DECLS

#endif /* RSEQKIT_ABI_H */
