/* SPDX-License-Identifier: MIT */
/* top.h - what the files of `rseqkit top` share: the table, and the terminal. */
#ifndef RK_TOOL_TRACE_TOP_H
#define RK_TOOL_TRACE_TOP_H

#include "tracer.h"

/* The table of one interval. */
struct top {
	enum tally_view view;
	bool by_total, paused;  /* by_total: sort by all aborts, not by the last interval's; paused: show no new intervals */
	double interval;        /* the measured length of the last interval in seconds */
	struct tally_row *rows; /* the rows of the table */
	uint32_t count;         /* the number of rows */
	uint64_t recent;        /* aborts of the last interval */
};

/*
 * A request of the user, by a key or a signal of the terminal. The invariant: while Ctrl-Z stops this program, and after the
 * program's end, also by exit(), the terminal has its former state.
 */
enum top_request { TOP_NOTHING, TOP_REDRAW, TOP_RESORT, TOP_QUIT };

/* top_screen_open() prepares the terminal. Returns false if stdin or stdout isn't a terminal. top_screen_close() restores it. */
bool top_screen_open(void);
void top_screen_close(void);

/* Handles keys and signals that have come, and changes `top`. */
enum top_request top_screen_keys(struct top *top);

/* Draws the table on the whole terminal. */
void top_screen_draw(struct tracer *tracer, const struct top *top);

/* Writes row number `row` of the table into text[size], for a line of `columns` columns. */
void top_format(struct tracer *tracer, const struct top *top, uint32_t row, size_t columns, char *text, size_t size);

/* top_format_title() writes the first line above the rows. top_format_header() writes the second line: the names of columns. */
void top_format_title(const struct tracer *tracer, const struct top *top, char *text, size_t size);
void top_format_header(const struct top *top, size_t columns, char *text, size_t size);

#endif /* RK_TOOL_TRACE_TOP_H */
