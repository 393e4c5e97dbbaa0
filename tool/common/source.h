/* SPDX-License-Identifier: MIT */
/* source.h - finds the name and the source line of an address: the tool's one reader of symbols and lines by libdwfl. */
#ifndef RK_TOOL_SOURCE_H
#define RK_TOOL_SOURCE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

#define SOURCE_TEXT 256 /* bytes of a name. A longer name is cut off */

/* The names of an address. The strings are printable. */
struct source {
	char symbol[SOURCE_TEXT]; /* "" if unknown. Names of C++ and Rust are written as in the source, without parameters */
	uint64_t offset;          /* the distance from the symbol's address */
	char file[SOURCE_TEXT];
	int line;                 /* 0 if unknown */
};

/* Finds the names of the address `address` in a module. A module can be NULL. */
void source_find(Dwfl_Module *module, Dwarf_Addr address, struct source *source);

/*
 * Makes all strings end and printable, and changes a negative line to 0. This is for a result that comes from a child process:
 * a file that is made to harm the tool can have taken over the child.
 */
void source_check(struct source *source);

/*
 * Returns the line of the address, or NULL if it isn't known. Not every compiler writes an index of the compilation units
 * (.debug_aranges). Without the index, this function searches all units. Code that a compiler gives line 0 belongs to no line of
 * the source, for example code that it has merged from two places. For such code, returns the line before it.
 */
Dwarf_Line *source_line(Dwfl_Module *module, Dwarf_Addr address);

/* Writes a symbol as in the source: demangles a name of C++ or Rust, and copies other names. Bytes outside ASCII become '?'. */
void source_name(char *to, size_t size, const char *symbol);

/* Opens a regular file for reading. Returns a descriptor, or -1. */
typedef int source_open(void *argument, const char *path);

/*
 * For the callback find_debuginfo of libdwfl. Opens the module's file of debug information: the file of its build id below
 * /usr/lib/debug, or the file that .gnu_debuglink names, if its checksum is right. `open_file` opens the second one. gdb looks in
 * the same places: beside the module's file `name`, in the folder .debug there, and in the same folder below /usr/lib/debug. A
 * name with a '/' isn't followed, because it could lead anywhere. Returns a descriptor, or -1.
 */
int source_find_debug_file(Dwfl_Module *module, const char *name, const char *link, GElf_Word checksum, source_open *open_file,
			   void *argument, char **found);

#endif /* RK_TOOL_SOURCE_H */
