/* SPDX-License-Identifier: MIT */
/*
 * binary.h - the little that `exec` and `doctor` read of programs and libraries, without libelf: small builds have none.
 *
 * The invariant: nothing a file says is believed before it is held against the file's size. A file that is broken, or
 * changes meanwhile, has less in it, and never does harm.
 */
#ifndef RK_TOOL_BINARY_H
#define RK_TOOL_BINARY_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct binary {
	int fd;
	uint64_t size; /* of the file */
	ElfW(Ehdr) header;
};

/* A regular file of this program's class and machine; nothing to be closed otherwise. */
bool binary_open(const char *path, struct binary *file);
void binary_close(struct binary *file);

/* Names that the dynamic section has: DT_NEEDED, where those are looked for, and DT_SONAME. Calls until one returns false. */
typedef bool binary_name(int64_t tag, const char *name, void *argument);
void binary_names(const struct binary *file, binary_name *function, void *argument);

/* A section in memory, and the strings that it refers to, with a byte of zero behind both. */
struct binary_table {
	char *part, *strings;
	uint64_t size, strings_size;
};

/* The first section of a type; false, and nothing to be released, where there is none. */
bool binary_read_table(const struct binary *file, uint32_t type, struct binary_table *table);
void binary_release_table(struct binary_table *table);

/* How a file defines a symbol. */
enum binary_symbol {
	SYMBOL_NONE,   /* not at all */
	SYMBOL_HIDDEN, /* so that no other module sees it */
	SYMBOL_SEEN    /* for the dynamic linker */
};

enum binary_symbol binary_find(const struct binary *file, const char *name);

#endif /* RK_TOOL_BINARY_H */
