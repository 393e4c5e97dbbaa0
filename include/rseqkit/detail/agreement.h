/* SPDX-License-Identifier: MIT */
/*
 * agreement.h - what copies and releases of this library agree on in one process: a thread's state and block, the rendezvous
 * page, and which CPUs are possible. Programs don't need this header. It is installed for debuggers, and for tools that read
 * other processes.
 */
#ifndef RSEQKIT_DETAIL_AGREEMENT_H
#define RSEQKIT_DETAIL_AGREEMENT_H

#include <rseqkit/abi.h>

/*
 * The thread state: what this library knows of a thread, apart from its area. Copies that share a thread block share its
 * state, whatever their versions. So this form never changes, but a later version may append members. It relies on an appended
 * member only if the copy that has the state knew that member (state_version, state_size below). Every copy may read and write
 * the state of its own thread. It does so by code that signal handlers of that thread can't split.
 */
struct rk_thread_state {
	uint32_t version;   /* of this structure: RK_THREAD_STATE_VERSION */
	uint32_t users;     /* explicit registrations, see rk_thread_register() */
	uint8_t lazy;       /* 1 for the thread's life: an operation registered it; and RK_THREAD_TRIES */
	uint8_t reason;     /* enum rk_reason: why this thread has no rseq; checked before any system call */
	uint8_t vfork;      /* depth of rk_vfork_begin(); while above 0 nothing registers this thread */
	uint8_t registered; /* this library made this thread's registration */
	uint8_t restore;    /* what rk_vfork_end() has to undo: bits, see src/thread/vfork.c */
	uint8_t counted;    /* 1: this library is a user in an early adopter's count */
	uint8_t slice;      /* the answer to the slice extension's prctl (0: not asked), and how many mutexes are held:
			       src/slice/slice.c */
	uint8_t armed;      /* the thread's end will undo its registration, where the libc needs that */
};

#define RK_THREAD_STATE_VERSION 1

/*
 * Bits of `lazy`: how many attempts to register the thread are under way. Each later one is in a handler that interrupted the
 * one before.
 */
#define RK_THREAD_TRY 2
#define RK_THREAD_TRIES 6

/*
 * The thread block's alignment in bytes: 64, the most that the kernel may require for an area. A module that is loaded late
 * gets no more than the alignment of the libc's thread descriptor. That is 64 on x86-64, and 16 on other machines. On those, a
 * libc with an area of its own makes 16 enough, since the block isn't an area then. A block of 64 would prevent every plugin
 * with a copy from being loaded. The preloaded object librseqkit-preload.so is never loaded late, and is compiled with 64. The
 * other copies use its block.
 * Source: glibc's elf/dl-reloc.c, _dl_try_allocate_static_tls().
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
 * The thread block: what a copy of this library keeps per thread in static TLS. Where the libc has no area, `room` is the
 * area. The block is one cache line, because a module that is loaded late gets at most 64-byte alignment, and little room in
 * the static TLS surplus. Before the thread is registered, cpu_id reads -1. That is its initial content (src/thread/area.c). A
 * later version may enlarge the room: the rendezvous page says where the state is.
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
 * The rendezvous page. Copies of this library in a process can't always see whose area to use. It may be one copy's thread
 * block, where the C library has no area, or an executable's __rseq_abi. In such cases the first copy writes its choice on a
 * page at a fixed address. The page is a file that is written first, and then mapped. So it is complete before it is visible,
 * and read-only from then on. The copy that maps it first has decided. It is never unmapped.
 *
 * All versions of the library use this page, so the fields keep their place and meaning. A later version increases `version`
 * and appends fields. After `size` bytes the page is zero. A zero in an appended field means that the writer didn't know the
 * field, and a newer reader does without it. An older reader takes the fields that it knows. It refuses only a kind that it
 * doesn't know.
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
 * Below 2 MiB: no executable is linked there, and no allocator uses that range. Above the lowest address that may be mapped.
 * Aligned to all page sizes, which are up to 64 KiB.
 */
#define RK_RENDEZVOUS_ADDRESS 0x1e0000UL

/*
 * Room in static TLS for the data that the kernel maintains (ktls.h). The preloaded object has it, or librseqkit-ktls. The
 * copies of a process find the room by a function that this object exports, rk_ktls_room(room, size). The function fills the
 * first `size` bytes of this structure, as much as the caller knows. It zeroes fields that it doesn't know itself. The fields
 * keep their place and meaning in all versions. A later version appends fields.
 *
 * In a thread that isn't registered yet, all bytes of the room are 0xff. All copies use the state of the room, as they use
 * that of a block.
 */
struct rk_ktls_room {
	int64_t offset;         /* bytes from the thread pointer to the room */
	uint32_t size;          /* bytes of room for the kernel's blob */
	uint32_t alignment;     /* bytes, of where it begins */
	uint32_t state;         /* bytes from where it begins to its struct rk_thread_state */
	uint32_t state_version; /* RK_THREAD_STATE_VERSION of the object that has the room */
	uint32_t state_size;    /* bytes of the state as that object knew it */
	uint32_t linked;        /* 1: the program was linked with the room; 0: the room is used only with RSEQKIT_AREA=ktls */
};

/*
 * The CPUs that are possible (percpu.h). The first copy of the library decides, and later copies use its set. So code that
 * visits the CPUs of an object finds memory for all of them, whichever copy made the object. The structure is at the beginning
 * of a page at a fixed address. That page is read-only once the magic word is there, and is never unmapped. Its form never
 * changes: another form has another magic word.
 */
struct rk_cpus_page {
	uint32_t magic;    /* RK_CPUS_PAGE_MAGIC, stored last */
	uint32_t unused;   /* 0 */
	unsigned long set[8192 / (8 * sizeof(unsigned long))]; /* bit n % bits of word n / bits: CPU n, below RK_CPUS_MAX */
};

#define RK_CPUS_PAGE_MAGIC 0x31757063U /* "cpu1", on little-endian machines */

/* The page at the next multiple of 64 KiB. */
#define RK_CPUS_PAGE_ADDRESS 0x1f0000UL

#endif /* RSEQKIT_DETAIL_AGREEMENT_H */
