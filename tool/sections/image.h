/* SPDX-License-Identifier: MIT */
/*
 * image.h - an image: an ELF file as one address space, for `rseqkit lint` and `rseqkit torture`.
 *
 * The addresses in a program or shared object are those of its section headers, or of its segments if it has no section headers.
 * Dynamic relocations are applied for the load address 0. The ELF sections of an object file get made-up addresses, one after
 * another, and its relocations are applied. Its undefined symbols and the slots of its GOT also get addresses.
 *
 * The invariant: all memory of the image is read by image_at(), which checks the bounds. Numbers from the file are never trusted.
 */
#ifndef RK_TOOL_SECTIONS_IMAGE_H
#define RK_TOOL_SECTIONS_IMAGE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/insn.h"

/* One ELF section or segment that the program has in memory, without parts that have no bytes in the file. */
struct region {
	uint64_t address, size;
	uint8_t *bytes;     /* these bytes in the private mapping of the file */
	bool code, writable;
	char name[32];      /* a truncated copy of the name, which relocations can't overwrite; "" without section headers */
	size_t index;       /* the index of the section header; 0 if there is none */
};

struct symbol {
	uint64_t address, size;
	const char *name;
	bool function;
};

struct image {
	const struct arch *arch;
	Elf *elf;
	bool object;            /* this is an object file, so addresses are made up */
	bool fixed;             /* this is a program that is loaded at its own addresses (ET_EXEC) */
	bool absent;            /* an ELF section of code has no bytes in the file */
	struct region *regions; /* sorted by address */
	size_t region_count;
	uint64_t *section_addresses; /* by the ELF section's index; 0 for one that isn't in memory */
	size_t section_count;
	struct symbol *symbols; /* only symbols in code, sorted by address */
	size_t symbol_count;
	uint8_t *got;           /* in an object file: the made-up GOT, whose slots are indexed by symbols */
	uint32_t *offsets;      /* in an object file, by the symbol's index: the made-up distance of an undefined thread-local
				   symbol from the thread pointer; 0 for other symbols */
	size_t offset_count;
	uint64_t *starts;       /* sorted addresses at which functions begin, from symbols and unwind information */
	size_t start_count;
};

enum image_result {
	IMAGE_READ,
	IMAGE_BROKEN, /* this isn't a readable ELF file */
	IMAGE_REFUSED /* the file is for another architecture, has no machine code, or isn't supported for another reason */
};

/*
 * Reads the file at `bytes`, a private and writable mapping, which must live as long as the image. If the result isn't
 * IMAGE_READ, *why is the reason.
 */
enum image_result image_open(struct image *image, uint8_t *bytes, size_t size, const char **why);
void image_close(struct image *image);

/* Returns the region that contains the address, or NULL if there is none. */
const struct region *image_region(const struct image *image, uint64_t address);

/* Returns the bytes at an address, or NULL if they aren't all in one region. */
uint8_t *image_at(const struct image *image, uint64_t address, size_t size);

/* Reads a number of 1 to 8 bytes. Returns false if these bytes aren't in the image. */
bool image_number(const struct image *image, uint64_t address, size_t size, uint64_t *number);

/* Decodes the instruction at an address. Returns false if the address isn't in code, or its bytes are no instruction. */
bool image_decode(const struct image *image, struct decoder *decoder, uint64_t address, struct insn *insn);

/* Is the address in a region with code? */
bool image_is_code(const struct image *image, uint64_t address);

/* Reads the symbols and the starts of functions. image_symbol(), image_function() and listings (listing.h) need them. */
void image_read_symbols(struct image *image);

/*
 * Returns the symbol of the function that contains the address. If there is none, returns the last symbol at or before the
 * address, in the same region; or NULL.
 */
const struct symbol *image_symbol(const struct image *image, uint64_t address);

/* Returns the address at which the last function at or before the address begins, in the same region; 0 if none is known. */
uint64_t image_function(const struct image *image, uint64_t address);

/*
 * relocate.c: applies the relocations of an object file, or the dynamic relocations of another file. Call this before anything
 * else is read.
 */
void image_relocate(struct image *image);

/* Returns the made-up address of an object file's symbol, whose index in the symbol table is `index`. */
uint64_t image_symbol_address(const struct image *image, const GElf_Sym *symbol, GElf_Word section, size_t index);

enum {
	IMAGE_OUTSIDE = 0x70000000, /* addresses of undefined symbols of an object file */
	IMAGE_GOT = 0x60000000,     /* the address of the GOT to which relocations of an object file refer */
	IMAGE_SYMBOLS_MAX = 0x1000000
};

#endif /* RK_TOOL_SECTIONS_IMAGE_H */
