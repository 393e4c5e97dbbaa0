/* SPDX-License-Identifier: MIT */
/*
 * first.c - lets the neighbour that is linked with this file use rseq before other components do. If NEIGHBOUR_FIRST is in the
 * environment, the neighbour enters in the initial thread, before other constructors of its module run.
 *
 * ALWAYS    the neighbour enters also without NEIGHBOUR_FIRST. If NEIGHBOUR_ONCE is in the environment, programs that
 *           this program starts don't inherit LD_PRELOAD.
 * PREINIT   the neighbour enters also without NEIGHBOUR_FIRST, before the constructors of all modules. Only
 *           executables can have this form.
 */
#include "neighbour.h"

#include <stdlib.h>
#include <string.h>

#if defined(ALWAYS)
static char *find(char **environment, const char *start)
{
	while (*environment != NULL && strncmp(*environment, start, strlen(start)) != 0)
		environment++;
	return *environment;
}

/* glibc passes main()'s arguments to constructors. getenv() isn't ready in a module that is initialised before the libc. */
__attribute__((__constructor__(101))) static void come_first(int argc, char **argv, char **environment)
{
	char *preload = find(environment, "LD_PRELOAD=");

	(void)argc;
	(void)argv;
	if (find(environment, "NEIGHBOUR_ONCE=") != NULL && preload != NULL)
		preload[0] = 'x';
	(void)neighbour_here()->enter();
}
#elif defined(PREINIT)
static void come_first(void)
{
	(void)neighbour_here()->enter();
}

__attribute__((__section__(".preinit_array"), __used__)) static void (*const first)(void) = come_first;
#else
__attribute__((__constructor__(101))) static void come_first(void)
{
	if (getenv("NEIGHBOUR_FIRST") != NULL)
		(void)neighbour_here()->enter();
}
#endif
