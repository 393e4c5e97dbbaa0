/* SPDX-License-Identifier: MIT */
/* self.c - which file this program is, see self.h. */
#define _GNU_SOURCE
#include "self.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

bool self_path(char path[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	const char *name = (const char *)(uintptr_t)getauxval(AT_EXECFN);

	if (length > 0 && path[0] == '/') {
		path[length] = '\0';
		return true;
	}
	return name != NULL && realpath(name, path) != NULL;
}

bool self_has_proc(void)
{
	return access("/proc/self/maps", F_OK) == 0;
}
