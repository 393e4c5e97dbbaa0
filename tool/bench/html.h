/* SPDX-License-Identifier: MIT */
/* html.h - text of a report. */
#ifndef RK_TOOL_BENCH_HTML_H
#define RK_TOOL_BENCH_HTML_H

#include <stdio.h>

/* Text, escaped for any place in HTML where text or an attribute's value may stand. */
void html_put(FILE *page, const char *text);

#endif /* RK_TOOL_BENCH_HTML_H */
