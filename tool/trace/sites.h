/* SPDX-License-Identifier: MIT */
/*
 * sites.h - the places in files at which aborts happen, with their symbols and source lines.
 *
 * A place is a file and an offset in it, so processes that run the same file share its places. Files stay open: the names of
 * places can be found after the process has ended, or after the file was deleted.
 */
#ifndef RK_TOOL_TRACE_SITES_H
#define RK_TOOL_TRACE_SITES_H

#include "keys.h"
#include "naming.h"

struct places_file {
	char *name;  /* printable */
	int fd;      /* -1 if it couldn't be opened */
	struct naming naming;
	bool failed; /* no child can read the file */
	uint64_t used; /* the value of `uses` when this file was last used */
};

struct place {
	uint32_t file;    /* KEYS_NONE: the address is in no file, or the process had ended before this tool looked */
	uint64_t address; /* in the first process that had this place */
	uint64_t offset;  /* in the file */
	bool named;       /* `symbol` and `source` have been looked for */
	char *symbol;     /* NULL if unknown, like `source` */
	uint64_t symbol_offset;
	char *source;
	int line;
};

/* An instruction of a section: where the thread was, and where the section starts. */
struct site {
	uint32_t instruction, start; /* places */
	uint64_t length;             /* of the section, in bytes */
};

struct places {
	struct places_file *files;
	struct place *places;
	struct site *sites;
	uint32_t file_count, place_count, site_count;
	struct keys file_keys, place_keys, site_keys;
	uint64_t uses;
	bool (*meanwhile)(void *); /* called while a name is looked for, see naming.h */
	void *argument;
};

enum { PLACES_MAX = 1 << 17 }; /* limits of places and of sites, so that a program with endless code doesn't take all memory */

/* Returns the file of a device and inode, or KEYS_NONE. */
uint32_t places_find_file(const struct places *places, uint64_t device, uint64_t inode);

/* Adds a file. The descriptor belongs to `places` from now on. */
uint32_t places_add_file(struct places *places, uint64_t device, uint64_t inode, const char *name, int fd);

/*
 * Returns the site of an instruction at `ip` in the section at `start`. An address plus `bias` is the offset in the file. Without
 * a file, `process` tells equal addresses of different processes apart. Returns KEYS_NONE if there are too many sites.
 */
uint32_t places_site(struct places *places, uint32_t file, uint64_t process, uint64_t ip, uint64_t start, uint64_t length,
		     uint64_t bias);

/* Returns the place. On the first call for a place, looks for its symbol and its source line. */
const struct place *places_name(struct places *places, uint32_t place);

/* Returns the last part of the file's name, or "?". */
const char *places_file_name(const struct places *places, const struct place *place);

void places_forget(struct places *places);

#endif /* RK_TOOL_TRACE_SITES_H */
