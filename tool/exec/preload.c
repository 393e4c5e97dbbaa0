/* SPDX-License-Identifier: MIT */
/* preload.c - finds the libraries that `rseqkit exec` preloads, and adds them to LD_PRELOAD. */
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
 * Joins the paths, and resolves each ".." at the beginning of `relative`. realpath(3) isn't used for this, because for ".." it
 * calls access(2), and a seccomp filter can refuse access(2).
 */
static bool join(const char *folder, const char *relative, const char *name, char joined[PATH_MAX])
{
	size_t length = strlen(folder);

	for (; strncmp(relative, "../", 3) == 0; relative += 3)
		while (length > 0 && folder[--length] != '/')
			;
	return snprintf(joined, PATH_MAX, "%.*s/%s/%s", (int)length, folder, relative, name) < PATH_MAX;
}

/* Looks in the build tree, then at the library's installed place relative to this program, then in the configured folder. */
bool preload_find(const char *name, char path[PATH_MAX])
{
	static const char *const relative[] = {"../src", ".", RK_LIBDIR_FROM_BINDIR};
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

/* Is `word` in the list, whose words are separated by blanks and colons? */
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
			complain("cannot find %s, neither relative to this program nor in " RK_LIBDIR, name);
		else
			complain("cannot find %s in " RK_LIBDIR ", and without /proc this program can't find its own folder. "
				 "Mount /proc.", name);
		return false;
	}
	/* In LD_PRELOAD, blanks and colons separate names, and the dynamic linker replaces words such as $LIB. */
	if (path[strcspn(path, " :$")] != '\0') {
		complain("LD_PRELOAD can't name %s: the path has a blank, a colon or a dollar sign", path);
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
