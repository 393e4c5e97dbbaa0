/* SPDX-License-Identifier: MIT */
/*
 * abi.h - what a program and the kernel agree on: the area, where it is, and which side may write which field. (What copies of
 * this library agree on is in detail/agreement.h.)
 *
 * The invariant: a process has one offset from the thread pointer to the area. It is decided once, before first use. At this
 * offset every thread has memory that reads cpu_id < 0 until that very thread is registered there. So the fast path only adds
 * the offset to the thread pointer.
 */
#ifndef RSEQKIT_ABI_H
#define RSEQKIT_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <rseqkit/api.h>
#include <rseqkit/arch/arch.h>

/*
 * The area: `struct rseq` of the kernel, the one structure per thread that the kernel and the thread share.
 * Source: the kernel's include/uapi/linux/rseq.h. It is declared here so that no particular kernel header is needed.
 *
 * Only the kernel may write the fields marked K. In optimised mode (kernel 7.0 and later, registered length above 32) a user
 * store to one of them kills the process. So these fields are const. They are volatile too, because the kernel changes them. An
 * object of this type is initialised, never assigned to.
 *
 * Every access from C goes through a volatile lvalue, and needs no atomic instruction: aligned words don't tear, and the kernel
 * writes only on behalf of the thread itself.
 */
struct rk_area {
	const volatile uint32_t cpu_id_start; /* K: a possible CPU number, unless an adopter keeps something of its own here */
	const volatile uint32_t cpu_id;       /* K: the current CPU; negative as int32_t when unregistered */
	uint64_t rseq_cs;                     /* the active section's descriptor; the kernel clears it, lazily */
	const volatile uint32_t flags;        /* K: slice extension available and enabled */
	const volatile uint32_t node_id;      /* K: NUMA node; valid from feature size 24 on */
	const volatile uint32_t mm_cid;       /* K: concurrency id; valid from feature size 28 on */
	uint32_t slice_ctrl;                  /* slice extension: a byte each for request and grant; from feature size 33 on */
};

/* cpu_id, read as int32_t, of a thread that isn't registered. Source: include/uapi/linux/rseq.h. */
#define RK_CPU_ID_UNINITIALIZED (-1)
#define RK_CPU_ID_REGISTRATION_FAILED (-2)

/* Bits of flags: the kernel offers the slice extension; the extension is on in this thread. Source: as above. */
#define RK_AREA_SLICE_AVAILABLE (1u << 4)
#define RK_AREA_SLICE_ENABLED (1u << 5)

/*
 * cpu_id of a thread between rk_vfork_begin() and rk_vfork_end(), which no component may register. In an early adopter's area
 * the mark is RK_CPU_ID_REGISTRATION_FAILED, which the adopter knows. Every copy of this library, and embed.h, respects both.
 */
#define RK_CPU_ID_BRACKET (-3)

/* Bytes: the length that every kernel with rseq accepts, and the fields that it covered when rseq was new. */
#define RK_AREA_LENGTH_ORIGINAL 32
#define RK_FEATURE_SIZE_ORIGINAL 20

/* The byte offset of a field's end: the field is valid if rk_area_valid is at least this. */
#define RK_FIELD_END_RSEQ_CS 16
#define RK_FIELD_END_FLAGS 20
#define RK_FIELD_END_NODE_ID 24
#define RK_FIELD_END_MM_CID 28
#define RK_FIELD_END_SLICE_CTRL 32

RKI_BEGIN_DECLS

/*
 * The offset in bytes from the thread pointer to the area, the same in every thread; see the invariant above. It is constant
 * from this library's constructor on. It is declared const, so that the compiler may keep it in a register.
 *
 * Code that can run before any constructor, as in a preloaded allocator, calls rk_process_init() or creates a structure first.
 * It does so in another function than the one that has the operations, and that function isn't inlined. Otherwise the compiler,
 * which takes the word for constant, may read it before that call.
 */
RKI_API const ptrdiff_t rk_area_offset;

/*
 * How many bytes of a registered thread's area hold valid fields: compare with RK_FIELD_END_*. It doesn't say whether a thread is
 * registered; the sign of the thread's cpu_id does.
 *
 * The value is never derived from a kernel version. It is the smaller one of the auxiliary vector's feature size and the size
 * that the registered length covers: at most 28 when that length is 32. It is constant from the constructor on.
 */
RKI_API const uint32_t rk_area_valid;

/*
 * True where there is no such offset. Then rk_area_offset is 0, which is never an area's offset, and operations take their
 * fallback. This happens with C libraries that have no static TLS for modules that are loaded late (musl). glibc has it.
 */
#ifdef __GLIBC__
#define RKI_NO_AREA 0
#else
#define RKI_NO_AREA RKI_UNLIKELY(rk_area_offset == 0)
#endif

RKI_END_DECLS

#endif /* RSEQKIT_ABI_H */
