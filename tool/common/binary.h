/* SPDX-License-Identifier: MIT */
/*
 * binary.h - reads parts of programs and libraries for `exec` and `doctor`, without libelf, which small builds lack.
 *
 * The invariant: each number from a file is checked against the file's size before use. A file that is broken, or that
 * changes during reading, does no harm: some parts of the file count as missing.
 */
#ifndef RK_TOOL_BINARY_H
#define RK_TOOL_BINARY_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct binary {
	int fd;
	uint64_t size; /* bytes of the file */
	ElfW(Ehdr) header;
};

/* Opens a regular ELF file of this program's class and machine. If binary_open() returns false, there is nothing to close. */
bool binary_open(const char *path, struct binary *file);
void binary_close(struct binary *file);

/*
 * Calls the function for the names in the dynamic section (DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME) until the function
 * returns false.
 */
typedef bool binary_name(int64_t tag, const char *name, void *argument);
void binary_names(const struct binary *file, binary_name *function, void *argument);

/* An ELF section in memory, and the strings that the section refers to. `part` and `strings` are each followed by a zero byte. */
struct binary_table {
	char *part, *strings;
	uint64_t size, strings_size;
};

/* Reads the first ELF section of a type. If binary_read_table() returns false, there is nothing to release. */
bool binary_read_table(const struct binary *file, uint32_t type, struct binary_table *table);
void binary_release_table(struct binary_table *table);

/* How a file defines a symbol. */
enum binary_symbol {
	SYMBOL_NONE,   /* the file doesn't define the symbol */
	SYMBOL_HIDDEN, /* the file defines it, but other modules can't see it */
	SYMBOL_SEEN    /* the file defines it, and the dynamic linker and other modules can see it */
};

/* Returns how the file defines the symbol `name`. */
enum binary_symbol binary_find(const struct binary *file, const char *name);

#endif /* RK_TOOL_BINARY_H */
