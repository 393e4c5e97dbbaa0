/* SPDX-License-Identifier: MIT */
/*
 * abi.h - what the modules of one process, and the kernel, agree on: the area, where it is, who may write what.
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
	uint32_t slice_ctrl;                  /* slice extension: request, grant; valid from feature size 32 + 1 on */
};

/* cpu_id, read as int32_t, of a thread that isn't registered. Source: include/uapi/linux/rseq.h. */
#define RK_CPU_ID_UNINITIALIZED (-1)
#define RK_CPU_ID_REGISTRATION_FAILED (-2)

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

/*
 * The thread state: what this library knows of a thread beside its area. Copies that share a thread block share its
 * state, whatever their versions, so this form is never changed; a later version may append to it, and relies on
 * what it appended only in states whose copy knew it (state_version, state_size below). Every copy may read and write
 * it on behalf of its own thread, with code that signal handlers of that thread can't split.
 */
struct rk_thread_state {
	uint32_t version;   /* of this structure: RK_THREAD_STATE_VERSION */
	uint32_t users;     /* explicit registrations, see rk_thread_register() */
	uint8_t lazy;       /* sticky: this thread was registered by an operation, for its life */
	uint8_t reason;     /* enum rk_reason: why this thread has no rseq; looked at before any system call */
	uint8_t vfork;      /* depth of rk_vfork_begin(); while above 0 nothing registers this thread */
	uint8_t registered; /* this library made this thread's registration */
	uint8_t restore;    /* what rk_vfork_end() has to undo: bits, see src/registration/vfork.c */
	uint8_t counted;    /* a user of an early adopter's count is ours */
	uint8_t reserved;   /* never read */
	uint8_t armed;      /* the thread's end will undo its registration, where the libc needs that */
};

#define RK_THREAD_STATE_VERSION 1

/*
 * The thread block's alignment in bytes: as much as the kernel may ask for an area (64). A module that is loaded late
 * gets no more than the libc's thread descriptor has, though: 64 on x86-64, 16 elsewhere. There a block that stands
 * beside an area of the libc's does with that, and is none itself; one of 64 would keep every plugin that holds a copy
 * from being loaded. What is never loaded late is compiled with 64: librseqkit-preload.so, whose block the other copies
 * then use. Source: glibc's elf/dl-reloc.c, _dl_try_allocate_static_tls().
 */
#ifndef RK_BLOCK_ALIGNMENT
#define RK_BLOCK_ALIGNMENT 64
#if defined(__GLIBC__) && !defined(__x86_64__) && !defined(__i386__)
#if __GLIBC_PREREQ(2, 35)
#undef RK_BLOCK_ALIGNMENT
#define RK_BLOCK_ALIGNMENT 16
#endif
#endif
#endif

/*
 * The thread block: what a copy of this library keeps per thread in static TLS. Where the libc has no area, `room` is
 * the area. It is one cache line, because a module that is loaded late gets at most 64-byte alignment and little room
 * in the static TLS surplus. Before a thread's registration it reads cpu_id -1; that is its initial content
 * (src/registration/area.c). A later version may enlarge the room: the state is found by what the page below says.
 */
struct rk_thread_block {
	union {
		struct rk_area area;
		unsigned char room[48]; /* the kernel's feature size may grow into it */
	} u;
	struct rk_thread_state state;
} __attribute__((__aligned__(RK_BLOCK_ALIGNMENT)));

/*
 * The rendezvous: where copies of this library in a process can't all see whose area to use (one copy's thread block,
 * on a C library without an area; an executable's __rseq_abi), the first one writes it on a page at a well-known
 * address. The page is complete before it is visible (a file, written and then mapped), read-only from then on, and
 * whoever maps it first has decided; it is never unmapped.
 *
 * Versions of the library meet here, so the fields below keep their place and meaning in all of them. A later version
 * raises `version` and appends. Behind `size` bytes the page is zero, and that means for an appended field that its
 * writer knew nothing of it: a newer reader does without. An older reader takes what it knows, and refuses only a
 * kind that it doesn't know.
 */
struct rk_rendezvous {
	char magic[8];          /* RK_RENDEZVOUS_MAGIC */
	uint32_t version;       /* RK_RENDEZVOUS_VERSION of the writer, for display */
	uint32_t size;          /* bytes of this structure as its writer knew it */
	uint32_t kind;          /* RK_RENDEZVOUS_BLOCK or RK_RENDEZVOUS_EARLY */
	uint32_t state;         /* bytes from the area to the block's struct rk_thread_state */
	int64_t offset;         /* bytes from the thread pointer to the area that all use */
	uint32_t length;        /* bytes that areas are registered with */
	uint32_t signature;     /* RK_SIGNATURE */
	uint32_t state_version; /* RK_THREAD_STATE_VERSION of the writer */
	uint32_t state_size;    /* bytes of the state as its writer knew it */
};

#define RK_RENDEZVOUS_MAGIC "rseqkit"
#define RK_RENDEZVOUS_VERSION 1
#define RK_RENDEZVOUS_BLOCK 1 /* the area is that of a thread block */
#define RK_RENDEZVOUS_EARLY 2 /* the area is a component's __rseq_abi */

/* Below 2 MiB, where no executable is linked and no allocator looks; above the lowest address that may be mapped. */
#define RK_RENDEZVOUS_ADDRESS 0x1ec000UL

RK_BEGIN_DECLS

/*
 * The offset in bytes from the thread pointer to the area, the same in every thread; see the invariant above.
 * Constant from this library's constructor on, which is why it is declared so: the compiler may keep it in a
 * register. Code that can run before any constructor (a preloaded allocator, say) calls rk_process_init() or creates
 * a structure first, in another function than the one that has the operations, and not inlined into it: a compiler
 * that takes the word for constant may read it before that call.
 */
RK_API const ptrdiff_t rk_area_offset;

/*
 * How many bytes of a registered thread's area hold valid fields: compare with RK_FIELD_END_*. Whether a thread is
 * registered is another matter, told by the sign of its cpu_id. Never derived from a kernel version: it is the
 * smaller of the auxiliary vector's feature size and what the registered length covers, and at most 28 when that
 * length is 32. Constant from the constructor on.
 */
RK_API const uint32_t rk_area_valid;

/*
 * True where there is no such offset at all: rk_area_offset is 0, which is no area's, and operations leave for their
 * fallback. This happens on C libraries that have no static TLS for modules that are loaded late (musl); glibc has it.
 */
#ifdef __GLIBC__
#define RK_NO_AREA 0
#else
#define RK_NO_AREA RK_UNLIKELY(rk_area_offset == 0)
#endif

RK_END_DECLS

#endif /* RSEQKIT_ABI_H */
