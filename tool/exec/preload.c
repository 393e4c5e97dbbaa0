/* SPDX-License-Identifier: MIT */
/* preload.c - the libraries that `rseqkit exec` preloads: where they are, and the list of what is preloaded. */
#define _GNU_SOURCE
#include "preload.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/self.h"
#include "tool.h"

/*
 * The path that is `relative` to a folder, without the ".." that it begins with: realpath(3) calls access(2) for these, which a
 * filter may refuse.
 */
static bool join(const char *folder, const char *relative, const char *name, char joined[PATH_MAX])
{
	size_t length = strlen(folder);

	for (; strncmp(relative, "../", 3) == 0; relative += 3)
		while (length > 0 && folder[--length] != '/')
			;
	return snprintf(joined, PATH_MAX, "%.*s/%s/%s", (int)length, folder, relative, name) < PATH_MAX;
}

/* In the build tree this program is in, beside it where both are installed, or where configured. */
bool preload_find(const char *name, char path[PATH_MAX])
{
	static const char *const relative[] = {"../src", RK_LIBDIR_FROM_BINDIR};
	char self[PATH_MAX];
	bool known = self_path(self);

	if (known)
		*strrchr(self, '/') = '\0';
	for (size_t i = 0; known && i < sizeof(relative) / sizeof(relative[0]); i++) {
		char joined[PATH_MAX];

		if (join(self, relative[i], name, joined) && realpath(joined, path) != NULL && self_may(path, R_OK))
			return true;
	}
	return snprintf(self, sizeof(self), RK_LIBDIR "/%s", name) < (int)sizeof(self) && realpath(self, path) != NULL &&
	       self_may(path, R_OK);
}

/* Is `word` one of the list's, which blanks and colons separate? */
static bool contains(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; *at != '\0';) {
		size_t size = strcspn(at, " :");

		if (size == length && memcmp(at, word, length) == 0)
			return true;
		at += size;
		at += strspn(at, " :");
	}
	return false;
}

bool preload_add(const char *name)
{
	const char *before = getenv("LD_PRELOAD");
	char path[PATH_MAX], *value = NULL;
	bool done;

	if (!preload_find(name, path)) {
		if (self_path(path))
			complain("%s is neither beside this program nor in " RK_LIBDIR, name);
		else
			complain("%s isn't in " RK_LIBDIR ", and without /proc nothing tells where this program is: mount "
				 "it", name);
		return false;
	}
	/* The dynamic linker separates names by the first two, and puts something else for $LIB, say. */
	if (path[strcspn(path, " :$")] != '\0') {
		complain("LD_PRELOAD can't name %s: there is a blank, a colon or a dollar sign in it", path);
		return false;
	}
	if (before != NULL && contains(before, path))
		return true;
	done = asprintf(&value, "%s%s%s", before ? before : "", before && *before ? ":" : "", path) >= 0 &&
	       setenv("LD_PRELOAD", value, 1) == 0;
	if (!done)
		complain("out of memory");
	free(value);
	return done;
}
