/* SPDX-License-Identifier: MIT */
/*
 * part.h - the part of a case that holds, or uses, a copy of the library: in the program itself, or in a module that is
 * loaded at start or later. Built from part.c, whichever way the copy comes.
 */
#ifndef PART_H
#define PART_H

#include "../coexist/copy.h"

enum { MATRIX_ADDS_IN_CONSTRUCTOR = 7 };

struct part {
	const struct copy *copy;
	struct rk_counter *counter; /* of this part; made by its constructor */
	int in_constructor;         /* adds that the constructor made */
};

/* Each module's only export. */
typedef const struct part *part_function(void);

#endif /* PART_H */
