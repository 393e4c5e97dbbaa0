/* SPDX-License-Identifier: MIT */
/*
 * sites.h - the instructions at which critical sections abort, with their symbols and source lines, for `rseqkit trace`.
 *
 * A place is a file and an offset in it, so processes that run the same file share its places. A site is the place of an
 * instruction and the section to which it belongs. Files stay open, so symbols and source lines can be found even after the
 * process has ended, or after the file was deleted.
 */
#ifndef RK_TOOL_TRACE_SITES_H
#define RK_TOOL_TRACE_SITES_H

#include "keys.h"
#include "naming.h"

struct places_file {
	char *name;  /* the file's name; only printable characters */
	int fd;      /* -1 if it couldn't be opened */
	struct naming naming;
	bool failed; /* the child that read the file has failed */
	uint64_t used; /* the value of places->uses when this file was last used */
};

struct place {
	uint32_t file;    /* KEYS_NONE: the address is in no file, or the process had ended before this tool read its mappings */
	uint64_t address; /* the address in the first process that had this place */
	uint64_t offset;  /* the offset in the file; without a file, the address */
	bool named;       /* the tool has looked for `symbol` and `source` */
	char *symbol;     /* NULL if unknown, like `source` */
	uint64_t symbol_offset;
	char *source;
	int line;
};

/* An instruction of a section. */
struct site {
	uint32_t instruction, start; /* places: the instruction, and the section's start */
	uint64_t length;             /* the section's length in bytes */
};

struct places {
	struct places_file *files;
	struct place *places;
	struct site *sites;
	uint32_t file_count, place_count, site_count;
	struct keys file_keys, place_keys, site_keys;
	uint64_t uses;
	bool (*meanwhile)(void *); /* is called while the tool waits for a name, see naming_ask() */
	void *argument;
};

enum { PLACES_MAX = 1 << 17 }; /* at most this many places, and as many sites, because a program can generate code without end */

/* Returns the number of the file with this device and inode, or KEYS_NONE. */
uint32_t places_find_file(const struct places *places, uint64_t device, uint64_t inode);

/* Adds a file, and returns its number. places_forget() closes the descriptor. */
uint32_t places_add_file(struct places *places, uint64_t device, uint64_t inode, const char *name, int fd);

/*
 * Returns the number of the site: the instruction at `ip` in the section at `start`. An address plus `bias` is the offset in the
 * file. If there is no file (KEYS_NONE), equal addresses in different processes are different places. Returns KEYS_NONE if there
 * are too many sites.
 */
uint32_t places_site(struct places *places, uint32_t file, uint64_t process, uint64_t ip, uint64_t start, uint64_t length,
		     uint64_t bias);

/* Returns the place. On the first call for a place, looks for its symbol and its source line. */
const struct place *places_name(struct places *places, uint32_t place);

/* Returns the last part of the file's name, or "?". */
const char *places_file_name(const struct places *places, const struct place *place);

void places_forget(struct places *places);

#endif /* RK_TOOL_TRACE_SITES_H */
