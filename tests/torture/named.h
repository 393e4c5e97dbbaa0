/* SPDX-License-Identifier: MIT */
/* named.h - code for main() of programs for tests of `rseqkit torture`. The first argument names one of a program's functions. */
#ifndef NAMED_H
#define NAMED_H

#include <rseqkit/counter.h>
#include <stddef.h>
#include <string.h>

struct named {
	const char *name;
	int (*run)(void); /* returns true if the function saw no difference from a run without a tracer or agent */
	int arguments;    /* how many arguments `run` needs after its name */
};

/*
 * Creates the counter, stores the arguments after the name in *rest, and runs the function that the first argument names. Returns
 * the program's exit status, which is 0 if the function returned true.
 */
static inline int run_named(const struct named *list, size_t count, int argc, char **argv, struct rk_counter **counter,
			    char ***rest)
{
	int right = 0;

	if (argc < 2 || rk_counter_create(counter) != 0)
		return 2;
	*rest = argv + 2;
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, argv[1]) == 0 && argc == 2 + list[i].arguments)
			right = list[i].run();
	rk_counter_destroy(*counter);
	return !right;
}

#endif /* NAMED_H */
