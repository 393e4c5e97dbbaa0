/* SPDX-License-Identifier: MIT */
/*
 * relocate.c - applies relocations to an image, which is an ELF file as one address space (image.h).
 *
 * A relocation that is unknown, damaged or outside the image isn't applied. Then the code or the descriptor that needs it has the
 * address 0, and the rules of `rseqkit lint` report that they can't decide.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/relocation.h"
#include "image.h"

/*
 * Made-up distances of undefined thread-local variables from the thread pointer, and from each other. Instructions of aarch64
 * have 24 bits for such a distance.
 */
enum { OUTSIDE_OFFSET = 0x800000, OFFSET_SPACING = 0x1000 };

uint64_t image_symbol_address(const struct image *image, const GElf_Sym *symbol, GElf_Word section, size_t index)
{
	if (symbol->st_shndx == SHN_ABS)
		return symbol->st_value;
	if (symbol->st_shndx == SHN_UNDEF || section >= image->section_count || image->section_addresses[section] == 0)
		return IMAGE_OUTSIDE + 16 * (uint64_t)(index % IMAGE_SYMBOLS_MAX);
	return image->section_addresses[section] + symbol->st_value;
}

/* Returns the index of a symbol's section. If the index is too large for st_shndx, it is `extended` (SHT_SYMTAB_SHNDX). */
static GElf_Word section_of(const GElf_Sym *symbol, GElf_Word extended)
{
	return symbol->st_shndx == SHN_XINDEX ? extended : symbol->st_shndx < SHN_LORESERVE ? symbol->st_shndx : 0;
}

/* The section SHT_SYMTAB_SHNDX of an object file: large indexes of the sections of symbols. */
struct extended {
	size_t table; /* the index of the symbol table to which these indexes belong; 0 if there are none */
	Elf_Data *indexes;
};

static struct extended extended_of(const struct image *image)
{
	for (size_t i = 1; i < image->section_count; i++) {
		Elf_Scn *section = elf_getscn(image->elf, i);
		GElf_Shdr header;

		if (section != NULL && gelf_getshdr(section, &header) != NULL && header.sh_type == SHT_SYMTAB_SHNDX)
			return (struct extended){header.sh_link, elf_getdata(section, NULL)};
	}
	return (struct extended){0, NULL};
}

/*
 * Makes the GOT of an object file at the first call: each symbol has a slot with its address. Each undefined thread-local symbol
 * gets a distance from the thread pointer.
 */
static void make_got(struct image *image, Elf_Data *symbols, Elf_Data *extended, size_t count)
{
	struct region region = {.address = IMAGE_GOT, .size = count * 8};
	struct region *more;
	uint32_t outside = 0;

	if (image->got != NULL || count == 0 || count > IMAGE_SYMBOLS_MAX)
		return;
	image->got = (uint8_t *)calloc(count, 8);
	image->offsets = (uint32_t *)calloc(count, sizeof(uint32_t));
	more = (struct region *)realloc(image->regions, (image->region_count + 1) * sizeof(*more));
	if (more != NULL)
		image->regions = more;
	if (image->got == NULL || image->offsets == NULL || more == NULL)
		return;
	image->offset_count = count;
	for (size_t i = 1; i < count; i++) {
		GElf_Sym symbol;
		GElf_Word far = 0;
		uint64_t address;

		if (gelf_getsymshndx(symbols, extended, (int)i, &symbol, &far) == NULL)
			break;
		address = image_symbol_address(image, &symbol, section_of(&symbol, far), i);
		memcpy(image->got + i * 8, &address, 8);
		if (symbol.st_shndx == SHN_UNDEF && GELF_ST_TYPE(symbol.st_info) == STT_TLS)
			image->offsets[i] = OUTSIDE_OFFSET + OFFSET_SPACING * outside++;
	}
	region.bytes = image->got;
	image->regions[image->region_count++] = region; /* its address is the greatest, so the regions are still sorted */
}

/*
 * Returns the distance of a symbol from the thread pointer. Only differences between two such distances matter. The distances of
 * variables that the file defines differ as their addresses do. The distances of undefined variables are made up.
 */
static uint64_t thread_offset(const struct image *image, size_t index, uint64_t address)
{
	if (index < image->offset_count && image->offsets[index] != 0)
		return image->offsets[index];
	return address;
}

/* Applies one section of relocations of an object file. */
static void relocate_section(struct image *image, Elf_Scn *section, const GElf_Shdr *header, const struct extended *far_indexes)
{
	Elf_Data *table = elf_getdata(section, NULL), *symbols;
	Elf_Scn *symbol_section = elf_getscn(image->elf, header->sh_link);
	GElf_Shdr symbol_header;
	Elf_Data *extended;
	const struct region *region;

	if (table == NULL || symbol_section == NULL || header->sh_info >= image->section_count ||
	    gelf_getshdr(symbol_section, &symbol_header) == NULL || symbol_header.sh_type != SHT_SYMTAB)
		return;
	symbols = elf_getdata(symbol_section, NULL);
	if (symbols == NULL || image->section_addresses[header->sh_info] == 0)
		return;
	extended = far_indexes->table == header->sh_link ? far_indexes->indexes : NULL;
	make_got(image, symbols, extended, symbol_header.sh_size / sizeof(Elf64_Sym));
	region = image_region(image, image->section_addresses[header->sh_info]);
	if (region == NULL || region->index != header->sh_info)
		return;
	for (int i = 0;; i++) {
		struct relocation r;
		GElf_Rela rela;
		GElf_Sym symbol;
		GElf_Word far = 0;
		size_t index;

		if (gelf_getrela(table, i, &rela) == NULL)
			break;
		index = GELF_R_SYM(rela.r_info);
		if (rela.r_offset >= region->size || gelf_getsymshndx(symbols, extended, (int)index, &symbol, &far) == NULL)
			continue;
		r.place = region->bytes + rela.r_offset;
		r.room = region->size - rela.r_offset;
		r.at = region->address + rela.r_offset;
		r.symbol = image_symbol_address(image, &symbol, section_of(&symbol, far), index);
		r.slot = IMAGE_GOT + 8 * (uint64_t)(index % IMAGE_SYMBOLS_MAX);
		r.thread = thread_offset(image, index, r.symbol);
		r.addend = rela.r_addend;
		r.type = (unsigned)GELF_R_TYPE(rela.r_info);
		image->arch->relocate(&r);
	}
}

/* Does a dynamic relocation of this type store an address of eight bytes? *relative says whether it needs no symbol. */
static bool is_word(const struct image *image, unsigned type, bool *relative)
{
	*relative = type == image->arch->relative;
	return *relative || type == image->arch->absolute || type == image->arch->global;
}

/* Applies dynamic relocations. RELR entries change nothing, because they only add the load address, which is 0 here. */
static void relocate_dynamic(struct image *image, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *table = elf_getdata(section, NULL), *symbols = NULL;
	Elf_Scn *symbol_section = elf_getscn(image->elf, header->sh_link);

	if (symbol_section != NULL)
		symbols = elf_getdata(symbol_section, NULL);
	for (int i = 0; table != NULL; i++) {
		GElf_Rela rela;
		GElf_Sym symbol = {.st_value = 0};
		uint8_t *place;
		uint64_t value;
		bool relative;

		if (gelf_getrela(table, i, &rela) == NULL)
			break;
		place = image_at(image, rela.r_offset, 8);
		if (place == NULL || !is_word(image, (unsigned)GELF_R_TYPE(rela.r_info), &relative))
			continue;
		if (!relative && (symbols == NULL || gelf_getsym(symbols, (int)GELF_R_SYM(rela.r_info), &symbol) == NULL ||
				  symbol.st_shndx == SHN_UNDEF))
			continue;
		value = symbol.st_value + (uint64_t)rela.r_addend;
		memcpy(place, &value, 8);
	}
}

void image_relocate(struct image *image)
{
	const struct extended extended = extended_of(image);

	for (size_t i = 1; i < image->section_count; i++) {
		Elf_Scn *section = elf_getscn(image->elf, i);
		GElf_Shdr header;

		if (section == NULL || gelf_getshdr(section, &header) == NULL || header.sh_type != SHT_RELA)
			continue;
		if (image->object)
			relocate_section(image, section, &header, &extended);
		else if ((header.sh_flags & SHF_ALLOC) != 0)
			relocate_dynamic(image, section, &header);
	}
}
