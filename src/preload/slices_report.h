/* SPDX-License-Identifier: MIT */
/*
 * slices_report.h - counts, for librseqkit-slices.so (slices.c), how often a program's threads waited for locks, how many regions
 * they had, and in how many they were preempted. A region is the time in which a thread holds at least one lock. If
 * RSEQKIT_SLICES_REPORT names a file, the counts are written to it at exit.
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

/*
 * Starts counting, if RSEQKIT_SLICES_REPORT names a file. `watches_only` says that no time is requested; the report shows
 * this.
 */
void rk_report_start(bool watches_only);

/* Call this in a child of fork. Sets the counts to 0, because the parent reports the events before the fork. */
void rk_report_start_in_child(void);

void rk_report_count(enum rk_tally what);

/*
 * Call this when a region begins: the thread's first lock was taken. From this call on, a marker (slice/marker.h) shows
 * whether the thread was preempted.
 */
void rk_report_mark(void);

/*
 * Counts the region that began at rk_report_mark() and ends now. `granted` says that the thread still has granted time at
 * the end of the region.
 */
void rk_report_region(bool granted);

#endif /* RK_SRC_PRELOAD_REPORT_H */
