/* SPDX-License-Identifier: MIT */
/*
 * early.c - finds the symbols of the public TLS protocol, which this library never defines.
 *
 * The look is that of rseqkit/embed.h, so that embedded copies of that header see what this library sees. Its
 * references are weak. In a shared library that has one more effect that is wanted: it makes linkers export an
 * executable's own definition, so that it can be found at all.
 */
#include "early.h"

#include <rseqkit/embed.h>
#include <rseqkit/thread.h>

/* What the header says once more, because it includes no other. */
#define SAME(theirs, ours) _Static_assert((int)(theirs) == (int)(ours), #theirs " is " #ours)
SAME(sizeof(struct rke_area), sizeof(struct rk_area));
SAME(offsetof(struct rke_area, cpu_id), offsetof(struct rk_area, cpu_id));
SAME(offsetof(struct rke_area, mm_cid), offsetof(struct rk_area, mm_cid));
SAME(offsetof(struct rke_meeting, magic), offsetof(struct rk_rendezvous, magic));
SAME(offsetof(struct rke_meeting, version), offsetof(struct rk_rendezvous, version));
SAME(offsetof(struct rke_meeting, size), offsetof(struct rk_rendezvous, size));
SAME(offsetof(struct rke_meeting, kind), offsetof(struct rk_rendezvous, kind));
SAME(offsetof(struct rke_meeting, offset), offsetof(struct rk_rendezvous, offset));
SAME(offsetof(struct rke_meeting, length), offsetof(struct rk_rendezvous, length));
SAME(offsetof(struct rke_meeting, signature), offsetof(struct rk_rendezvous, signature));
SAME(RKE_MEETING_ADDRESS, RK_RENDEZVOUS_ADDRESS);
SAME(RKE_MEETING_EARLY, RK_RENDEZVOUS_EARLY);
SAME(RKE_AREA_LENGTH, RK_AREA_LENGTH_ORIGINAL);
SAME(RKE_OWNER_NONE, RK_OWNER_NONE);
SAME(RKE_OWNER_LIBC, RK_OWNER_LIBC);
SAME(RKE_OWNER_SELF, RK_OWNER_SELF);
SAME(RKE_OWNER_EARLY, RK_OWNER_EARLY);
SAME(RKE_OWNER_FOREIGN, RK_OWNER_FOREIGN);
#ifdef RK_SIGNATURE
SAME(RKE_SIGNATURE, RK_SIGNATURE);
#endif

bool rk_early_area(ptrdiff_t *offset)
{
	return rke_early_area(offset);
}

volatile uint32_t *rk_early_users(void)
{
	return rke_early_users();
}
