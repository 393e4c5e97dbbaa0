/* SPDX-License-Identifier: MIT */
/* cpus_page.h - the page on which copies of this library agree on the possible CPUs. Its form is in agreement.h. */
#ifndef RK_SRC_CPUS_PAGE_H
#define RK_SRC_CPUS_PAGE_H

#include "cpus.h"

/*
 * Offers a set, unless `offer` is NULL. Returns the set on the page: the offered set, or a set that another copy offered
 * earlier. The set is an array of words as in rk_cpus.set, and never changes. Returns NULL if there is no set: no copy
 * offered one, something else is at the page's address, or the page can't be mapped. Async-signal-safe, lock-free.
 */
const unsigned long *rk_cpus_agree(const struct rk_cpus *offer);

#endif /* RK_SRC_CPUS_PAGE_H */
