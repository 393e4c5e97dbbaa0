/* SPDX-License-Identifier: MIT */
/*
 * process.h - the decision, which this library makes once per process: where the threads' rseq areas are, which component's
 * memory they are in, and how long they are.
 */
#ifndef RK_SRC_PROCESS_H
#define RK_SRC_PROCESS_H

#include <stdbool.h>
#include <rseqkit/ktls.h>
#include <rseqkit/thread.h>

/* The kinds of area. A kind says whose memory the areas are in, and which component registers them. */
enum rk_where {
	RK_WHERE_UNDECIDED = 0,
	RK_WHERE_LIBC,       /* the libc's area, registered by the libc */
	RK_WHERE_EARLY,      /* an early adopter's __rseq_abi (early.h), registered by the adopter or by us */
	RK_WHERE_LIBC_SPARE, /* the libc's area, which the libc leaves alone: registered by this library */
	RK_WHERE_LIBRSEQ,    /* librseq's area, registered only by librseq */
	RK_WHERE_OWN,        /* the thread block of one copy of this library, see rendezvous.h */
	RK_WHERE_KTLS,       /* memory for the data of a kernel that registers threads itself, see ktls/ktls.h */
	RK_WHERE_NOWHERE     /* no thread has rseq; the offset is that of this copy's block, which is never registered */
};

/*
 * The properties of a kind of area, one row for each kind (kinds.c). No code outside kinds.c asks whether an area is of a certain
 * kind. It asks for a property instead, so a new kind is a row, and the function in plan.c that finds its areas.
 */
struct rk_kind {
	uint8_t owner;        /* enum rk_owner of a registered thread */
	uint8_t provider;     /* enum rk_ktls: the part that registers threads; RK_KTLS_NONE if threads have no area */
	uint8_t reason;       /* enum rk_reason of an unregistered thread, if this library registers none; else 0 */
	uint8_t page;         /* the rendezvous page's `kind` for such areas, if the page describes them; else 0 */
	bool separate;        /* a thread without rseq shows nothing about others: the owner doesn't need this library for them */
	bool only_ours;       /* only copies of this library know the areas: the page says where, and only copies register threads */
	bool shared;          /* all copies use one thread state (area.h), after the area; else each copy has its own */
	bool in_blob;         /* the area is in the blob of a kernel with KTLS */
	bool vague_busy;      /* the call that registers answers EBUSY also in a thread that has no registration */
	bool counted;         /* as in early.h, each thread has a count of the users of its registration */
	bool strangers_share; /* strangers (strangers.h) use this area, too, so this library needn't leave rseq to them */
	bool libc_follows;    /* the libc registers each thread that a registered thread creates */
	int32_t mark;         /* the value of cpu_id between rk_vfork_begin() and rk_vfork_end() */
};

extern const struct rk_kind rk_kinds[] __attribute__((__visibility__("hidden")));

/*
 * The decision. Each of the three words is 0 until one thread stores it, and never changes after that. A thread that races
 * with other threads uses the words that are stored already, and makes the missing words from them. A handler that interrupts
 * a thread does the same. rk_area_offset and rk_area_valid are stored before the last word.
 */
struct rk_process {
	union {
		uint64_t area_word;
		struct {
			int32_t offset;  /* bytes from the thread pointer */
			uint16_t length; /* bytes that this library or the libc registers; 0 if unknown */
			uint8_t where;   /* enum rk_where */
			uint8_t reason;  /* enum rk_reason: why no thread has rseq; see rk_process_reason() */
		};
	};
	union {
		uint64_t neighbours_word;
		struct {
			uint16_t state;          /* bytes from the area to the state that all copies share; 0: each copy has its own */
			uint16_t blob;           /* bytes from the kernel's blob (ktls/ktls.h) to the area; 0 without KTLS */
			uint16_t blob_size;      /* bytes, as the kernel said; 0 if the kernel wasn't asked or didn't say */
			uint16_t blob_alignment; /* bytes; 0 in the same cases as blob_size */
		};
	};
	union {
		uint64_t facts_word;
		struct {
			uint16_t valid; /* bytes of the area that are valid */
			uint16_t feature_size;
			uint16_t alignment;
			uint8_t provider; /* enum rk_ktls, plus 1 */
			uint8_t libc_area : 1;
			uint8_t libc_registers : 1;
		};
	};
	uint8_t given_up; /* enum rk_reason that was found after the decision and holds for all threads; 0: none */
	uint8_t served;   /* 1 once this copy has seen a registered thread; never 0 again */
	uint8_t refused;  /* enum rk_reason of the last thread that this copy couldn't register; 0: none yet */
} __attribute__((__aligned__(8)));

/*
 * Returns the decision, and makes it first if necessary. Async-signal-safe. Takes no lock except the dynamic linker's. With
 * glibc this lock is recursive, so a handler that interrupts dlopen() can take it again. With musl such a handler would
 * deadlock, so it must not call this function.
 */
const struct rk_process *rk_process_decide(void);

extern struct rk_process rk_process_decided __attribute__((__visibility__("hidden")));

/* Returns the decision. The first call makes it. */
static inline const struct rk_process *rk_process_get(void)
{
	if (RKI_LIKELY(__atomic_load_n(&rk_process_decided.facts_word, __ATOMIC_ACQUIRE) != 0))
		return &rk_process_decided;
	return rk_process_decide();
}

static inline const struct rk_kind *rk_kind_of(const struct rk_process *p)
{
	return &rk_kinds[p->where];
}

/*
 * Returns whether the kernel registers each new thread by itself, and each vfork child (KTLS, ktls/ktls.h). Then this library
 * registers a thread by the kernel's KTLS command instead of rseq(2), so that the kernel maintains all data of the thread.
 */
static inline bool rk_kernel_registers(const struct rk_kind *kind)
{
	return kind->provider == RK_KTLS_KERNEL;
}

/*
 * Returns why no thread of the process has rseq: the reason in the decision, or a reason that was found later. Returns
 * RK_REASON_NONE if threads can have rseq.
 */
static inline enum rk_reason rk_process_reason(const struct rk_process *p)
{
	uint8_t given_up = __atomic_load_n(&p->given_up, __ATOMIC_RELAXED);

	return (enum rk_reason)(given_up != RK_REASON_NONE ? given_up : p->reason);
}

/* Records a reason that one thread found and that holds for all threads: another component has registered a private area. */
void rk_process_give_up(enum rk_reason reason);

/*
 * Records the outcome for a thread that asked to be registered: RK_REASON_NONE if the thread is registered. A refusal belongs
 * to one thread, because each thread can have its own seccomp filter. Only if no thread has ever been registered, a refusal
 * means that the whole process may have no rseq.
 */
void rk_process_note(enum rk_reason reason);

#endif /* RK_SRC_PROCESS_H */
