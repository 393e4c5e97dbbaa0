/* SPDX-License-Identifier: MIT */
/* slices_report.h - what librseqkit-slices.so counts of a program's locks, and reports at its end if it is to. */
#ifndef RK_SRC_PRELOAD_REPORT_H
#define RK_SRC_PRELOAD_REPORT_H

#include <stdbool.h>

enum rk_tally {
	RK_TALLY_REGIONS,
	RK_TALLY_PREEMPTED,
	RK_TALLY_UNKNOWN,
	RK_TALLY_GRANTED,
	RK_TALLY_WAITS,
	RK_TALLY_CONDITIONS,
	RK_TALLIES
};

/* Counts from now on, if the environment names a file (RSEQKIT_SLICES_REPORT); `watches_only` is for the report. */
void rk_report_start(bool watches_only);

/* In a child of fork: what its parent has counted the parent reports. */
void rk_report_start_in_child(void);

void rk_report_count(enum rk_tally what);

/* From here on it shows whether this thread was switched out. */
void rk_report_mark(void);

/* What was held since then is given back, with granted time or without. */
void rk_report_region(bool granted);

#endif /* RK_SRC_PRELOAD_REPORT_H */
