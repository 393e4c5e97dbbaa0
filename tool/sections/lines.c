/* SPDX-License-Identifier: MIT */
/*
 * lines.c - source lines and unwind information, read by libdw.
 *
 * libdwfl (a part of libdw) also applies the relocations of an object file's debug information. It makes up its own addresses
 * for the sections of such a file, so addresses of the image (image.h) are converted to those of libdwfl.
 */
#include "lines.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* some enumerators of this header are no int */
#include <dwarf.h>
#pragma GCC diagnostic pop
#include <elf.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/source.h"

struct lines {
	const struct image *image;
	Dwfl *dwfl;
	Dwfl_Module *module;
	Dwarf_CFI *unwind;
	uint64_t unwind_base; /* for an object file: the image's address of .eh_frame. libdw treats this address as 0 */
	uint64_t *addresses;  /* for an object file: libdwfl's address of each section */
};

/* libdwfl calls this function to find a separate file of debug information. It never finds one. */
static int find_no_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, const char *file,
			     const char *link, GElf_Word checksum, char **found)
{
	(void)module;
	(void)data;
	(void)name;
	(void)base;
	(void)file;
	(void)link;
	(void)checksum;
	(void)found;
	return -1;
}

/* Reads the addresses that libdwfl gave to the sections of an object file. */
static bool read_addresses(struct lines *lines)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(lines->module, &bias);

	lines->addresses = (uint64_t *)calloc(lines->image->section_count + 1, sizeof(uint64_t));
	if (lines->addresses == NULL || elf == NULL)
		return false;
	for (size_t i = 1; i < lines->image->section_count; i++) {
		GElf_Shdr header;
		Elf_Scn *section = elf_getscn(elf, i);

		if (section != NULL && gelf_getshdr(section, &header) != NULL)
			lines->addresses[i] = header.sh_addr + bias;
	}
	return true;
}

struct lines *lines_open(const struct image *image, int fd)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = find_no_debuginfo,
		.section_address = dwfl_offline_section_address,
	};
	struct lines *lines = (struct lines *)calloc(1, sizeof(*lines));
	int own = dup(fd); /* libdwfl closes this copy */

	if (lines == NULL || own < 0)
		goto failed;
	lines->image = image;
	lines->dwfl = dwfl_begin(&callbacks);
	if (lines->dwfl == NULL)
		goto failed;
	dwfl_report_begin(lines->dwfl);
	lines->module = dwfl_report_offline(lines->dwfl, "", "", own);
	if (lines->module == NULL)
		goto failed;
	own = -1;
	if (dwfl_report_end(lines->dwfl, NULL, NULL) == 0 && (!image->object || read_addresses(lines)))
		return lines;
failed:
	if (own >= 0)
		close(own);
	lines_close(lines);
	return NULL;
}

void lines_close(struct lines *lines)
{
	if (lines == NULL)
		return;
	if (lines->dwfl != NULL)
		dwfl_end(lines->dwfl);
	if (lines->unwind != NULL)
		dwarf_cfi_end(lines->unwind);
	free(lines->addresses);
	free(lines);
}

/* Finds libdwfl's address for an address of the image. */
static bool convert(const struct lines *lines, uint64_t address, uint64_t *theirs)
{
	const struct region *region = image_region(lines->image, address);
	GElf_Addr bias;

	if (region == NULL)
		return false;
	if (lines->image->object) {
		*theirs = lines->addresses[region->index] + (address - region->address);
		return region->index != 0;
	}
	if (dwfl_module_getelf(lines->module, &bias) == NULL)
		return false;
	*theirs = address + bias;
	return true;
}

const char *lines_find(struct lines *lines, uint64_t address, int *line)
{
	Dwarf_Line *found;
	uint64_t theirs;

	if (lines == NULL || !convert(lines, address, &theirs))
		return NULL;
	found = source_line(lines->module, theirs);
	if (found == NULL || dwarf_lineno(found, line) != 0 || *line <= 0)
		return NULL;
	return dwarf_linesrc(found, NULL, NULL);
}

/*
 * Reads the unwind information from the image, which is relocated. libdwfl doesn't relocate this information in object files.
 */
static void read_unwind(struct lines *lines)
{
	lines->unwind = dwarf_getcfi_elf(lines->image->elf);
	for (size_t i = 0; lines->image->object && i < lines->image->region_count; i++)
		if (strcmp(lines->image->regions[i].name, ".eh_frame") == 0 && lines->unwind_base == 0)
			lines->unwind_base = lines->image->regions[i].address;
}

bool lines_is_unsaved(struct lines *lines, uint64_t address, int number)
{
	int dwarf = lines != NULL ? lines->image->arch->dwarf(number) : -1;
	Dwarf_Frame *frame = NULL;
	Dwarf_Op operations[3], *rule = operations;
	size_t count = 0;
	bool unsaved;

	if (dwarf < 0)
		return false;
	if (lines->unwind == NULL)
		read_unwind(lines);
	if (lines->unwind == NULL || dwarf_cfi_addrframe(lines->unwind, address - lines->unwind_base, &frame) != 0)
		return false;
	/*
	 * If libdw returns no operations and no rule, the register has the caller's value. For rbx of x86-64, libdw then says that
	 * the value is undefined, because its own table has rax in place of rbx.
	 */
	unsaved = dwarf_frame_register(frame, dwarf, operations, &rule, &count) == 0 && count == 0 &&
		  (rule == NULL || dwarf == lines->image->arch->undefined_rule);
	free(frame);
	return unsaved;
}
