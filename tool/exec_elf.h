/* SPDX-License-Identifier: MIT */
/*
 * exec_elf.h - the little that `rseqkit exec` reads of an ELF file. Without libelf, which small builds do without.
 *
 * The invariant: nothing a file says is believed before it is held against the file's size. A file that is broken, or
 * changes meanwhile, has less in it, and never does harm.
 */
#ifndef RK_TOOL_EXEC_ELF_H
#define RK_TOOL_EXEC_ELF_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exec_elf {
	int fd;
	uint64_t size; /* of the file */
	ElfW(Ehdr) header;
};

/* A regular file of this program's class and machine; nothing to be closed otherwise. */
bool exec_elf_open(const char *path, struct exec_elf *elf);
void exec_elf_close(struct exec_elf *elf);

/* Names that the dynamic section has: DT_NEEDED, and where those are looked for. Calls until one returns false. */
typedef bool exec_elf_name(int64_t tag, const char *name, void *argument);
void exec_elf_names(const struct exec_elf *elf, exec_elf_name *function, void *argument);

/* How a file defines a symbol. */
enum exec_elf_symbol {
	SYMBOL_NONE,   /* not at all */
	SYMBOL_HIDDEN, /* so that no other module sees it */
	SYMBOL_SEEN    /* for the dynamic linker */
};

enum exec_elf_symbol exec_elf_find(const struct exec_elf *elf, const char *name);

#endif /* RK_TOOL_EXEC_ELF_H */
