/* SPDX-License-Identifier: MIT */
/*
 * tally.h - counts aborts of critical sections by thread, CPU and site, and sums them up by any of these. A site is an
 * instruction and the section to which it belongs (sites.h). Threads, processes and sites are numbers of elements in lists
 * (tasks.h, sites.h).
 *
 * The invariant: `aborts` counts every abort that the kernel reported. `uncounted` counts those of them that aren't in `cells`,
 * because there are too many cells or sites.
 */
#ifndef RK_TOOL_TRACE_TALLY_H
#define RK_TOOL_TRACE_TALLY_H

#include <stdbool.h>

#include "tasks.h"

/* The aborts of one thread on one CPU at one site. */
struct tally_cell {
	uint32_t thread, site;
	int cpu;
	uint64_t count, recent, before; /* recent: the aborts of the last interval; before: the count at the last tally_mark() */
};

/* How often the kernel wrote CPU numbers into a thread's area. */
struct tally_updates {
	uint64_t updates, moves; /* moves: the updates that changed the CPU number */
	int32_t cpu_id;          /* the number that the kernel wrote last */
	bool known;              /* `cpu_id` is valid */
};

struct tally {
	struct tally_cell *cells;
	uint32_t cell_count, thread_count;
	struct keys keys;
	struct tally_updates *threads; /* in the order of tasks->threads */
	uint64_t aborts, uncounted, updates;
};

/* The aborts are summed up by one of these. */
enum tally_view { VIEW_INSTRUCTION, VIEW_SECTION, VIEW_PROCESS, VIEW_THREAD, VIEW_CPU, TALLY_VIEWS };

struct tally_row {
	uint32_t key;              /* by the view: a site, the place of a section's start, a process, a thread or a CPU */
	uint32_t section;          /* with VIEW_INSTRUCTION: the place of the section's start */
	uint32_t process;          /* the process of these aborts, or one of several */
	bool several;              /* the aborts are of several processes */
	uint64_t count, recent;    /* recent: the aborts between the last two calls of tally_mark() */
	uint64_t updates, moves;   /* with VIEW_THREAD: see struct tally_updates */
};

void tally_add(struct tally *tally, uint32_t thread, int cpu, uint32_t site);
void tally_add_update(struct tally *tally, uint32_t thread, int32_t cpu_id);

/* Ends an interval: in each cell, `recent` becomes the number of aborts in this interval. */
void tally_mark(struct tally *tally);

/*
 * Returns the rows of a view, sorted by `count`, or with `by_recent` by `recent`. The row with the greatest number is the first.
 * The caller frees the rows.
 */
struct tally_row *tally_rows(const struct tally *tally, const struct tasks *tasks, enum tally_view view, bool by_recent,
			     uint32_t *count);

void tally_forget(struct tally *tally);

#endif /* RK_TOOL_TRACE_TALLY_H */
