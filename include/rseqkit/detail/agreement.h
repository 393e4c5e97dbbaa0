/* SPDX-License-Identifier: MIT */
/*
 * agreement.h - what copies and releases of this library agree on, in one process: a thread's state and block, the page
 * on which they meet, and which CPUs are possible. No program needs it; it is installed for those who read other
 * processes, and for debuggers.
 */
#ifndef RSEQKIT_DETAIL_AGREEMENT_H
#define RSEQKIT_DETAIL_AGREEMENT_H

#include <rseqkit/abi.h>

/*
 * The thread state: what this library knows of a thread beside its area. Copies that share a thread block share its
 * state, whatever their versions, so this form is never changed; a later version may append to it, and relies on
 * what it appended only in states whose copy knew it (state_version, state_size below). Every copy may read and write
 * it on behalf of its own thread, with code that signal handlers of that thread can't split.
 */
struct rk_thread_state {
	uint32_t version;   /* of this structure: RK_THREAD_STATE_VERSION */
	uint32_t users;     /* explicit registrations, see rk_thread_register() */
	uint8_t lazy;       /* sticky: this thread was registered by an operation, for its life; and RK_THREAD_TRIES */
	uint8_t reason;     /* enum rk_reason: why this thread has no rseq; looked at before any system call */
	uint8_t vfork;      /* depth of rk_vfork_begin(); while above 0 nothing registers this thread */
	uint8_t registered; /* this library made this thread's registration */
	uint8_t restore;    /* what rk_vfork_end() has to undo: bits, see src/thread/vfork.c */
	uint8_t counted;    /* a user of an early adopter's count is ours */
	uint8_t slice;      /* what came of asking for the slice extension: 0 not asked, see src/slice/slice.c */
	uint8_t armed;      /* the thread's end will undo its registration, where the libc needs that */
};

#define RK_THREAD_STATE_VERSION 1

/* Bits of `lazy`: how many attempts to register the thread are under way, each in a handler that interrupted the one before. */
#define RK_THREAD_TRY 2
#define RK_THREAD_TRIES 6

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
 * (src/thread/area.c). A later version may enlarge the room: the state is found by what the page below says.
 */
struct rk_thread_block {
	union {
		struct rk_area area;
		unsigned char room[40]; /* the kernel's feature size may grow into it */
	} u;
	uint64_t number; /* this copy's number of the thread, see src/thread/number.c */
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
	uint32_t blob;          /* bytes to the area from what the kernel maintains (ktls.h); 0: it doesn't register */
	uint32_t reserved;      /* 0 */
};

#define RK_RENDEZVOUS_MAGIC "rseqkit"
#define RK_RENDEZVOUS_VERSION 1
#define RK_RENDEZVOUS_BLOCK 1 /* the area is that of a thread block */
#define RK_RENDEZVOUS_EARLY 2 /* the area is a component's __rseq_abi */

/*
 * Below 2 MiB, where no executable is linked and no allocator looks; above the lowest address that may be mapped; aligned
 * to every size of pages, which is up to 64 KiB.
 */
#define RK_RENDEZVOUS_ADDRESS 0x1e0000UL

/*
 * Room in static TLS for what the kernel maintains (ktls.h). Whoever has it, the preloaded object or librseqkit-ktls,
 * tells the copies of a process where it is, by a function that it exports: rk_ktls_room(room, size) fills as much of this
 * as the caller knows, `size` bytes, and what it doesn't know itself it zeroes. The fields below keep their place and
 * meaning in all versions. A later one appends.
 *
 * In a thread that isn't registered yet all bytes of the room are ones. Its state is one for all copies, as a block's is.
 */
struct rk_ktls_room {
	int64_t offset;         /* bytes from the thread pointer to the room */
	uint32_t size;          /* bytes of room for the kernel's blob */
	uint32_t alignment;     /* bytes, of where it begins */
	uint32_t state;         /* bytes from where it begins to its struct rk_thread_state */
	uint32_t state_version; /* RK_THREAD_STATE_VERSION of who has the room */
	uint32_t state_size;    /* bytes of the state as that knew it */
	uint32_t linked;        /* 1: the program was linked with it for this; 0: only with RSEQKIT_AREA=ktls */
};

/*
 * Which CPUs are possible (percpu.h), as the copy that looked first took it. Others take the same, so that whoever goes
 * through the CPUs of an object finds memory for all of them, whichever copy made it. It begins a page at a well-known
 * address, read-only once the magic word is there, and is never unmapped. Its form is never changed: another one has
 * another magic word.
 */
struct rk_cpus_page {
	uint32_t magic;    /* RK_CPUS_PAGE_MAGIC, stored last */
	uint32_t unused;   /* 0 */
	unsigned long set[8192 / (8 * sizeof(unsigned long))]; /* bit n % bits of word n / bits: CPU n, below RK_CPUS_MAX */
};

#define RK_CPUS_PAGE_MAGIC 0x31757063U /* "cpu1", on little-endian machines */

/* The next one. */
#define RK_CPUS_PAGE_ADDRESS 0x1f0000UL

#endif /* RSEQKIT_DETAIL_AGREEMENT_H */
