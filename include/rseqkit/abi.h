/* SPDX-License-Identifier: MIT */
/*
 * abi.h - what a program and the kernel agree on: the area, where it is, who may write what. (What copies of this
 * library agree on is in detail/agreement.h.)
 *
 * The invariant: there is one offset from the thread pointer per process. It is decided once, before first use, and
 * it is always an offset at which every thread has memory that reads cpu_id < 0 until that very thread is registered
 * there. The fast path adds it and is done.
 */
#ifndef RSEQKIT_ABI_H
#define RSEQKIT_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <rseqkit/api.h>
#include <rseqkit/arch/arch.h>

/*
 * The area: `struct rseq` of the kernel, the one structure per thread that the kernel and the thread share.
 * Source: the kernel's include/uapi/linux/rseq.h. Declared here so that no particular kernel header is needed.
 *
 * Fields marked K are the kernel's to write and nobody else's: in optimised mode (kernel 7.0 and later, registered
 * length above 32) a user store to one of them kills the process. So they are const, and as the kernel changes them
 * volatile: what has such a field is initialised, never assigned to. Every access from C goes through a volatile
 * lvalue; aligned words don't tear, and the kernel writes only on behalf of the thread itself, so no atomic
 * instruction is needed.
 */
struct rk_area {
	const volatile uint32_t cpu_id_start; /* K: a possible CPU number, unless an adopter keeps something of its own here */
	const volatile uint32_t cpu_id;       /* K: the current CPU; negative as int32_t when unregistered */
	uint64_t rseq_cs;                     /* the active section's descriptor; the kernel clears it, lazily */
	const volatile uint32_t flags;        /* K: slice extension available and enabled */
	const volatile uint32_t node_id;      /* K: NUMA node; valid from feature size 24 on */
	const volatile uint32_t mm_cid;       /* K: concurrency id; valid from feature size 28 on */
	uint32_t slice_ctrl;                  /* slice extension: a byte each for request and grant; from size 32 + 1 on */
};

/* cpu_id, read as int32_t, of a thread that isn't registered. Source: include/uapi/linux/rseq.h. */
#define RK_CPU_ID_UNINITIALIZED (-1)
#define RK_CPU_ID_REGISTRATION_FAILED (-2)

/* Bits of flags: the kernel offers the slice extension, and it is on in this thread. Source: as above. */
#define RK_AREA_SLICE_AVAILABLE (1u << 4)
#define RK_AREA_SLICE_ENABLED (1u << 5)

/*
 * cpu_id of a thread inside rk_vfork_begin() and rk_vfork_end(): nobody registers it. In an early adopter's area
 * RK_CPU_ID_REGISTRATION_FAILED says so, which the adopter knows. Every copy of this library, and embed.h, heeds both.
 */
#define RK_CPU_ID_BRACKET (-3)

/* Bytes: the length every kernel with rseq accepts, and the fields it covered when rseq was new. */
#define RK_AREA_LENGTH_ORIGINAL 32
#define RK_FEATURE_SIZE_ORIGINAL 20

/* Byte offsets behind the last byte of a field: the field is valid if rk_area_valid is at least this. */
#define RK_FIELD_END_RSEQ_CS 16
#define RK_FIELD_END_FLAGS 20
#define RK_FIELD_END_NODE_ID 24
#define RK_FIELD_END_MM_CID 28
#define RK_FIELD_END_SLICE_CTRL 32

RKI_BEGIN_DECLS

/*
 * The offset in bytes from the thread pointer to the area, the same in every thread; see the invariant above.
 * Constant from this library's constructor on, which is why it is declared so: the compiler may keep it in a
 * register. Code that can run before any constructor (a preloaded allocator, say) calls rk_process_init() or creates
 * a structure first, in another function than the one that has the operations, and not inlined into it: a compiler
 * that takes the word for constant may read it before that call.
 */
RKI_API const ptrdiff_t rk_area_offset;

/*
 * How many bytes of a registered thread's area hold valid fields: compare with RK_FIELD_END_*. Whether a thread is
 * registered is another matter, told by the sign of its cpu_id. Never derived from a kernel version: it is the
 * smaller of the auxiliary vector's feature size and what the registered length covers, and at most 28 when that
 * length is 32. Constant from the constructor on.
 */
RKI_API const uint32_t rk_area_valid;

/*
 * True where there is no such offset at all: rk_area_offset is 0, which is no area's, and operations leave for their
 * fallback. This happens on C libraries that have no static TLS for modules that are loaded late (musl); glibc has it.
 */
#ifdef __GLIBC__
#define RKI_NO_AREA 0
#else
#define RKI_NO_AREA RKI_UNLIKELY(rk_area_offset == 0)
#endif

RKI_END_DECLS

#endif /* RSEQKIT_ABI_H */
