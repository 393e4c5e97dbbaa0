/* SPDX-License-Identifier: MIT */
/*
 * slices_report.h - counts the events of a program's locks for librseqkit-slices.so. At exit, the counts are written to a
 * file if the environment names a file.
 */
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

/* Starts counting, if the environment names a file (RSEQKIT_SLICES_REPORT). `watches_only` is only shown in the report. */
void rk_report_start(bool watches_only);

/* Call this in a child of fork. Sets the counts to 0, because the parent reports the events before the fork. */
void rk_report_start_in_child(void);

void rk_report_count(enum rk_tally what);

/* From this call on, the marker shows whether this thread was switched out. */
void rk_report_mark(void);

/*
 * Counts the region that began at rk_report_mark() and ends now. `granted` says that the thread still has granted time at
 * the end of the region.
 */
void rk_report_region(bool granted);

#endif /* RK_SRC_PRELOAD_REPORT_H */
