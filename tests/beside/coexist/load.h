/* SPDX-License-Identifier: MIT */
/*
 * load.h - opens modules for the coexistence tests: copies of the library (copy.h), and other components that use rseq, the
 * neighbours (../neighbours/neighbour.h).
 */
#ifndef LOAD_H
#define LOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../neighbours/neighbour.h"
#include "copy.h"

/* How a module is loaded: with RTLD_LOCAL, with RTLD_GLOBAL, or in a new namespace. */
enum way { LOCAL, GLOBAL, NAMESPACE };

/* Returns a function of a module in the directory that MODULES names. On failure returns NULL and prints the reason. */
static inline void *load_function(const char *module, enum way way, const char *function, void **handle)
{
	char path[4096];
	void *found;

	snprintf(path, sizeof(path), "%s/%s", getenv("MODULES"), module);
	*handle = way == NAMESPACE ? dlmopen(LM_ID_NEWLM, path, RTLD_NOW | RTLD_LOCAL) :
				     dlopen(path, RTLD_NOW | (way == GLOBAL ? RTLD_GLOBAL : RTLD_LOCAL));
	found = *handle == NULL ? NULL : dlsym(*handle, function);
	if (found == NULL)
		fprintf(stderr, "# %s\n", dlerror());
	return found;
}

static inline const struct copy *load_copy_of_rseqkit(const char *module, enum way way, void **handle)
{
	copy_function *function;

	*(void **)&function = load_function(module, way, "copy_of_rseqkit", handle);
	return function == NULL ? NULL : function();
}

/* Loads two copies whose symbols are hidden from each other. If one can't be loaded, prints the reason and ends the process. */
static inline void load_two_copies(const struct copy *copies[2])
{
	void *handle;

	copies[0] = load_copy_of_rseqkit("copy-static-a.so", LOCAL, &handle);
	copies[1] = load_copy_of_rseqkit("copy-static-b.so", LOCAL, &handle);
	if (copies[0] == NULL || copies[1] == NULL)
		_exit(1);
}

/* Like load_function(), for the module of a neighbour that ../neighbours/meson.build builds in this form. */
static inline void *load_neighbours_function(const char *form, enum way way, const char *function, void **handle)
{
	char module[100];

	snprintf(module, sizeof(module), "../neighbours/libneighbour-%s.so", form);
	return load_function(module, way, function, handle);
}

static inline const struct neighbour *load_neighbour(const char *form, enum way way)
{
	neighbour_function *function;
	void *handle;

	*(void **)&function = load_neighbours_function(form, way, "neighbour_calls", &handle);
	return function == NULL ? NULL : function();
}

#endif /* LOAD_H */
