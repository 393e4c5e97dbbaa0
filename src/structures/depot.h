/* SPDX-License-Identifier: MIT */
/*
 * depot.h - what the CPUs' parts of a cache share: objects in magazines, and the limits that all of them obey.
 *
 * Whoever holds objects, or may come to hold them, has been granted them: rk_depot_grant(). The depot's own are granted as
 * well. Everything here is without locks, for threads, handlers and children alike.
 */
#ifndef RK_SRC_DEPOT_H
#define RK_SRC_DEPOT_H

#include <rseqkit/cache.h>

struct depot {
	uint64_t full;  /* stack of magazines with objects: see depot.c */
	uint64_t empty; /* those without */
	uint32_t fresh; /* magazines that were never used begin here */
	uint32_t magazines;
	size_t mapped; /* bytes */
	char *memory;
	int64_t left;    /* of the limit */
	int64_t objects; /* in magazines */
	uint64_t limit, weight;
	struct rk_cache_budget *budget;
};

/* For `limit` objects. Returns 0 or -ENOMEM. */
int rk_depot_create(struct depot *depot, uint64_t limit, struct rk_cache_budget *budget, uint64_t weight);

/* Gives back its memory, and to the budget all that was granted. */
void rk_depot_destroy(struct depot *depot);

/* Takes room for up to `wanted` objects of the limits. Returns for how many. */
uint64_t rk_depot_grant(struct depot *depot, uint64_t wanted);
void rk_depot_return(struct depot *depot, uint64_t granted);

/* Both move up to RK_CACHE_BATCH_MAX objects, granted ones, and return how many: 0 when it is empty, or full. */
size_t rk_depot_take(struct depot *depot, void **objects, size_t count);
size_t rk_depot_put(struct depot *depot, void *const *objects, size_t count);

#endif /* RK_SRC_DEPOT_H */
