/* SPDX-License-Identifier: MIT */
/* image.c - reads an ELF file as one address space. */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sorted.h"
#include "tool.h"

#define GAP 0x1000 /* bytes between the made-up addresses of two sections, so that no displacement leads from one to the other */

const struct region *image_region(const struct image *image, uint64_t address)
{
	size_t count = COUNT_WHILE(i, image->region_count, image->regions[i].address <= address);

	if (count == 0 || address - image->regions[count - 1].address >= image->regions[count - 1].size)
		return NULL;
	return &image->regions[count - 1];
}

uint8_t *image_at(const struct image *image, uint64_t address, size_t size)
{
	const struct region *region = image_region(image, address);
	uint64_t offset = region != NULL ? address - region->address : 0;

	return region != NULL && region->size - offset >= size ? region->bytes + offset : NULL;
}

bool image_number(const struct image *image, uint64_t address, size_t size, uint64_t *number)
{
	const uint8_t *bytes = image_at(image, address, size);

	*number = 0;
	if (bytes != NULL)
		memcpy(number, bytes, size); /* the files and the machine are x86-64 or aarch64, so little-endian */
	return bytes != NULL;
}

bool image_decode(const struct image *image, struct decoder *decoder, uint64_t address, struct insn *insn)
{
	const struct region *region = image_region(image, address);
	uint64_t offset = region != NULL ? address - region->address : 0;
	size_t size = image->arch->longest;

	if (region == NULL || !region->code)
		return false;
	if (size > region->size - offset)
		size = region->size - offset;
	return decode(decoder, region->bytes + offset, size, address, insn);
}

bool image_is_code(const struct image *image, uint64_t address)
{
	const struct region *region = image_region(image, address);

	return region != NULL && region->code;
}

static int compare_regions(const void *left, const void *right)
{
	const struct region *a = (const struct region *)left, *b = (const struct region *)right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* Adds a region. Returns what is wrong with the file, or NULL. */
static const char *add_region(struct image *image, const struct region *region)
{
	struct region *more;

	if (region->size == 0)
		return NULL;
	if (region->address + region->size < region->address)
		return "a damaged ELF file: an address wraps";
	if ((image->region_count & (image->region_count - 1)) == 0) {
		more = (struct region *)realloc(image->regions, (image->region_count * 2 + 1) * sizeof(*more));
		if (more == NULL)
			return "out of memory";
		image->regions = more;
	}
	image->regions[image->region_count++] = *region;
	return NULL;
}

/*
 * Adds `more` bytes, which a section or segment has at `offset` in the file, to *taken. In a valid file no two sections share
 * bytes, so the sum isn't greater than the file. Without this check, sections could share bytes, and a small file could then have
 * huge tables. Returns what is wrong, or NULL.
 */
static const char *take_bytes(uint64_t offset, uint64_t more, size_t size, uint64_t *taken)
{
	if (offset > size || more > size - offset)
		return "a damaged ELF file: a section or segment isn't within the file";
	*taken += more;
	return *taken > size ? "a damaged ELF file: sections or segments share bytes of the file" : NULL;
}

/* Gives a section of an object file the next made-up address. Returns false if no address is left. */
static bool place_section(GElf_Shdr *header, uint64_t *next)
{
	uint64_t align = header->sh_addralign;

	if (align > GAP && (align & (align - 1)) == 0 && align < IMAGE_GOT)
		*next = (*next + align - 1) & -align;
	header->sh_addr = *next;
	if (header->sh_size > IMAGE_GOT || *next + header->sh_size > IMAGE_GOT)
		return false;
	*next = (*next + header->sh_size + GAP + GAP - 1) & -(uint64_t)GAP;
	return true;
}

/* Adds a region for each ELF section that is in memory and has bytes in the file. Returns what is wrong, or NULL. */
static const char *add_sections(struct image *image, uint8_t *bytes, size_t size)
{
	uint64_t next = 0x10000, taken = 0;
	const char *wrong = NULL, *name;
	size_t names;

	/* libelf returns an error or 0 if the headers are after the end of the file. */
	if (elf_getshdrnum(image->elf, &image->section_count) != 0 || image->section_count == 0 ||
	    elf_getshdrstrndx(image->elf, &names) != 0)
		return "a damaged ELF file: its section headers aren't within the file";
	image->section_addresses = (uint64_t *)calloc(image->section_count + 1, sizeof(uint64_t));
	if (image->section_addresses == NULL)
		return "out of memory";
	for (size_t i = 1; i < image->section_count && wrong == NULL; i++) {
		Elf_Scn *section = elf_getscn(image->elf, i);
		struct region region = {.index = i};
		GElf_Shdr header;

		if (section == NULL || gelf_getshdr(section, &header) == NULL)
			return "a damaged ELF file: its section headers aren't within the file";
		if (header.sh_type != SHT_NOBITS && header.sh_type != SHT_NULL)
			wrong = take_bytes(header.sh_offset, header.sh_size, size, &taken);
		if ((header.sh_flags & SHF_ALLOC) == 0 || wrong != NULL)
			continue;
		if (image->object && !place_section(&header, &next))
			return "an object file with more or larger sections than this tool has addresses for";
		image->section_addresses[i] = header.sh_addr;
		image->absent |= header.sh_type == SHT_NOBITS && (header.sh_flags & SHF_EXECINSTR) != 0;
		if (header.sh_type == SHT_NOBITS || header.sh_type == SHT_NULL || (header.sh_flags & SHF_COMPRESSED) != 0)
			continue;
		region.address = header.sh_addr;
		region.size = header.sh_size;
		region.bytes = bytes + header.sh_offset;
		region.code = (header.sh_flags & SHF_EXECINSTR) != 0;
		region.writable = (header.sh_flags & SHF_WRITE) != 0;
		name = elf_strptr(image->elf, names, header.sh_name);
		if (name == NULL && names != SHN_UNDEF)
			return "a damaged ELF file: the name of a section isn't within the file";
		snprintf(region.name, sizeof(region.name), "%s", name != NULL ? name : "");
		wrong = add_region(image, &region);
	}
	return wrong;
}

/* Adds a region for each loaded segment of a file without section headers. Returns what is wrong, or NULL. */
static const char *add_segments(struct image *image, uint8_t *bytes, size_t size)
{
	const char *wrong = NULL;
	uint64_t taken = 0;
	size_t count;

	if (elf_getphdrnum(image->elf, &count) != 0)
		return "a damaged ELF file: its program headers aren't within the file";
	for (size_t i = 0; i < count && wrong == NULL; i++) {
		struct region region = {.index = 0};
		GElf_Phdr header;

		if (gelf_getphdr(image->elf, (int)i, &header) == NULL)
			return "a damaged ELF file: its program headers aren't within the file";
		if (header.p_type != PT_LOAD)
			continue;
		wrong = take_bytes(header.p_offset, header.p_filesz, size, &taken);
		if (wrong != NULL)
			break;
		region.address = header.p_vaddr;
		region.size = header.p_filesz;
		region.bytes = bytes + header.p_offset;
		region.code = (header.p_flags & PF_X) != 0;
		region.writable = (header.p_flags & PF_W) != 0;
		wrong = add_region(image, &region);
	}
	return wrong != NULL || image->region_count > 0 ? wrong : "a damaged ELF file: it has neither sections nor segments";
}

/* Do two regions overlap, so that an address has two meanings? */
static bool overlaps(const struct image *image)
{
	for (size_t i = 1; i < image->region_count; i++)
		if (image->regions[i].address - image->regions[i - 1].address < image->regions[i - 1].size)
			return true;
	return false;
}

static bool has_code(const struct image *image)
{
	for (size_t i = 0; i < image->region_count; i++)
		if (image->regions[i].code)
			return true;
	return false;
}

/* Has the object file only the intermediate code of gcc's link-time optimisation? */
static bool is_intermediate(const struct image *image)
{
	size_t names;
	bool intermediate = false;

	if (!image->object || elf_getshdrstrndx(image->elf, &names) != 0)
		return false;
	for (Elf_Scn *section = elf_nextscn(image->elf, NULL); section != NULL; section = elf_nextscn(image->elf, section)) {
		GElf_Shdr header;
		const char *name;

		if (gelf_getshdr(section, &header) == NULL)
			continue;
		name = elf_strptr(image->elf, names, header.sh_name);
		if (name != NULL && strncmp(name, ".gnu.lto_", 9) == 0)
			intermediate = true;
		if ((header.sh_flags & SHF_EXECINSTR) != 0 && header.sh_size > 0)
			return false;
	}
	return intermediate;
}

static enum image_result refuse(const char **why, enum image_result result, const char *reason)
{
	*why = reason;
	return result;
}

enum image_result image_open(struct image *image, uint8_t *bytes, size_t size, const char **why)
{
	const char *wrong;
	GElf_Ehdr header;

	memset(image, 0, sizeof(*image));
	image->elf = elf_memory((char *)bytes, size);
	if (image->elf == NULL || elf_kind(image->elf) != ELF_K_ELF || gelf_getehdr(image->elf, &header) == NULL)
		return refuse(why, IMAGE_BROKEN, "not an ELF file");
	image->arch = arch_find(header.e_machine);
	if (image->arch == NULL || header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
		return refuse(why, IMAGE_REFUSED, "only x86-64 and little-endian aarch64 are known");
	if (header.e_type != ET_REL && header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return refuse(why, IMAGE_REFUSED, "neither a program, nor a shared object, nor an object file");
	image->object = header.e_type == ET_REL;
	image->fixed = header.e_type == ET_EXEC;
	if (is_intermediate(image))
		return refuse(why, IMAGE_REFUSED,
			      "an object of link-time optimisation, without machine code; look at the linked file");
	wrong = header.e_shoff != 0 || image->object ? add_sections(image, bytes, size) : add_segments(image, bytes, size);
	if (wrong != NULL)
		return refuse(why, IMAGE_BROKEN, wrong);
	if (image->region_count > 0)
		qsort(image->regions, image->region_count, sizeof(*image->regions), compare_regions);
	if (overlaps(image))
		return refuse(why, IMAGE_REFUSED, "sections or segments overlap in memory, so addresses have two meanings");
	if (image->absent && !has_code(image))
		return refuse(why, IMAGE_REFUSED, "its code is in another file; this one has only debug information");
	return IMAGE_READ;
}

void image_close(struct image *image)
{
	if (image->elf != NULL)
		elf_end(image->elf);
	free(image->regions);
	free(image->section_addresses);
	free(image->symbols);
	free(image->starts);
	free(image->got);
	free(image->offsets);
}
