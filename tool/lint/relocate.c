/* SPDX-License-Identifier: MIT */
/*
 * relocate.c - applies relocations to an image, which is an ELF file as one address space (image.h).
 *
 * A relocation that is unknown, damaged or outside the image isn't applied. Then the code or the descriptor that needs it has the
 * address 0, and the rules of `rseqkit lint` report that they can't decide.
 */
#include <stdlib.h>
#include <string.h>

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

/* The numbers of a relocation that its formula uses. */
struct relocation {
	uint8_t *place;  /* the bytes that the relocation changes */
	uint64_t room;	 /* bytes from `place` to the end of its section */
	uint64_t at;	 /* the address of `place` in the image */
	uint64_t symbol; /* the address of the symbol */
	uint64_t slot;	 /* the address of the symbol's slot in the GOT */
	uint64_t thread; /* the symbol's distance from the thread pointer */
	int64_t addend;
	unsigned type;
};

static void put(const struct relocation *relocation, uint64_t value, size_t size)
{
	if (relocation->room >= size)
		memcpy(relocation->place, &value, size);
}

static void apply_x86(const struct relocation *r)
{
	uint64_t sum = r->symbol + (uint64_t)r->addend;

	switch (r->type) {
	case R_X86_64_64:
		put(r, sum, 8);
		break;
	case R_X86_64_32:
	case R_X86_64_32S:
		put(r, sum, 4);
		break;
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		put(r, sum - r->at, 4);
		break;
	case R_X86_64_PC64:
		put(r, sum - r->at, 8);
		break;
	case R_X86_64_GOTPCREL:
	case R_X86_64_GOTPCRELX:
	case R_X86_64_REX_GOTPCRELX:
		put(r, r->slot + (uint64_t)r->addend - r->at, 4);
		break;
	case R_X86_64_PC8:
		put(r, sum - r->at, 1);
		break;
	case R_X86_64_TPOFF32:
	case R_X86_64_DTPOFF32:
		put(r, r->thread + (uint64_t)r->addend, 4);
		break;
	case R_X86_64_TPOFF64:
	case R_X86_64_DTPOFF64:
		put(r, r->thread + (uint64_t)r->addend, 8);
		break;
	default:
		break;
	}
}

/* Stores a number in the field of `count` bits from bit `low` on of an instruction of aarch64. */
static void put_field(const struct relocation *relocation, uint64_t value, unsigned low, unsigned count)
{
	uint32_t word, mask = (uint32_t)(((UINT64_C(1) << count) - 1) << low);

	if (relocation->room < sizeof(word))
		return;
	memcpy(&word, relocation->place, sizeof(word));
	word = (word & ~mask) | ((uint32_t)(value << low) & mask);
	memcpy(relocation->place, &word, sizeof(word));
}

/* Stores a distance in adr or adrp. The lowest two bits of the distance have a field of their own. */
static void put_address(const struct relocation *relocation, uint64_t distance)
{
	put_field(relocation, distance, 29, 2);
	put_field(relocation, distance >> 2, 5, 19);
}

/*
 * Applies a relocation whose result is the distance of a thread-local variable. Returns false for a relocation of another type.
 */
static bool apply_aarch64_thread(const struct relocation *r)
{
	uint64_t sum = r->thread + (uint64_t)r->addend;

	switch (r->type) {
	case R_AARCH64_TLSLE_ADD_TPREL_HI12:
	case R_AARCH64_TLSLD_ADD_DTPREL_HI12:
		put_field(r, sum >> 12, 10, 12);
		return true;
	case R_AARCH64_TLSLE_ADD_TPREL_LO12:
	case R_AARCH64_TLSLE_ADD_TPREL_LO12_NC:
	case R_AARCH64_TLSLE_LDST8_TPREL_LO12:
	case R_AARCH64_TLSLE_LDST8_TPREL_LO12_NC:
	case R_AARCH64_TLSLD_ADD_DTPREL_LO12:
	case R_AARCH64_TLSLD_ADD_DTPREL_LO12_NC:
		put_field(r, sum & 0xfff, 10, 12);
		return true;
	case R_AARCH64_TLSLE_LDST16_TPREL_LO12:
	case R_AARCH64_TLSLE_LDST16_TPREL_LO12_NC:
		put_field(r, (sum & 0xfff) >> 1, 10, 12);
		return true;
	case R_AARCH64_TLSLE_LDST32_TPREL_LO12:
	case R_AARCH64_TLSLE_LDST32_TPREL_LO12_NC:
		put_field(r, (sum & 0xfff) >> 2, 10, 12);
		return true;
	case R_AARCH64_TLSLE_LDST64_TPREL_LO12:
	case R_AARCH64_TLSLE_LDST64_TPREL_LO12_NC:
		put_field(r, (sum & 0xfff) >> 3, 10, 12);
		return true;
	case R_AARCH64_TLSLE_MOVW_TPREL_G0:
	case R_AARCH64_TLSLE_MOVW_TPREL_G0_NC:
		put_field(r, sum & 0xffff, 5, 16);
		return true;
	case R_AARCH64_TLSLE_MOVW_TPREL_G1:
	case R_AARCH64_TLSLE_MOVW_TPREL_G1_NC:
		put_field(r, sum >> 16 & 0xffff, 5, 16);
		return true;
	default:
		return false;
	}
}

static void apply_aarch64(const struct relocation *r)
{
	uint64_t sum = r->symbol + (uint64_t)r->addend, slot = r->slot + (uint64_t)r->addend;

	if (apply_aarch64_thread(r))
		return;
	switch (r->type) {
	case R_AARCH64_ABS64:
		put(r, sum, 8);
		break;
	case R_AARCH64_ABS32:
		put(r, sum, 4);
		break;
	case R_AARCH64_PREL64:
		put(r, sum - r->at, 8);
		break;
	case R_AARCH64_PREL32:
		put(r, sum - r->at, 4);
		break;
	case R_AARCH64_ADR_PREL_LO21:
		put_address(r, sum - r->at);
		break;
	case R_AARCH64_ADR_PREL_PG_HI21:
	case R_AARCH64_ADR_PREL_PG_HI21_NC:
		put_address(r, (sum >> 12) - (r->at >> 12));
		break;
	case R_AARCH64_ADR_GOT_PAGE:
		put_address(r, (slot >> 12) - (r->at >> 12));
		break;
	case R_AARCH64_LD64_GOT_LO12_NC:
		put_field(r, (slot & 0xfff) >> 3, 10, 12);
		break;
	case R_AARCH64_ADD_ABS_LO12_NC:
	case R_AARCH64_LDST8_ABS_LO12_NC:
		put_field(r, sum & 0xfff, 10, 12);
		break;
	case R_AARCH64_LDST16_ABS_LO12_NC:
		put_field(r, (sum & 0xfff) >> 1, 10, 12);
		break;
	case R_AARCH64_LDST32_ABS_LO12_NC:
		put_field(r, (sum & 0xfff) >> 2, 10, 12);
		break;
	case R_AARCH64_LDST64_ABS_LO12_NC:
		put_field(r, (sum & 0xfff) >> 3, 10, 12);
		break;
	case R_AARCH64_LDST128_ABS_LO12_NC:
		put_field(r, (sum & 0xfff) >> 4, 10, 12);
		break;
	case R_AARCH64_JUMP26:
	case R_AARCH64_CALL26:
		put_field(r, (sum - r->at) >> 2, 0, 26);
		break;
	case R_AARCH64_LD_PREL_LO19:
	case R_AARCH64_CONDBR19:
		put_field(r, (sum - r->at) >> 2, 5, 19);
		break;
	case R_AARCH64_TSTBR14:
		put_field(r, (sum - r->at) >> 2, 5, 14);
		break;
	default:
		break;
	}
}

static void apply(const struct image *image, const struct relocation *relocation)
{
	if (image->arch->machine == EM_X86_64)
		apply_x86(relocation);
	else
		apply_aarch64(relocation);
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
		apply(image, &r);
	}
}

/* Does a dynamic relocation of this type store an address of eight bytes? *relative says whether it needs no symbol. */
static bool is_word(const struct image *image, unsigned type, bool *relative)
{
	bool x86 = image->arch->machine == EM_X86_64;

	*relative = type == (x86 ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE);
	return *relative || type == (unsigned)(x86 ? R_X86_64_64 : R_AARCH64_ABS64) ||
	       type == (unsigned)(x86 ? R_X86_64_GLOB_DAT : R_AARCH64_GLOB_DAT);
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
