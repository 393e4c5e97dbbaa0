/* SPDX-License-Identifier: MIT */
/* first.c - a component that comes first: linked with adopter.c or foreign.c, it enters in a constructor if so asked. */
#include <stdlib.h>
#include "../coexist/adopter.h"

__attribute__((__constructor__(101))) static void come_first(void)
{
	if (getenv("MATRIX_FIRST") != NULL)
		(void)adopter_calls()->enter();
}
