/* SPDX-License-Identifier: MIT */
/* image_symbols.c - reads the symbols of an image, and the addresses at which functions begin. */
#include <stdlib.h>
#include <string.h>

#include "common/sorted.h"
#include "image.h"

#define LABELS_MAX 64 /* between a function's symbol and an address in the function, at most this many symbols are skipped */

static bool add_start(struct image *image, uint64_t address)
{
	if ((image->start_count & (image->start_count - 1)) == 0) {
		uint64_t *more = (uint64_t *)realloc(image->starts, (image->start_count * 2 + 1) * sizeof(*more));

		if (more == NULL)
			return false;
		image->starts = more;
	}
	image->starts[image->start_count++] = address;
	return true;
}

static bool add_symbol(struct image *image, const struct symbol *symbol)
{
	if ((image->symbol_count & (image->symbol_count - 1)) == 0) {
		struct symbol *more = (struct symbol *)realloc(image->symbols, (image->symbol_count * 2 + 1) * sizeof(*more));

		if (more == NULL)
			return false;
		image->symbols = more;
	}
	image->symbols[image->symbol_count++] = *symbol;
	return !symbol->function || add_start(image, symbol->address);
}

/* Returns the names of a table of symbols. Returns NULL if there are none, or the last name has no '\0'. */
static Elf_Data *names_of(const struct image *image, const GElf_Shdr *header)
{
	Elf_Scn *section = elf_getscn(image->elf, header->sh_link);
	Elf_Data *names = section != NULL ? elf_getdata(section, NULL) : NULL;

	/* A section without bytes in the file (SHT_NOBITS) has a size, but no buffer. */
	if (names == NULL || names->d_buf == NULL || names->d_size == 0)
		return NULL;
	return ((const char *)names->d_buf)[names->d_size - 1] == '\0' ? names : NULL;
}

/* Adds the symbols of one table that lie in code and have a name. */
static void read_table(struct image *image, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *table = elf_getdata(section, NULL), *names = names_of(image, header);
	GElf_Sym symbol;

	if (table == NULL || names == NULL)
		return;
	for (int i = 1; i < IMAGE_SYMBOLS_MAX && gelf_getsym(table, i, &symbol) != NULL; i++) {
		unsigned type = GELF_ST_TYPE(symbol.st_info);
		struct symbol found = {.size = symbol.st_size, .function = type == STT_FUNC || type == STT_GNU_IFUNC};

		if (symbol.st_shndx == SHN_UNDEF || (type != STT_NOTYPE && !found.function))
			continue;
		found.address = image->object ? image_symbol_address(image, &symbol, symbol.st_shndx, (size_t)i)
					      : symbol.st_value;
		found.name = symbol.st_name < names->d_size ? (const char *)names->d_buf + symbol.st_name : "";
		/* Names that begin with a dot or a dollar sign are labels of the assembler. */
		if (found.name[0] == '\0' || found.name[0] == '.' || found.name[0] == '$' ||
		    !image_is_code(image, found.address))
			continue;
		if (!add_symbol(image, &found))
			break;
	}
}

/* Adds the addresses of functions from the unwind information's search table, .eh_frame_hdr, if it has its usual encoding. */
static void read_unwind_table(struct image *image)
{
	for (size_t i = 0; i < image->region_count; i++) {
		const struct region *region = &image->regions[i];
		uint64_t version, count;

		if (strcmp(region->name, ".eh_frame_hdr") != 0 || !image_number(image, region->address, 4, &version) ||
		    version != 0x3b031b01 || !image_number(image, region->address + 8, 4, &count))
			continue;
		for (uint64_t k = 0; k < count; k++) {
			uint64_t distance;

			if (!image_number(image, region->address + 12 + 8 * k, 4, &distance) ||
			    !add_start(image, region->address + (uint64_t)(int64_t)(int32_t)distance))
				break;
		}
	}
}

/*
 * Sorts by address. If several symbols have the same address, image_symbol() prefers the last of them, so functions are sorted
 * last, and the largest function is the very last.
 */
static int compare_symbols(const void *left, const void *right)
{
	const struct symbol *a = (const struct symbol *)left, *b = (const struct symbol *)right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->function != b->function)
		return a->function ? 1 : -1;
	return a->size < b->size ? -1 : a->size > b->size;
}

static int compare_numbers(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

void image_read_symbols(struct image *image)
{
	for (size_t i = 1; i < image->section_count; i++) {
		Elf_Scn *section = elf_getscn(image->elf, i);
		GElf_Shdr header;

		if (section != NULL && gelf_getshdr(section, &header) != NULL &&
		    (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM))
			read_table(image, section, &header);
	}
	read_unwind_table(image);
	if (image->symbol_count > 0)
		qsort(image->symbols, image->symbol_count, sizeof(*image->symbols), compare_symbols);
	if (image->start_count > 0)
		qsort(image->starts, image->start_count, sizeof(*image->starts), compare_numbers);
}

/* Are both addresses in one region? */
static bool is_near(const struct image *image, uint64_t one, uint64_t other)
{
	const struct region *region = image_region(image, one);

	return region != NULL && region == image_region(image, other);
}

const struct symbol *image_symbol(const struct image *image, uint64_t address)
{
	size_t count = COUNT_WHILE(i, image->symbol_count, image->symbols[i].address <= address);

	/* The name of the function that contains the address is better than that of a label in the function. */
	for (size_t i = count; i > 0 && count - i < LABELS_MAX; i--)
		if (image->symbols[i - 1].function && address - image->symbols[i - 1].address < image->symbols[i - 1].size)
			return &image->symbols[i - 1];
	return count > 0 && is_near(image, image->symbols[count - 1].address, address) ? &image->symbols[count - 1] : NULL;
}

uint64_t image_function(const struct image *image, uint64_t address)
{
	size_t count = COUNT_WHILE(i, image->start_count, image->starts[i] <= address);

	return count > 0 && is_near(image, image->starts[count - 1], address) ? image->starts[count - 1] : 0;
}
