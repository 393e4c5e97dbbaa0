/* SPDX-License-Identifier: MIT */
/* maps.c - reads /proc/PID/maps, see maps.h. */
#define _GNU_SOURCE
#include "maps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *maps_read(pid_t tid)
{
	char path[64] = "/proc/self/maps", *text = NULL;
	size_t room = 0;
	FILE *file;

	if (tid != 0)
		snprintf(path, sizeof(path), "/proc/%d/maps", (int)tid);
	file = fopen(path, "re");
	if (file != NULL && getdelim(&text, &room, '\0', file) <= 0) {
		free(text);
		text = NULL;
	}
	if (file != NULL)
		fclose(file);
	return text;
}

/* Reads a number, and moves *at past it and past the character `after`. */
static bool read_number(const char **at, int base, char after, uint64_t *number)
{
	char *end;

	*number = strtoull(*at, &end, base);
	if (end == *at || *end != after)
		return false;
	*at = end + 1;
	return true;
}

/* sscanf() isn't used, because at each call it would measure the whole rest of the text. */
static bool read_line(const char *at, const char *end, struct map *map)
{
	uint64_t major, minor;
	char *rest;

	if (!read_number(&at, 16, '-', &map->start) || !read_number(&at, 16, ' ', &map->end) || strnlen(at, 5) < 5 || at[4] != ' ')
		return false;
	memcpy(map->rights, at, sizeof(map->rights));
	at += 5;
	if (!read_number(&at, 16, ' ', &map->offset) || !read_number(&at, 16, ':', &major) || !read_number(&at, 16, ' ', &minor))
		return false;
	map->major = (unsigned)major;
	map->minor = (unsigned)minor;
	map->inode = strtoull(at, &rest, 10);
	at = rest;
	while (at < end && *at == ' ')
		at++;
	map->name = at;
	map->length = at < end ? (size_t)(end - at) : 0;
	return true;
}

bool maps_next(const char **text, struct map *map)
{
	while (*text != NULL && **text != '\0') {
		const char *line = *text, *end = strchrnul(line, '\n');

		*text = *end == '\n' ? end + 1 : end;
		if (read_line(line, end, map))
			return true;
	}
	return false;
}

bool maps_path(const struct map *map, char *path, size_t size)
{
	if (map->length == 0 || map->name[0] != '/' || map->length >= size)
		return false;
	memcpy(path, map->name, map->length);
	path[map->length] = '\0';
	return true;
}
