/* SPDX-License-Identifier: MIT */
/*
 * cpus_page.h - the page on which the copies of this library in a process agree which CPUs are possible.
 * rseqkit/detail/agreement.h has the page's layout.
 */
#ifndef RK_SRC_CPUS_PAGE_H
#define RK_SRC_CPUS_PAGE_H

#include "cpus.h"

/*
 * If `offer` isn't NULL and there is no page, makes the page with this set, and returns NULL. If another copy made the page
 * earlier, returns the page's set: an array of words as in rk_cpus.set, which never changes. Otherwise returns NULL: no copy has
 * made the page, or the page's address can't be used. Async-signal-safe, lock-free.
 */
const unsigned long *rk_cpus_agree(const struct rk_cpus *offer);

#endif /* RK_SRC_CPUS_PAGE_H */
