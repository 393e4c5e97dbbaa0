/* SPDX-License-Identifier: MIT */
/*
 * stamped_tracepoint.h - the tracepoint of the bench `stamped`: one field of 64 bits. lttng-ust includes this file several times,
 * so its guard has a second condition.
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER rseqkit_bench
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "stamped_tracepoint.h"

#if !defined(RK_BENCH_STAMPED_TRACEPOINT_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define RK_BENCH_STAMPED_TRACEPOINT_H

#include <lttng/tracepoint.h>
#include <stdint.h>

/* clang-format off */
LTTNG_UST_TRACEPOINT_EVENT(rseqkit_bench, field,
	LTTNG_UST_TP_ARGS(uint64_t, number),
	LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, number, number)))
/* clang-format on */
#endif

#include <lttng/tracepoint-event.h>
