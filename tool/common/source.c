/* SPDX-License-Identifier: MIT */
/* source.c - finds the name and the source line of an address, see source.h. */
#define _GNU_SOURCE
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#ifdef RK_HAVE_LIBIBERTY
#include <libiberty/demangle.h>
#endif

#include "common/output.h"

/* Returns the last line before `found` that has a number and belongs to the same sequence of instructions, or `found`. */
static Dwarf_Line *numbered_before(Dwarf_Die *unit, Dwarf_Line *found)
{
	Dwarf_Lines *lines;
	Dwarf_Line *last = NULL;
	size_t count;

	if (dwarf_getsrclines(unit, &lines, &count) != 0)
		return found;
	for (size_t i = 0; i < count; i++) {
		Dwarf_Line *line = dwarf_onesrcline(lines, i);
		bool ends = false;
		int number = 0;

		if (line == found)
			return last != NULL ? last : found;
		(void)dwarf_lineendsequence(line, &ends);
		if (ends)
			last = NULL;
		else if (dwarf_lineno(line, &number) == 0 && number > 0)
			last = line;
	}
	return found;
}

Dwarf_Line *source_line(Dwfl_Module *module, Dwarf_Addr address)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = dwfl_module_addrdie(module, address, &bias);
	Dwarf_Line *line;
	int number;

	if (unit == NULL)
		do
			unit = dwfl_module_nextcu(module, unit, &bias);
		while (unit != NULL && dwarf_haspc(unit, address - bias) != 1);
	line = unit != NULL ? dwarf_getsrc_die(unit, address - bias) : NULL;
	return line != NULL && dwarf_lineno(line, &number) == 0 && number == 0 ? numbered_before(unit, line) : line;
}

void source_name(char *to, size_t size, const char *symbol)
{
	char *text = NULL;

#ifdef RK_HAVE_LIBIBERTY
	if (symbol != NULL && symbol[0] == '_')
		text = cplus_demangle(symbol, DMGL_AUTO);
#endif
	copy_printable(to, size, text != NULL ? text : symbol);
	free(text);
}

void source_find(Dwfl_Module *module, Dwarf_Addr address, struct source *source)
{
	Dwarf_Line *line;
	GElf_Sym symbol;
	int number;

	memset(source, 0, sizeof(*source));
	if (module == NULL)
		return;
	source_name(source->symbol, sizeof(source->symbol),
		    dwfl_module_addrinfo(module, address, &source->offset, &symbol, NULL, NULL, NULL));
	line = source_line(module, address);
	if (line == NULL || dwarf_lineno(line, &number) != 0 || number <= 0)
		return;
	source->line = number;
	copy_printable(source->file, sizeof(source->file), dwarf_linesrc(line, NULL, NULL));
}

static void check_text(char text[SOURCE_TEXT])
{
	char printable[SOURCE_TEXT];

	text[SOURCE_TEXT - 1] = '\0';
	copy_printable(printable, sizeof(printable), text);
	memcpy(text, printable, sizeof(printable));
}

void source_check(struct source *source)
{
	check_text(source->symbol);
	check_text(source->file);
	if (source->line < 0 || source->file[0] == '\0')
		source->line = 0;
}

static bool has_checksum(int fd, GElf_Word checksum)
{
	static unsigned char bytes[65536];
	uLong sum = crc32(0, NULL, 0);
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, bytes, sizeof(bytes), at)) > 0) {
		sum = crc32(sum, bytes, (uInt)n);
		at += n;
	}
	return n == 0 && sum == checksum;
}

int source_find_debug_file(Dwfl_Module *module, const char *name, const char *link, GElf_Word checksum, source_open *open_file,
			   void *argument, char **found)
{
	static const char *const folders[][2] = {{"", ""}, {"", ".debug/"}, {"/usr/lib/debug", ""}};
	int fd = dwfl_build_id_find_debuginfo(module, NULL, NULL, 0, name, link, checksum, found);
	const char *slash = name != NULL ? strrchr(name, '/') : NULL;

	if (fd >= 0 || slash == NULL || name[0] != '/' || link == NULL || strchr(link, '/') != NULL)
		return fd;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *path;

		if (asprintf(&path, "%s%.*s%s%s", folders[i][0], (int)(slash + 1 - name), name, folders[i][1], link) < 0)
			return -1;
		/* A file can be its own debug file by name: then the checksum is wrong, unless the file was made to be so. */
		fd = open_file(argument, path);
		if (fd >= 0 && has_checksum(fd, checksum)) {
			*found = path;
			return fd;
		}
		if (fd >= 0)
			close(fd);
		free(path);
	}
	return -1;
}
