/* SPDX-License-Identifier: MIT */
/* maps.h - reads the mappings of a process from /proc/PID/maps. */
#ifndef RK_TOOL_MAPS_H
#define RK_TOOL_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One mapping: the addresses from `start` to `end` less one. */
struct map {
	uint64_t start, end;
	uint64_t offset;        /* of the mapping's first byte in the file */
	char rights[4];         /* 'r', 'w', 'x' or '-'; the last one is 'p' or 's' */
	unsigned major, minor;  /* of the file's device */
	uint64_t inode;         /* 0 if no file is mapped */
	const char *name;       /* what follows in the line: a path, a name in brackets, or nothing. No NUL ends it */
	size_t length;          /* bytes of the name */
};

/*
 * Returns the text of the file for the process that has the thread `tid`, or for the calling process if `tid` is 0. Returns NULL
 * if the file can't be read, or is empty. The caller frees the text.
 */
char *maps_read(pid_t tid);

/*
 * Reads the next line of the text that has the form of a mapping, and moves *text past it. Returns false if no such line is
 * left, or if *text is NULL.
 */
bool maps_next(const char **text, struct map *map);

/* Copies the name, if it is a path, and ends it by a NUL. Returns false if it isn't a path, or if it is too long. */
bool maps_path(const struct map *map, char *path, size_t size);

#endif /* RK_TOOL_MAPS_H */
