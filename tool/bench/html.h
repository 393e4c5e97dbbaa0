/* SPDX-License-Identifier: MIT */
/* html.h - writes text into the HTML page of `rseqkit bench --report`. */
#ifndef RK_TOOL_BENCH_HTML_H
#define RK_TOOL_BENCH_HTML_H

#include <stdio.h>

/* Writes text, escaped so that in HTML it can be text or the value of an attribute. */
void html_put(FILE *page, const char *text);

#endif /* RK_TOOL_BENCH_HTML_H */
