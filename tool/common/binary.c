/* SPDX-License-Identifier: MIT */
/*
 * binary.c - reads names and symbols of an ELF file, see binary.h.
 *
 * binary.c reads by pread() and doesn't map files. If a mapped file is truncated, the kernel kills a process that reads the
 * mapping.
 */
#define _GNU_SOURCE
#include "binary.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLE_MAX (64UL << 20) /* tables with more bytes aren't read, because this would take too long */

static const unsigned char own_class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;

static bool read_at(const struct binary *file, uint64_t offset, void *to, size_t size)
{
	return offset <= file->size && size <= file->size - offset &&
	       pread(file->fd, to, size, (off_t)offset) == (ssize_t)size;
}

/* Reads a part of the file into memory, followed by a zero byte. Returns NULL on failure. */
static char *read_part(const struct binary *file, uint64_t offset, uint64_t size)
{
	char *part;

	if (size == 0 || size > TABLE_MAX || offset > file->size || size > file->size - offset)
		return NULL;
	part = (char *)malloc(size + 1);
	if (part == NULL || !read_at(file, offset, part, size)) {
		free(part);
		return NULL;
	}
	part[size] = '\0';
	return part;
}

/* This program's own ELF header. The linker defines the header's address, so the program finds it without /proc. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((__weak__, __visibility__("hidden")));

static unsigned own_machine(void)
{
	return &__ehdr_start != NULL ? __ehdr_start.e_machine : EM_NONE;
}

bool binary_open(const char *path, struct binary *file)
{
	struct stat status;

	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0)
		return false;
	if (fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode)) {
		file->size = (uint64_t)status.st_size;
		if (read_at(file, 0, &file->header, sizeof(file->header)) &&
		    memcmp(file->header.e_ident, ELFMAG, SELFMAG) == 0 &&
		    file->header.e_ident[EI_CLASS] == own_class && file->header.e_machine == own_machine())
			return true;
	}
	close(file->fd);
	return false;
}

void binary_close(struct binary *file)
{
	close(file->fd);
}

static bool read_segment(const struct binary *file, unsigned index, ElfW(Phdr) *segment)
{
	return file->header.e_phentsize == sizeof(*segment) &&
	       read_at(file, file->header.e_phoff + (uint64_t)index * sizeof(*segment), segment, sizeof(*segment));
}

/* Converts an address that the dynamic section contains to an offset in the file. */
static bool file_offset(const struct binary *file, uint64_t address, uint64_t *offset)
{
	ElfW(Phdr) segment;

	for (unsigned i = 0; i < file->header.e_phnum && read_segment(file, i, &segment); i++) {
		if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
		    address - segment.p_vaddr >= segment.p_filesz)
			continue;
		*offset = segment.p_offset + (address - segment.p_vaddr);
		return *offset >= segment.p_offset;
	}
	return false;
}

static uint64_t dynamic_value(const ElfW(Dyn) *entries, size_t count, int64_t tag)
{
	for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++)
		if (entries[i].d_tag == tag)
			return entries[i].d_un.d_val;
	return 0;
}

static void each_name(const struct binary *file, const ElfW(Dyn) *entries, size_t count, binary_name *function,
		      void *argument)
{
	uint64_t offset, size = dynamic_value(entries, count, DT_STRSZ);
	char *strings = NULL;

	if (file_offset(file, dynamic_value(entries, count, DT_STRTAB), &offset))
		strings = read_part(file, offset, size);
	for (size_t i = 0; strings != NULL && i < count && entries[i].d_tag != DT_NULL; i++) {
		int64_t tag = entries[i].d_tag;

		if ((tag == DT_NEEDED || tag == DT_RPATH || tag == DT_RUNPATH || tag == DT_SONAME) && entries[i].d_un.d_val < size &&
		    !function(tag, strings + entries[i].d_un.d_val, argument))
			break;
	}
	free(strings);
}

void binary_names(const struct binary *file, binary_name *function, void *argument)
{
	ElfW(Phdr) segment;
	char *part;

	for (unsigned i = 0; i < file->header.e_phnum && read_segment(file, i, &segment); i++) {
		if (segment.p_type != PT_DYNAMIC)
			continue;
		part = read_part(file, segment.p_offset, segment.p_filesz);
		if (part != NULL)
			each_name(file, (const ElfW(Dyn) *)(void *)part, segment.p_filesz / sizeof(ElfW(Dyn)), function,
				  argument);
		free(part);
		return;
	}
}

static bool read_section(const struct binary *file, unsigned index, ElfW(Shdr) *section)
{
	return file->header.e_shentsize == sizeof(*section) &&
	       read_at(file, file->header.e_shoff + (uint64_t)index * sizeof(*section), section, sizeof(*section));
}

/* Finds how a table of symbols defines the symbol `name`. The table's names are in `strings`. */
static enum binary_symbol find_in(const ElfW(Sym) *symbols, size_t count, const char *strings, uint64_t size,
				    const char *name)
{
	enum binary_symbol found = SYMBOL_NONE;

	for (size_t i = 1; i < count && found != SYMBOL_SEEN; i++) {
		unsigned char visibility = symbols[i].st_other & 3; /* the same bits in 32-bit and 64-bit files */

		if (symbols[i].st_shndx == SHN_UNDEF || symbols[i].st_name >= size ||
		    strcmp(strings + symbols[i].st_name, name) != 0)
			continue;
		found = ELF64_ST_BIND(symbols[i].st_info) == STB_LOCAL ||
				(visibility != STV_DEFAULT && visibility != STV_PROTECTED) ?
				SYMBOL_HIDDEN : SYMBOL_SEEN;
	}
	return found;
}

/* Finds the first table of a type, and the table of its strings, in the file. */
static bool find_table(const struct binary *file, uint32_t type, ElfW(Shdr) *table, ElfW(Shdr) *names)
{
	unsigned i = 0;

	while (i < file->header.e_shnum && read_section(file, i, table) && table->sh_type != type)
		i++;
	return i < file->header.e_shnum && read_section(file, i, table) && read_section(file, table->sh_link, names) &&
	       names->sh_type == SHT_STRTAB;
}

bool binary_read_table(const struct binary *file, uint32_t type, struct binary_table *table)
{
	ElfW(Shdr) header, names;

	*table = (struct binary_table){.part = NULL};
	if (!find_table(file, type, &header, &names))
		return false;
	table->part = read_part(file, header.sh_offset, header.sh_size);
	table->strings = read_part(file, names.sh_offset, names.sh_size);
	table->size = header.sh_size;
	table->strings_size = names.sh_size;
	if (table->part != NULL && table->strings != NULL)
		return true;
	binary_release_table(table);
	return false;
}

void binary_release_table(struct binary_table *table)
{
	free(table->part);
	free(table->strings);
}

/* Searches the first table of a type for the symbol. */
static enum binary_symbol find_by_table(const struct binary *file, uint32_t type, const char *name)
{
	enum binary_symbol found = SYMBOL_NONE;
	char *strings = NULL, *symbols = NULL;
	ElfW(Shdr) table, names;

	if (!find_table(file, type, &table, &names))
		return SYMBOL_NONE;
	strings = read_part(file, names.sh_offset, names.sh_size);
	/* Read the symbols only if the strings contain the name, because most files don't contain it. */
	if (strings != NULL && memmem(strings, names.sh_size, name, strlen(name) + 1) != NULL)
		symbols = read_part(file, table.sh_offset, table.sh_size);
	if (symbols != NULL)
		found = find_in((const ElfW(Sym) *)(void *)symbols, table.sh_size / sizeof(ElfW(Sym)), strings,
				names.sh_size, name);
	free(symbols);
	free(strings);
	return found;
}

enum binary_symbol binary_find(const struct binary *file, const char *name)
{
	enum binary_symbol found = find_by_table(file, SHT_DYNSYM, name);

	if (found == SYMBOL_NONE && find_by_table(file, SHT_SYMTAB, name) != SYMBOL_NONE)
		found = SYMBOL_HIDDEN; /* the dynamic linker doesn't read SHT_SYMTAB, so other modules can't see the symbol */
	return found;
}
