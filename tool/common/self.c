/* SPDX-License-Identifier: MIT */
/* self.c - finds the file of this program, see self.h. */
#define _GNU_SOURCE
#include "self.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maps.h"

/* Stores the path of the file that the kernel has executed. */
static bool executed_path(char path[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);

	path[length > 0 ? length : 0] = '\0';
	return path[0] == '/';
}

/* Stores the path of the file from which this code is mapped. */
static bool mapped_path(char path[PATH_MAX])
{
	const uintptr_t here = (uintptr_t)&mapped_path;
	char *maps = maps_read(0);
	const char *text = maps;
	bool found = false;
	struct map map;

	while (!found && maps_next(&text, &map))
		found = map.start <= here && here < map.end && maps_path(&map, path, PATH_MAX);
	free(maps);
	return found;
}

bool self_path(char path[PATH_MAX])
{
	const char *name = (const char *)(uintptr_t)getauxval(AT_EXECFN);

	/* Without a dynamic linker beside it, the file that the kernel has executed is static, or is the linker itself. */
	if ((getauxval(AT_BASE) == 0 && mapped_path(path)) || executed_path(path))
		return true;
	return name != NULL && realpath(name, path) != NULL;
}

size_t self_arguments(char *arguments[SELF_ARGUMENTS])
{
	static char path[PATH_MAX], executed[PATH_MAX], line[32768];
	char real[PATH_MAX];
	size_t count = 1;
	ssize_t length;
	int fd;

	if (!self_path(path))
		return 0;
	arguments[0] = path;
	if (!executed_path(executed) || strcmp(executed, path) == 0)
		return 1;
	arguments[0] = executed;
	fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	length = fd >= 0 ? read(fd, line, sizeof(line) - 1) : 0;
	if (fd >= 0)
		close(fd);
	for (char *at = line + strlen(line) + 1; at - line < length && count < SELF_ARGUMENTS; at += strlen(at) + 1) {
		arguments[count++] = at;
		if (realpath(at, real) != NULL && strcmp(real, path) == 0)
			return count;
	}
	return 0;
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
