/* SPDX-License-Identifier: MIT */
/* cpus_page.h - the page on which copies of this library agree on the possible CPUs. Its form is in agreement.h. */
#ifndef RK_SRC_CPUS_PAGE_H
#define RK_SRC_CPUS_PAGE_H

#include "cpus.h"

/*
 * Offers a set, unless it is NULL, and returns the one on the page: this one, or another copy's that was faster. The set is
 * in words as in rk_cpus.set, and never changes. NULL: nothing is agreed on. Either no set was offered, or something else
 * is at the address, or nothing can be mapped there. Async-signal-safe, lock-free.
 */
const unsigned long *rk_cpus_agree(const struct rk_cpus *offer);

#endif /* RK_SRC_CPUS_PAGE_H */
