/* SPDX-License-Identifier: MIT */
/* html.h - writes text of a report. */
#ifndef RK_TOOL_BENCH_HTML_H
#define RK_TOOL_BENCH_HTML_H

#include <stdio.h>

/* Writes text, escaped so that it may be text or the value of an attribute in HTML. */
void html_put(FILE *page, const char *text);

#endif /* RK_TOOL_BENCH_HTML_H */
