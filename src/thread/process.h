/* SPDX-License-Identifier: MIT */
/*
 * process.h - the decision that is made once per process: whose memory is the area, where, how long.
 */
#ifndef RK_SRC_PROCESS_H
#define RK_SRC_PROCESS_H

#include <rseqkit/thread.h>

/* Where the areas are and who registers them; design: "Whose memory". */
enum rk_where {
	RK_WHERE_UNDECIDED = 0,
	RK_WHERE_LIBC,       /* the libc's area, registered by the libc */
	RK_WHERE_EARLY,      /* an early adopter's __rseq_abi, registered by it or by us */
	RK_WHERE_LIBC_SPARE, /* the libc's area, which it leaves alone: registered by us */
	RK_WHERE_LIBRSEQ,    /* librseq's area, registered by it alone */
	RK_WHERE_OWN,        /* the thread block of one copy of this library, see rendezvous.h, or the room for KTLS */
	RK_WHERE_NOWHERE     /* nobody can have rseq here; the offset is that of this copy's block, never registered */
};

struct rk_process {
	ptrdiff_t offset;
	ptrdiff_t state; /* from the thread pointer to the shared thread state, where the area is a thread block's */
	uint32_t length; /* to register with, or that the libc registered with; 0 if unknown */
	uint32_t valid;
	uint32_t feature_size;
	uint32_t alignment;
	uint32_t blob;   /* bytes from the kernel's blob to the area; 0 where the kernel doesn't register, see ktls.h */
	uint32_t blob_size, blob_alignment; /* as the kernel said, in bytes; 0 with blob, or where it wasn't to be asked */
	uint8_t where;   /* enum rk_where; written last */
	uint8_t reason;  /* enum rk_reason that holds for every thread */
	uint8_t libc_area;
	uint8_t libc_registers;
	uint8_t provider; /* one more than the enum rk_ktls */
	uint8_t served;   /* 1 once this copy has seen a thread that is registered; never 0 again */
	uint8_t refused;  /* enum rk_reason of the last thread that this copy couldn't register; 0: none yet */
};

/*
 * Makes the decision. Async-signal-safe, and without a lock but for that of dl_iterate_phdr(), which a handler
 * inside of dlopen() may take again with glibc only. Whoever races makes the same decision from the same inputs, and
 * publishes the same words.
 */
const struct rk_process *rk_process_decide(void);

extern struct rk_process rk_process_decided __attribute__((__visibility__("hidden")));

/* The decision, made on the first call. */
static inline const struct rk_process *rk_process_get(void)
{
	if (RKI_LIKELY(__atomic_load_n(&rk_process_decided.where, __ATOMIC_ACQUIRE) != RK_WHERE_UNDECIDED))
		return &rk_process_decided;
	return rk_process_decide();
}

/* A fact that a thread's attempt brought to light and that holds for all threads: a foreign owner. */
void rk_process_give_up(enum rk_reason reason);

/*
 * What became of a thread that asked to be registered: RK_REASON_NONE if it is. A refusal is this thread's own, for each
 * may have another filter. It tells of the process only as long as no thread was ever served.
 */
void rk_process_note(enum rk_reason reason);

#endif /* RK_SRC_PROCESS_H */
