/* SPDX-License-Identifier: MIT */
/* cpus_page.h - where copies of this library agree on which CPUs are possible; the page is described in agreement.h. */
#ifndef RK_SRC_CPUS_PAGE_H
#define RK_SRC_CPUS_PAGE_H

#include "cpus.h"

/*
 * Offers a set, unless it is NULL, and returns the one on the page: this one, or another copy's that was faster, in words as
 * rk_cpus.set; it never changes. NULL where nothing is agreed on: something else is at the address, or nothing can be mapped
 * there.
 * Async-signal-safe, lock-free.
 */
const unsigned long *rk_cpus_agree(const struct rk_cpus *offer);

#endif /* RK_SRC_CPUS_PAGE_H */
