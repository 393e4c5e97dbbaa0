/* SPDX-License-Identifier: MIT */
/*
 * agreement.h - the structures that copies of this library in one process share, even if the copies are of different releases.
 * They are a thread's state and block, the rendezvous page, and the list of possible CPUs. Programs don't need this header. It is
 * installed for debuggers, and for tools that read other processes.
 */
#ifndef RSEQKIT_DETAIL_AGREEMENT_H
#define RSEQKIT_DETAIL_AGREEMENT_H

#include <rseqkit/abi.h>

/*
 * The thread state: what this library knows of a thread, apart from its area. Copies that share a thread block share its state,
 * whatever their versions. This form therefore never changes, but a later version of the library can append members. That
 * version uses an appended member only if the copy whose block has the state knew the member (state_version and state_size of
 * the rendezvous page). Every copy may read and write the state of the calling thread, but only by code that stays correct if a
 * signal handler of that thread interrupts it.
 */
struct rk_thread_state {
	uint32_t version;   /* version of this structure: RK_THREAD_STATE_VERSION */
	uint32_t users;     /* number of explicit registrations, see rk_thread_register() */
	uint8_t lazy;       /* bit 0: rk_thread_prepare() has succeeded in this thread; other bits: RK_THREAD_TRIES */
	uint8_t reason;     /* enum rk_reason: why this thread has no rseq; checked before any system call */
	uint8_t vfork;      /* calls of rk_vfork_begin() without rk_vfork_end(); unless 0, nothing registers this thread */
	uint8_t registered; /* 1: this library made this thread's registration */
	uint8_t restore;    /* bits that say what rk_vfork_end() has to undo, see src/thread/vfork.c */
	uint8_t counted;    /* 1: this library is in an early adopter's count of users (src/thread/early.h) */
	uint8_t slice;      /* the result of the slice extension's prctl (0: not called yet), and the number of mutexes
			       that the thread holds, see src/slice/slice.c */
	uint8_t armed;      /* 1: the thread will be unregistered at its end; used with musl (src/thread/exit.h) */
};

#define RK_THREAD_STATE_VERSION 1

/*
 * Bits of `lazy`: the number of attempts to register the thread that are under way. There can be more than one, because a
 * signal handler that interrupted an attempt can make another one.
 */
#define RK_THREAD_TRY 2
#define RK_THREAD_TRIES 6

/*
 * The thread block's alignment in bytes. It is 64, the most that the kernel may require for an area. But the TLS of a module
 * that dlopen() loads can't have a larger alignment than the libc's thread descriptor. The descriptor's alignment
 * (RKI_PLUGIN_ALIGNMENT) is 64 on x86 (32 and 64 bits), and 16 on other machines. On those other machines, a plugin with a copy
 * of this library couldn't be loaded if the block's alignment were 64. If the libc has an area of its own, the block isn't
 * used as an area, and an alignment of 16 is enough. The libc has one on machines whose signature <sys/rseq.h> defines. Where
 * this library doesn't know the signature, it registers no thread, and 16 is enough, too. dlopen() never loads the preloaded
 * object librseqkit-preload.so, which is compiled with an alignment of 64. The other copies use the block of that object.
 * Source: glibc's elf/dl-reloc.c, _dl_try_allocate_static_tls().
 */
#ifndef RK_BLOCK_ALIGNMENT
#define RK_BLOCK_ALIGNMENT 64
#if defined(__GLIBC__) && RKI_PLUGIN_ALIGNMENT < RK_BLOCK_ALIGNMENT && defined(__has_include)
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif
#if defined(RSEQ_SIG) || !RK_SIGNATURE
#undef RK_BLOCK_ALIGNMENT
#define RK_BLOCK_ALIGNMENT RKI_PLUGIN_ALIGNMENT
#endif
#endif
#endif

/*
 * The thread block: what a copy of this library keeps per thread in static TLS. If the libc has no area, `room` is the area.
 * The block is one cache line, because a module that dlopen() loads gets at most 64-byte alignment, and little room in the
 * static TLS. Until the thread is registered, cpu_id reads -1, which is its initial value (src/thread/area.c). A later
 * version can enlarge the room, so the rendezvous page says where the state is.
 */
struct rk_thread_block {
	union {
		struct rk_area area;
		unsigned char room[40]; /* more than struct rk_area, because the kernel's feature size may grow */
	} u;
	uint64_t number; /* the thread number that this copy gave, see src/thread/number.c */
	struct rk_thread_state state;
} __attribute__((__aligned__(RK_BLOCK_ALIGNMENT)));

/*
 * The rendezvous page. Copies of this library in a process can't always see which area to use. If the C library has no area,
 * the area can be one copy's thread block, or an executable's __rseq_abi. In such cases the first copy publishes its choice on
 * a page at a fixed address. This copy first writes the page to a file, and then maps the file. The page is therefore complete
 * when it becomes visible, and is read-only from then on. The first copy that maps the page has decided. The page is never
 * unmapped.
 *
 * All versions of the library use this page, so the fields keep their place and meaning. A later version increases `version`
 * and appends fields. After the first `size` bytes, all bytes of the page are 0. A zero in an appended field therefore means
 * that the writer didn't know the field, and a newer reader doesn't use that field. An older reader uses the fields that it
 * knows. Such a reader refuses the page only if it doesn't know the value of `kind`.
 */
struct rk_rendezvous {
	char magic[8];          /* RK_RENDEZVOUS_MAGIC */
	uint32_t version;       /* RK_RENDEZVOUS_VERSION of the writer, for display */
	uint32_t size;          /* bytes of this structure as its writer knew it */
	uint32_t kind;          /* RK_RENDEZVOUS_BLOCK or RK_RENDEZVOUS_EARLY */
	uint32_t state;         /* bytes from the area to the block's struct rk_thread_state */
	int64_t offset;         /* bytes from the thread pointer to the area that all copies use */
	uint32_t length;        /* bytes that areas are registered with */
	uint32_t signature;     /* RK_SIGNATURE */
	uint32_t state_version; /* RK_THREAD_STATE_VERSION of the writer */
	uint32_t state_size;    /* bytes of the state as its writer knew it */
	uint32_t blob;          /* bytes from the kernel's blob to the area (ktls.h); 0: the kernel doesn't register threads */
	uint32_t passive;       /* 1: the writer leaves registration to another component, and so must users of embed.h; 0.1: 0 */
};

#define RK_RENDEZVOUS_MAGIC "rseqkit"
#define RK_RENDEZVOUS_VERSION 1
#define RK_RENDEZVOUS_BLOCK 1 /* the area is in a thread block */
#define RK_RENDEZVOUS_EARLY 2 /* the area is an early adopter's __rseq_abi (src/thread/early.h) */

/*
 * The address is below 2 MiB: no executable is linked there, and no allocator uses that range. The address is above the lowest
 * address that can be mapped, and is aligned to all page sizes, which are up to 64 KiB.
 */
#define RK_RENDEZVOUS_ADDRESS 0x1e0000UL

/*
 * Room in static TLS for the blob, the data that a kernel with KTLS maintains for each thread (ktls.h). Either the preloaded
 * object or librseqkit-ktls has the room. That object exports the function rk_ktls_room(room, size), by which the copies of a
 * process find the room. The parameter `size` is the size of this structure as the caller knows it. The function fills that
 * many bytes, and stores 0 in fields that it doesn't know itself. The fields keep their place and meaning in all versions. A
 * later version appends fields.
 *
 * In a thread that isn't registered yet, all bytes of the room are 0xff. All copies use the thread state in the room, in the
 * same way as they use the state in a block.
 */
struct rk_ktls_room {
	int64_t offset;         /* bytes from the thread pointer to the room */
	uint32_t size;          /* bytes of room for the kernel's blob */
	uint32_t alignment;     /* of the room, in bytes */
	uint32_t state;         /* bytes from the beginning of the room to its struct rk_thread_state */
	uint32_t state_version; /* RK_THREAD_STATE_VERSION of the object that has the room */
	uint32_t state_size;    /* bytes of the state as that object knew it */
	uint32_t linked;        /* 1: the program was linked with the room; 0: the room is used only with RSEQKIT_AREA=ktls */
};

/*
 * The possible CPUs (percpu.h). The first copy of the library decides which CPUs are possible, and later copies use its set. If
 * code visits the CPUs of an object, it finds memory for all of these CPUs, whichever copy made the object. The structure is at
 * the beginning of a page at a fixed address. The page is read-only once the magic word is stored, and is never unmapped. The
 * form of the structure never changes: another form has another magic word.
 */
struct rk_cpus_page {
	uint32_t magic;    /* RK_CPUS_PAGE_MAGIC, stored last */
	uint32_t unused;   /* 0 */
	/* CPU n is bit n % B of word n / B, where a word has B bits; n is below RK_CPUS_MAX. */
	unsigned long set[8192 / (8 * sizeof(unsigned long))];
};

#define RK_CPUS_PAGE_MAGIC 0x31757063U /* "cpu1", on little-endian machines */

/* This page is at the next multiple of 64 KiB after the rendezvous page. */
#define RK_CPUS_PAGE_ADDRESS 0x1f0000UL

#endif /* RSEQKIT_DETAIL_AGREEMENT_H */
