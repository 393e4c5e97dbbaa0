/* SPDX-License-Identifier: MIT */
/*
 * registrant.c - finds out whether a program contains or needs a component that itself registers threads, see registrant.h.
 *
 * The code of this file searches for libraries where the dynamic linker searches first, and in the usual folders. It doesn't read
 * the linker's cache (ld.so.cache), so it doesn't find a library that is only in the cache. But it recognises a program that
 * needs librseq by the name of the needed library.
 */
#define _GNU_SOURCE
#include "registrant.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/binary.h"
#include "common/self.h"

#define OBJECTS_MAX 128 /* at most this many files are examined: the program and its libraries */
#define LIBRSEQ "librseq.so"

struct object_search {
	char *paths[OBJECTS_MAX]; /* the program and its libraries, each once, in the dynamic linker's order */
	size_t count;
	const char *object; /* the program or library that is being examined */
	char *folders;      /* the folders in the DT_RPATH or DT_RUNPATH of `object`, or NULL */
	enum registrant found;
	char *where;        /* see exec_find_registrant() */
};

static void note(struct object_search *search, enum registrant found, const char *where)
{
	if (found <= search->found)
		return;
	search->found = found;
	snprintf(search->where, PATH_MAX, "%s", where);
}

static void add(struct object_search *search, const char *path)
{
	char real[PATH_MAX];

	if (search->count == OBJECTS_MAX || realpath(path, real) == NULL)
		return;
	for (size_t i = 0; i < search->count; i++)
		if (strcmp(search->paths[i], real) == 0)
			return;
	search->paths[search->count] = strdup(real);
	search->count += search->paths[search->count] != NULL;
}

/* Stores the folder in `path`. Replaces $ORIGIN at its beginning by the object's folder, but doesn't replace words like $LIB. */
static bool expand(const char *object, const char *folder, size_t size, char path[PATH_MAX])
{
	static const char *const words[] = {"$ORIGIN", "${ORIGIN}"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i]);

		if (size >= length && strncmp(folder, words[i], length) == 0)
			return snprintf(path, PATH_MAX, "%.*s%.*s", (int)(strrchr(object, '/') - object), object,
					(int)(size - length), folder + length) < PATH_MAX;
	}
	return size != 0 && size < PATH_MAX && snprintf(path, PATH_MAX, "%.*s", (int)size, folder) < PATH_MAX;
}

/*
 * Adds the library from the first of `folders` that has it. Colons or semicolons separate the folders. Returns false if no
 * folder has the library.
 */
static bool add_from(struct object_search *search, const char *folders, const char *name)
{
	while (folders != NULL && *folders != '\0') {
		char folder[PATH_MAX], path[PATH_MAX];
		size_t size = strcspn(folders, ":;");

		if (expand(search->object, folders, size, folder) &&
		    snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path) &&
		    self_may(path, R_OK)) {
			add(search, path);
			return true;
		}
		folders += size + (folders[size] != '\0');
	}
	return false;
}

/* Searches the folder of this program's C library, where most libraries are. */
static bool add_beside_libc(struct object_search *search, const char *name)
{
	char folder[PATH_MAX];
	Dl_info info;

	if (dladdr((void *)(uintptr_t)&getenv, &info) == 0 || info.dli_fname == NULL || strchr(info.dli_fname, '/') == NULL)
		return false;
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(info.dli_fname, '/') - info.dli_fname), info.dli_fname);
	return add_from(search, folder, name);
}

static bool add_library(int64_t tag, const char *name, void *argument)
{
	struct object_search *search = (struct object_search *)argument;

	if (tag != DT_NEEDED)
		return true;
	if (strncmp(name, LIBRSEQ, strlen(LIBRSEQ)) == 0)
		note(search, REGISTRANT_LIBRSEQ, search->object);
	if (strchr(name, '/') != NULL)
		add(search, name);
	else if (!add_from(search, getenv("LD_LIBRARY_PATH"), name) && !add_from(search, search->folders, name) &&
		 !add_beside_libc(search, name))
		(void)add_from(search, "/usr/local/lib:/lib64:/usr/lib64:/lib:/usr/lib", name);
	return true;
}

static bool keep_folders(int64_t tag, const char *name, void *argument)
{
	struct object_search *search = (struct object_search *)argument;

	if (tag != DT_RPATH && tag != DT_RUNPATH)
		return true;
	search->folders = strdup(name);
	return false;
}

static void look_at(struct object_search *search, const char *path)
{
	struct binary file;

	if (!binary_open(path, &file))
		return;
	switch (binary_find(&file, "rseq_register_current_thread")) {
	case SYMBOL_SEEN:
		note(search, REGISTRANT_LIBRSEQ, path);
		break;
	case SYMBOL_HIDDEN:
		note(search, REGISTRANT_PRIVATE, path);
		break;
	default:
		switch (binary_find(&file, "__rseq_abi")) {
		case SYMBOL_SEEN:
			note(search, REGISTRANT_EARLY, path);
			break;
		case SYMBOL_HIDDEN:
			note(search, REGISTRANT_PRIVATE, path);
			break;
		default:
			break;
		}
	}
	search->object = path;
	binary_names(&file, keep_folders, search);
	binary_names(&file, add_library, search);
	free(search->folders);
	search->folders = NULL;
	binary_close(&file);
}

/* Treats the libraries in LD_PRELOAD as needed by the program. */
static void add_preloaded(struct object_search *search)
{
	const char *list = getenv("LD_PRELOAD");

	while (list != NULL && *list != '\0') {
		size_t size = strcspn(list, " :");
		char name[PATH_MAX];

		if (size != 0 && snprintf(name, sizeof(name), "%.*s", (int)size, list) < (int)sizeof(name))
			(void)add_library(DT_NEEDED, name, search);
		list += size + (list[size] != '\0');
	}
}

enum registrant exec_find_registrant(const char *program, char where[PATH_MAX])
{
	struct object_search search = {.where = where};

	where[0] = '\0';
	add(&search, program);
	search.object = search.count != 0 ? search.paths[0] : "/";
	add_preloaded(&search);
	for (size_t i = 0; i < search.count; i++)
		look_at(&search, search.paths[i]);
	for (size_t i = 0; i < search.count; i++)
		free(search.paths[i]);
	return search.found;
}
