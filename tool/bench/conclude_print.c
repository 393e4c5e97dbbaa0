/* SPDX-License-Identifier: MIT */
/* conclude_print.c - prints the conclusions for all benches of `rseqkit bench` in lines that fit a terminal. */
#include "conclude.h"

#include <stdio.h>
#include <string.h>

#include "common/output.h"

/* Sentences are easier to read in short lines, even on a wide terminal. */
#define COLUMNS_MOST 80
#define COLUMNS_NARROW 60 /* with fewer columns, the sentences about a bench begin on the line after its name */

static int columns(void)
{
	int there = output_columns(stdout);

	return there == 0 || there > COLUMNS_MOST ? COLUMNS_MOST : there;
}

/* Prints words in lines that begin with `indent` blanks. In the first line the cursor is already after the blanks. */
static void print_words(const char *text, int indent)
{
	int column = indent;

	while (*text != '\0') {
		int length = (int)strcspn(text, " ");

		if (column > indent && column + 1 + length > columns()) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		column += printf("%s%.*s", column > indent ? " " : "", length, text);
		text += length + (text[length] == ' ');
	}
	putchar('\n');
}

void conclude_print(const struct figures *figures)
{
	char text[CONCLUSION_SIZE];

	print_coloured(COLOUR_BOLD, "Conclusions");
	putchar('\n');
	if (conclude_doubt(figures, text)) {
		print_coloured(COLOUR_YELLOW, "  Careful: ");
		print_words(text, 11);
	}
	printf("  ");
	print_words(conclude_legend, 2);
	for (unsigned i = 0; i < figures->bench_count; i++) {
		bool narrow = columns() < COLUMNS_NARROW;

		printf(narrow ? "  %s\n    " : "  %-18s ", figures->benches[i].name);
		print_words(conclude_bench(&figures->benches[i], text), narrow ? 4 : 21);
	}
}
