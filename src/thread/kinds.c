/* SPDX-License-Identifier: MIT */
/*
 * kinds.c - the properties of each kind of area.
 *
 * An early adopter knows two negative values of cpu_id, those of its protocol. The value for a failed attempt keeps the
 * adopter from making another attempt. So this value is the bracket's mark in an adopter's area.
 */
#include "process.h"

const struct rk_kind rk_kinds[] = {
	[RK_WHERE_LIBC] = {.owner = RK_OWNER_LIBC,
			   .provider = RK_KTLS_LIBC,
			   .reason = RK_REASON_LIBC_GAVE_UP,
			   .mark = RK_CPU_ID_BRACKET},
	[RK_WHERE_EARLY] = {.owner = RK_OWNER_EARLY,
			    .provider = RK_KTLS_LIBRARY,
			    .counted = true,
			    .mark = RK_CPU_ID_REGISTRATION_FAILED},
	[RK_WHERE_LIBC_SPARE] = {.owner = RK_OWNER_SELF, .provider = RK_KTLS_LIBRARY, .mark = RK_CPU_ID_BRACKET},
	[RK_WHERE_LIBRSEQ] = {.owner = RK_OWNER_LIBRSEQ,
			      .provider = RK_KTLS_OTHERS,
			      .reason = RK_REASON_STRANGER,
			      .asked = true,
			      .mark = RK_CPU_ID_BRACKET},
	[RK_WHERE_OWN] = {.owner = RK_OWNER_SELF,
			  .provider = RK_KTLS_LIBRARY,
			  .shared = true,
			  .mark = RK_CPU_ID_BRACKET},
	[RK_WHERE_KTLS] = {.owner = RK_OWNER_KERNEL,
			   .provider = RK_KTLS_KERNEL,
			   .shared = true,
			   .mark = RK_CPU_ID_BRACKET},
	[RK_WHERE_NOWHERE] = {.owner = RK_OWNER_NONE, .provider = RK_KTLS_NONE, .mark = RK_CPU_ID_BRACKET},
};
