/* SPDX-License-Identifier: MIT */
/*
 * kinds.c - the properties of each kind of area. An area is a thread's struct rseq; its kind says whose memory it is in (enum
 * rk_where in process.h).
 *
 * An early adopter (early.h) knows only two negative values of cpu_id: -1, and -2 for a failed attempt to register. If it finds
 * -2, it makes no further attempt, so in an adopter's area, -2 is the mark between rk_vfork_begin() and rk_vfork_end(). The
 * adopter's own code makes the system call rseq, as a stranger's does, so the search for strangers can find the adopter.
 *
 * With KTLS a thread without rseq shows nothing about others, because the kernel registers them. With librseq it shows nothing
 * either, because librseq registers only threads that call it.
 */
#include "process.h"

#include <rseqkit/detail/agreement.h>

const struct rk_kind rk_kinds[] = {
	[RK_WHERE_LIBC] = {.owner = RK_OWNER_LIBC,
			   .provider = RK_KTLS_LIBC,
			   .reason = RK_REASON_LIBC_GAVE_UP,
			   .libc_follows = true,
			   .mark = RK_CPU_ID_BRACKET},
	[RK_WHERE_EARLY] = {.owner = RK_OWNER_EARLY,
			    .provider = RK_KTLS_LIBRARY,
			    .page = RK_RENDEZVOUS_EARLY,
			    .counted = true,
			    .strangers_share = true,
			    .mark = RK_CPU_ID_REGISTRATION_FAILED},
	[RK_WHERE_LIBC_SPARE] = {.owner = RK_OWNER_SELF,
				 .provider = RK_KTLS_LIBRARY,
				 .libc_follows = true,
				 .mark = RK_CPU_ID_BRACKET},
	[RK_WHERE_LIBRSEQ] = {.owner = RK_OWNER_LIBRSEQ,
			      .provider = RK_KTLS_OTHERS,
			      .reason = RK_REASON_STRANGER,
			      .separate = true,
			      .mark = RK_CPU_ID_BRACKET},
	[RK_WHERE_OWN] = {.owner = RK_OWNER_SELF,
			  .provider = RK_KTLS_LIBRARY,
			  .page = RK_RENDEZVOUS_BLOCK,
			  .only_ours = true,
			  .shared = true,
			  .mark = RK_CPU_ID_BRACKET},
	[RK_WHERE_KTLS] = {.owner = RK_OWNER_KERNEL,
			   .provider = RK_KTLS_KERNEL,
			   .page = RK_RENDEZVOUS_BLOCK,
			   .separate = true,
			   .shared = true,
			   .in_blob = true,
			   .vague_busy = true,
			   .mark = RK_CPU_ID_BRACKET},
	[RK_WHERE_NOWHERE] = {.owner = RK_OWNER_NONE, .provider = RK_KTLS_NONE, .mark = RK_CPU_ID_BRACKET},
};
