/* SPDX-License-Identifier: MIT */
/*
 * part.h - the part of a case (case.c) that contains a copy of the library, or links to the shared library. The part is in the
 * program itself, or in a module that is loaded at start or later. All variants are built from part.c.
 */
#ifndef PART_H
#define PART_H

#include "../coexist/copy.h"

enum { MATRIX_ADDS_IN_CONSTRUCTOR = 7 };

struct part {
	const struct copy *copy;
	struct rk_counter *counter; /* made by this part's constructor */
	int in_constructor;         /* adds that the constructor made */
};

/* The type of each module's only export. */
typedef const struct part *part_function(void);

#endif /* PART_H */
