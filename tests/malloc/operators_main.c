/* SPDX-License-Identifier: MIT */
/*
 * operators_main.c - runs operators.cc, which is linked to this program or, if the argument MODULE is given, loaded from this
 * module. With MODULE the program begins without the C++ library, and no other module finds the C++ library's symbols.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#pragma weak run_operators
int run_operators(void);

int main(int argc, char **argv)
{
	union {
		void *found;
		int (*function)(void);
	} run;
	void *module;

	if (argc < 2)
		return run_operators();
	module = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	run.found = module == NULL ? NULL : dlsym(module, "run_operators");
	if (run.found == NULL) {
		puts(dlerror());
		return 2;
	}
	return run.function();
}
