/* SPDX-License-Identifier: MIT */
/*
 * image.h - an ELF file as one address space.
 *
 * A program or shared object has the addresses of its section headers, or of its segments if it has no section headers.
 * Dynamic relocations are applied for the base 0. An object file has made-up addresses, one after another for all its sections,
 * and its relocations are applied. Undefined symbols, and slots of a GOT for them, have addresses too.
 *
 * The invariant: all memory of the image is read by image_at(), which checks the bounds. Numbers from the file are never trusted.
 */
#ifndef RK_TOOL_LINT_IMAGE_H
#define RK_TOOL_LINT_IMAGE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "insn.h"

/* One section or segment that the program has in memory, without parts that have no bytes in the file. */
struct region {
	uint64_t address, size;
	uint8_t *bytes;     /* in the private mapping of the file */
	bool code, writable;
	char name[32];      /* truncated to fit; "" without section headers. A copy, because relocations can change the file's */
	size_t index;       /* of the section header; 0 if there is none */
};

struct symbol {
	uint64_t address, size;
	const char *name;
	bool function;
};

struct image {
	const struct arch *arch;
	Elf *elf;
	bool object;            /* an object file: addresses are made up */
	bool fixed;             /* a program that is loaded at its own addresses */
	bool absent;            /* a section of code has no bytes in the file */
	struct region *regions; /* sorted by address */
	size_t region_count;
	uint64_t *section_addresses; /* of an object file, by index; 0 for a section that isn't in memory */
	size_t section_count;
	struct symbol *symbols; /* sorted by address; those in code only */
	size_t symbol_count;
	uint8_t *got;           /* of an object file */
	uint32_t *offsets;      /* of an object file's undefined thread-local symbols, from the thread pointer; else 0 */
	size_t offset_count;
	uint64_t *starts;       /* sorted: the addresses at which functions begin, by symbols and unwind information */
	size_t start_count;
};

enum image_result {
	IMAGE_READ,
	IMAGE_BROKEN, /* not a readable ELF file */
	IMAGE_REFUSED /* another architecture, or no machine code */
};

/*
 * Reads the file at `bytes`, a private and writable mapping, which must live as long as the image. If the result
 * isn't IMAGE_READ, `why` says what is wrong.
 */
enum image_result image_open(struct image *image, uint8_t *bytes, size_t size, const char **why);
void image_close(struct image *image);

/* The region that contains the address; NULL if there is none. */
const struct region *image_region(const struct image *image, uint64_t address);

/* Returns the bytes at an address, or NULL if they aren't all in one region. */
uint8_t *image_at(const struct image *image, uint64_t address, size_t size);

/* Reads a number of 1 to 8 bytes. Returns false if it isn't in the image. */
bool image_number(const struct image *image, uint64_t address, size_t size, uint64_t *number);

/* Decodes the instruction at an address. Returns false if there is no code, or no instruction. */
bool image_decode(const struct image *image, struct decoder *decoder, uint64_t address, struct insn *insn);

/* Is the address in a region with code? */
bool image_is_code(const struct image *image, uint64_t address);

/* Reads the symbols and the starts of functions. The other functions don't need them. */
void image_read_symbols(struct image *image);

/* The last symbol at or before the address, in the same region; NULL if there is none. */
const struct symbol *image_symbol(const struct image *image, uint64_t address);

/* The greatest start of a function at or before the address, in the same region; 0 if none is known. */
uint64_t image_function(const struct image *image, uint64_t address);

/*
 * relocate.c: applies the relocations of an object file, or the dynamic relocations of another file. Call this before anything
 * else is read.
 */
void image_relocate(struct image *image);

/* The made-up address of a symbol in an object file that has index `index` in its symbol table. */
uint64_t image_symbol_address(const struct image *image, const GElf_Sym *symbol, GElf_Word section, size_t index);

enum {
	IMAGE_OUTSIDE = 0x70000000, /* addresses of undefined symbols of an object file */
	IMAGE_GOT = 0x60000000,     /* the GOT that relocations of an object file ask for */
	IMAGE_SYMBOLS_MAX = 0x1000000
};

#endif /* RK_TOOL_LINT_IMAGE_H */
