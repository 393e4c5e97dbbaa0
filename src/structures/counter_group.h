/* SPDX-License-Identifier: MIT */
/*
 * counter_group.h - functions that groups of counters and histograms share. The parameter `group` is the per-CPU item of a
 * group or of a histogram.
 */
#ifndef RK_SRC_COUNTER_GROUP_H
#define RK_SRC_COUNTER_GROUP_H

#include <rseqkit/detail/group.h>
#include <stdbool.h>

static inline struct rki_group_head *rk_group_head(const void *group)
{
	return (struct rki_group_head *)rk_percpu_slot(group, RK_INDEX_RESERVE);
}

/*
 * Like rk_counter_group_create() and rk_counter_group_destroy(), but without names. `caller` is an address in the code that
 * called the public function.
 */
int rk_group_create(void **group, size_t count, const void *caller);
int rk_group_destroy(void *group, bool is_histogram, const void *caller);

/*
 * Does the same as rk_counter_group_read() or, if `reset` is true, as rk_counter_group_reset(). The caller has checked the
 * parameters.
 */
int rk_group_read(void *group, int64_t *values, size_t count, bool reset);

/* Does the same as rk_counter_group_read_relaxed(). The caller has checked the parameters. */
void rk_group_read_relaxed(const void *group, int64_t *values, size_t count);

#endif /* RK_SRC_COUNTER_GROUP_H */
