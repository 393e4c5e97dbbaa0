/* SPDX-License-Identifier: MIT */
/* cpus_page.h - the page on which copies of this library agree on the possible CPUs. Its form is in agreement.h. */
#ifndef RK_SRC_CPUS_PAGE_H
#define RK_SRC_CPUS_PAGE_H

#include "cpus.h"

/*
 * If `offer` isn't NULL, offers this set. Returns the set that another copy offered earlier: an array of words as in
 * rk_cpus.set, which never changes. Returns NULL if there is no such set. Then this offer was the first one, or no copy has made
 * an offer, or copies can't use the page's address. Async-signal-safe, lock-free.
 */
const unsigned long *rk_cpus_agree(const struct rk_cpus *offer);

#endif /* RK_SRC_CPUS_PAGE_H */
