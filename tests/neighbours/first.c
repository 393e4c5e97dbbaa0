/* SPDX-License-Identifier: MIT */
/*
 * first.c - makes any neighbour that it is linked with one that comes first: in the initial thread it enters before other
 * constructors of its module are run, if NEIGHBOUR_FIRST is in the environment.
 *
 * ALWAYS    without being asked. With NEIGHBOUR_ONCE in the environment, what is preloaded here isn't preloaded into
 *           programs that this one starts.
 * PREINIT   without being asked, and before the constructors of all modules; in executables only.
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

/* glibc passes what main() gets; in a module that is initialised before the libc getenv() isn't ready yet. */
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
