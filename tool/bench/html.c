/* SPDX-License-Identifier: MIT */
/* html.c - writes text into the HTML page of `rseqkit bench --report`, see html.h. */
#include "html.h"

void html_put(FILE *page, const char *text)
{
	for (; *text != '\0'; text++)
		switch (*text) {
		case '&':
			fputs("&amp;", page);
			break;
		case '<':
			fputs("&lt;", page);
			break;
		case '>':
			fputs("&gt;", page);
			break;
		case '"':
			fputs("&quot;", page);
			break;
		case '\'':
			fputs("&#39;", page);
			break;
		default:
			fputc(*text, page);
		}
}
