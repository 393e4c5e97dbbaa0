/* SPDX-License-Identifier: MIT */
/*
 * part.c - defines the part (part.h). With MATRIX_USE=constructor in the environment, the constructor below makes the first
 * adds.
 */
#include "part.h"

#include <stdlib.h>
#include <string.h>
#include "../coexist/copy.c"

static struct part part;

__attribute__((__visibility__("default"))) const struct part *matrix_part(void);

const struct part *matrix_part(void)
{
	return &part;
}

__attribute__((__constructor__)) static void construct(void)
{
	const char *use = getenv("MATRIX_USE");

	part.copy = copy_of_rseqkit();
	if (part.copy->create(&part.counter) != 0 || use == NULL || strcmp(use, "constructor") != 0)
		return;
	for (; part.in_constructor < MATRIX_ADDS_IN_CONSTRUCTOR; part.in_constructor++)
		part.copy->add(part.counter, 1);
}
