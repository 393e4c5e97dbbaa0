/* SPDX-License-Identifier: MIT */
/* self.c - finds the file of this program, see self.h. */
#define _GNU_SOURCE
#include "self.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
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

bool self_may(const char *path, int mode)
{
	struct stat status;

	if (access(path, mode) == 0)
		return true;
	switch (errno) {
	case EACCES:
	case ELOOP:
	case ENAMETOOLONG:
	case ENOENT:
	case ENOTDIR:
	case EROFS:
		return false;
	default:
		return stat(path, &status) == 0;
	}
}

bool self_has_proc(void)
{
	return self_may("/proc/self/maps", F_OK);
}
