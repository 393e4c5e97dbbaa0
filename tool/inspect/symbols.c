/* SPDX-License-Identifier: MIT */
/*
 * symbols.c - reads the symbols of a running process from the files that it has mapped. Finds the areas of known owners,
 * and the symbol and source line of an address.
 */
#define _GNU_SOURCE
#include "inspect.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mapped.h"
#include "common/output.h"
#include "common/rights.h"
#include "common/source.h"
#include "tls.h"
#include "tool.h"

#define ABI_NAME "__rseq_abi" /* the thread-local variable that components shared as the area before C libraries had one */

struct inspect_symbols {
	Dwfl *dwfl;
	pid_t tid; /* a thread of the process that hasn't ended */
	struct mapped mapped;
	struct inspect_places *places; /* where the search of the modules stores what it finds */
	bool readable; /* the first bytes of at least one mapped file could be read */
};

static int open_debug_file(void *argument, const char *path)
{
	return mapped_open_named(((const struct inspect_symbols *)argument)->tid, path);
}

static int find_debug_file(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, const char *file,
			   const char *link, GElf_Word checksum, char **found)
{
	(void)name;
	(void)base;
	return source_find_debug_file(module, file, link, checksum, open_debug_file, *data, found);
}

/* Warns once if fewer than two descriptors are free, because mapped_open() opens two at once. */
static void warn_of_descriptors(void)
{
	static bool warned;
	int first = dup(STDERR_FILENO), second = dup(STDERR_FILENO);

	if (second < 0 && errno == EMFILE && !warned) {
		complain("the limit of open files (ulimit -n) is too low to read every file, so owners may be unknown");
		warned = true;
	}
	if (first >= 0)
		close(first);
	if (second >= 0)
		close(second);
}

/*
 * Finds the ELF file of a module. If the module isn't a file, such as the vDSO, libdwfl reads it from the process's memory.
 * This function itself opens files, because libdwfl would open a file in this tool's own root.
 */
static int find_elf(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, char **file_name, Elf **elf)
{
	int fd;

	if (name[0] != '/') {
		*data = NULL;
		rights_suspend(); /* for /proc/PID/mem */
		fd = dwfl_linux_proc_find_elf(module, data, name, base, file_name, elf);
		rights_resume();
		return fd;
	}
	fd = mapped_open(&((const struct inspect_symbols *)*data)->mapped, name, base);
	if (fd >= 0)
		*file_name = strdup(name);
	else
		warn_of_descriptors();
	return fd;
}

static int remember_process(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr start, void *argument)
{
	(void)module;
	(void)name;
	(void)start;
	*data = argument;
	return DWARF_CB_OK;
}

/*
 * Reports the process's modules to libdwfl. If /proc/PID/auxv can't be read, libdwfl gets only the list of mappings, and doesn't
 * find the vDSO. This happens if CAP_SYS_PTRACE is the tool's only privilege. Returns false if nothing could be read.
 */
static bool report_modules(struct inspect_symbols *symbols)
{
	FILE *maps;
	int error;

	rights_suspend();
	error = dwfl_linux_proc_report(symbols->dwfl, symbols->tid);
	rights_resume();
	if (error != 0 && symbols->mapped.maps != NULL) {
		maps = fmemopen(symbols->mapped.maps, strlen(symbols->mapped.maps), "r");
		dwfl_report_begin(symbols->dwfl);
		error = maps != NULL ? dwfl_linux_proc_maps_report(symbols->dwfl, maps) : error;
		if (maps != NULL)
			fclose(maps);
	}
	return dwfl_report_end(symbols->dwfl, NULL, NULL) == 0 && error == 0;
}

struct inspect_symbols *inspect_symbols_open(pid_t tid)
{
	static char *no_path = NULL;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = find_elf,
		.find_debuginfo = find_debug_file,
		.debuginfo_path = &no_path,
	};
	struct inspect_symbols *symbols = (struct inspect_symbols *)calloc(1, sizeof(*symbols));

	if (symbols == NULL)
		return NULL;
	symbols->tid = tid;
	mapped_read(tid, &symbols->mapped);
	symbols->dwfl = dwfl_begin(&callbacks);
	if (symbols->dwfl == NULL || !report_modules(symbols)) {
		inspect_symbols_close(symbols);
		return NULL;
	}
	(void)dwfl_getmodules(symbols->dwfl, remember_process, symbols, 0);
	return symbols;
}

void inspect_symbols_close(struct inspect_symbols *symbols)
{
	if (symbols == NULL)
		return;
	if (symbols->dwfl != NULL)
		dwfl_end(symbols->dwfl);
	free(symbols->mapped.maps);
	free(symbols);
}

/* The search of one module. */
struct module_search {
	struct inspect_symbols *symbols;
	struct inspect_places *places;
	Elf *elf;
	GElf_Addr bias;
	bool in_executable;
	bool is_dynamic;        /* the module has a table of symbols for the dynamic linker */
	bool has_tls;           /* `tls` has been read */
	struct inspect_tls tls;
};

static void add_offset(struct inspect_offsets *offsets, int64_t offset)
{
	if (!inspect_is_among(offsets, offset) && offsets->count < sizeof(offsets->list) / sizeof(offsets->list[0]))
		offsets->list[offsets->count++] = offset;
}

static const struct inspect_tls *tls_of(struct module_search *search)
{
	if (!search->has_tls)
		inspect_tls_read(search->symbols->tid, search->elf, search->bias, ABI_NAME, &search->tls);
	search->has_tls = true;
	return &search->tls;
}

/* Can other modules see the symbol? A static program is a single module, so its global symbols count as visible. */
static bool is_public(const struct module_search *search, bool in_dynamic_table, const GElf_Sym *symbol)
{
	unsigned visibility = GELF_ST_VISIBILITY(symbol->st_other);

	if (GELF_ST_BIND(symbol->st_info) == STB_LOCAL)
		return false;
	return in_dynamic_table ? visibility == STV_DEFAULT || visibility == STV_PROTECTED : !search->is_dynamic;
}

/* Adds the offset of the __rseq_abi that a module defines or uses, if this offset can be found. */
static void consider_abi(struct module_search *search, bool in_dynamic_table, const GElf_Sym *symbol)
{
	bool public = is_public(search, in_dynamic_table, symbol);
	bool defined = symbol->st_shndx != SHN_UNDEF;
	struct inspect_offsets *offsets = public ? &search->places->early : &search->places->hidden;
	int64_t base;

	if (defined && search->in_executable && inspect_tls_executable(search->elf, &base))
		add_offset(offsets, base + (int64_t)symbol->st_value);
	else if (public && tls_of(search)->has_symbol)
		add_offset(offsets, tls_of(search)->symbol);
	else if (defined && tls_of(search)->has_base)
		add_offset(offsets, tls_of(search)->base + (int64_t)symbol->st_value);
	else if (defined && public)
		search->places->early_elsewhere = true;
}

static void add_word(struct module_search *search, struct inspect_offsets *offsets, uint64_t address)
{
	int64_t offset;

	if (inspect_read(search->symbols->tid, address, &offset, sizeof(offset)) && offset != 0)
		add_offset(offsets, offset);
}

/* If the symbol leads to an area, adds the area's offset. `address` is the symbol's address in the process; unused for TLS. */
static void consider(struct module_search *search, bool in_dynamic_table, const char *name, uint64_t address,
		     const GElf_Sym *symbol)
{
	struct inspect_places *places = search->places;
	uint32_t size;

	if (name == NULL)
		return;
	if (strcmp(name, ABI_NAME) == 0 && GELF_ST_TYPE(symbol->st_info) == STT_TLS)
		consider_abi(search, in_dynamic_table, symbol);
	if (symbol->st_shndx == SHN_UNDEF)
		return;
	if (strcmp(name, "__rseq_offset") == 0) {
		add_word(search, &places->libc, address);
	} else if (strcmp(name, "__rseq_size") == 0) {
		if (inspect_read(search->symbols->tid, address, &size, sizeof(size)) && size != 0)
			places->libc_size = size;
	} else if (strcmp(name, "rk_area_offset") == 0) {
		add_word(search, &places->self, address);
	} else if (strcmp(name, "rseq_offset") == 0 && is_public(search, in_dynamic_table, symbol)) {
		add_word(search, in_dynamic_table ? &places->librseq : &places->inside, address);
	}
}

static bool has_table(Elf *elf, GElf_Word type)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section)) != NULL)
		if (gelf_getshdr(section, &header) != NULL && header.sh_type == type)
			return true;
	return false;
}

/* Searches the tables of symbols that the file's section headers name. Returns false if there are no symbols. */
static bool search_sections(struct module_search *search)
{
	Elf_Scn *section = NULL;
	bool found = false;

	search->is_dynamic = has_table(search->elf, SHT_DYNSYM);
	while ((section = elf_nextscn(search->elf, section)) != NULL) {
		GElf_Shdr header;
		GElf_Sym symbol;
		Elf_Data *table;

		if (gelf_getshdr(section, &header) == NULL ||
		    (header.sh_type != SHT_DYNSYM && header.sh_type != SHT_SYMTAB))
			continue;
		table = elf_getdata(section, NULL);
		/* The first entry of a table is not a symbol. */
		for (int i = 1; table != NULL && gelf_getsym(table, i, &symbol) != NULL; i++) {
			consider(search, header.sh_type == SHT_DYNSYM,
				 elf_strptr(search->elf, header.sh_link, symbol.st_name), search->bias + symbol.st_value,
				 &symbol);
			found = true;
		}
	}
	return found;
}

/*
 * Searches the symbols that the dynamic linker reads. This is for a file that is deleted but still mapped: libdwfl reads it from
 * memory, which has no section headers. Returns false if there are no symbols.
 */
static bool search_dynamic(struct module_search *search, Dwfl_Module *module)
{
	int count = dwfl_module_getsymtab(module);
	GElf_Addr address;
	GElf_Sym symbol;

	search->is_dynamic = true;
	for (int i = 1; i < count; i++) {
		const char *name = dwfl_module_getsym_info(module, i, &symbol, &address, NULL, NULL, NULL);

		consider(search, true, name, address, &symbol);
	}
	return count > 1;
}

static int search_module(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr start, void *argument)
{
	struct inspect_symbols *symbols = (struct inspect_symbols *)argument;
	struct module_search search = {.symbols = symbols, .places = symbols->places};
	char magic[SELFMAG];

	(void)data;
	search.in_executable = strcmp(name, symbols->mapped.executable) == 0;
	if (!inspect_read(symbols->tid, start, magic, sizeof(magic)) || memcmp(magic, ELFMAG, SELFMAG) != 0)
		return DWARF_CB_OK;
	symbols->readable = true;
	search.elf = dwfl_module_getelf(module, &search.bias);
	if (search.elf == NULL || (!search_sections(&search) && !search_dynamic(&search, module)))
		symbols->places->complete = false;
	return DWARF_CB_OK;
}

/* Reads the rendezvous page, if the copies of librseqkit in the process have made one to agree on an area. */
static void read_rendezvous(pid_t tid, struct inspect_places *places)
{
	struct rk_rendezvous meeting;

	if (!inspect_read(tid, RK_RENDEZVOUS_ADDRESS, &meeting, sizeof(meeting)) ||
	    memcmp(meeting.magic, RK_RENDEZVOUS_MAGIC, sizeof(meeting.magic)) != 0 || meeting.signature != RK_SIGNATURE ||
	    (meeting.kind != RK_RENDEZVOUS_BLOCK && meeting.kind != RK_RENDEZVOUS_EARLY))
		return;
	places->agreed = meeting.kind;
	/* Fields that an older copy doesn't know are 0, like the rest of the page. */
	places->agreed_on_kernel = meeting.blob != 0;
	places->agreed_offset = meeting.offset;
}

void inspect_symbols_places(struct inspect_symbols *symbols, struct inspect_places *places)
{
	memset(places, 0, sizeof(*places));
	if (symbols == NULL)
		return;
	places->complete = true;
	symbols->places = places;
	(void)dwfl_getmodules(symbols->dwfl, search_module, symbols, 0);
	places->complete &= symbols->readable;
	symbols->places = NULL;
	read_rendezvous(symbols->tid, places);
}

void inspect_symbols_locate(struct inspect_symbols *symbols, uint64_t address, struct inspect_place *place)
{
	Dwfl_Module *module = symbols != NULL ? dwfl_addrmodule(symbols->dwfl, address) : NULL;

	memset(place, 0, sizeof(*place));
	if (module != NULL)
		copy_printable(place->module, sizeof(place->module),
			       dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
	source_find(module, address, &place->source);
}
