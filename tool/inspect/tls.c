/* SPDX-License-Identifier: MIT */
/*
 * tls.c - finds the thread-local storage (TLS) of a module in a running process, by the module's relocations.
 *
 * A module that is loaded with the program has its TLS at a fixed offset from the thread pointer. For each relocation of a
 * certain type, the dynamic linker wrote such an offset into a word of the module. The word is the sum of three numbers: the
 * value of a symbol in TLS, an addend, and the offset of the TLS that has the symbol. The module's tables have the value and
 * the addend, so the offset of the TLS can be computed.
 *
 * The tool reads the tables from the process's memory, so it doesn't matter if the file was deleted or replaced. This memory
 * can contain anything, so sizes are limited, and tables that can't be read count as missing.
 */
#define _GNU_SOURCE
#include "tls.h"

#include <string.h>

#include "arch/insn.h"
#include "inspect.h"

#define RELOCATIONS_MAX (1UL << 20) /* at most this many relocations of a module are read */
#define OFFSETS_MAX 4096           /* at most this many relocations with offsets are examined. Modules have a few */
#define CHUNK 256                  /* this many relocations are read at once */
#define DYNAMIC_MAX 256            /* at most this many entries of the dynamic section are read */

struct tls_module {
	pid_t tid;
	GElf_Addr bias;
	GElf_Xword type; /* type of the relocations with an offset from the thread pointer */
	uint64_t relocations, relocations_size, symbols, strings;
};

/* Returns whether the address is in a segment that is loaded. */
static bool is_loaded(Elf *elf, const struct tls_module *module, uint64_t address)
{
	GElf_Phdr segment;

	for (int i = 0; gelf_getphdr(elf, i, &segment) != NULL; i++)
		if (segment.p_type == PT_LOAD && address - module->bias - segment.p_vaddr < segment.p_memsz)
			return true;
	return false;
}

/*
 * Returns the address in the process for a value of the dynamic section. If this section is writable, glibc has already added
 * the bias to its addresses. Other C libraries don't do this. The bias can be small or negative, so a comparison with the bias
 * doesn't tell them apart.
 */
static uint64_t address_of(Elf *elf, const struct tls_module *module, bool is_writable, uint64_t value)
{
	uint64_t likely = is_writable ? value : value + module->bias;

	return is_loaded(elf, module, likely) ? likely : is_writable ? value + module->bias : value;
}

static void read_dynamic(Elf *elf, struct tls_module *module, const GElf_Phdr *segment)
{
	const bool is_writable = (segment->p_flags & PF_W) != 0;
	const uint64_t address = module->bias + segment->p_vaddr;

	for (size_t i = 0; i < segment->p_memsz / sizeof(Elf64_Dyn) && i < DYNAMIC_MAX; i++) {
		Elf64_Dyn entry;

		if (!inspect_read(module->tid, address + i * sizeof(entry), &entry, sizeof(entry)) ||
		    entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_RELA)
			module->relocations = address_of(elf, module, is_writable, entry.d_un.d_ptr);
		else if (entry.d_tag == DT_RELASZ)
			module->relocations_size = entry.d_un.d_val;
		else if (entry.d_tag == DT_SYMTAB)
			module->symbols = address_of(elf, module, is_writable, entry.d_un.d_ptr);
		else if (entry.d_tag == DT_STRTAB)
			module->strings = address_of(elf, module, is_writable, entry.d_un.d_ptr);
	}
}

static bool find_tables(Elf *elf, struct tls_module *module)
{
	const struct arch *arch;
	GElf_Ehdr header;
	GElf_Phdr segment;
	size_t count;

	if (gelf_getclass(elf) != ELFCLASS64 || gelf_getehdr(elf, &header) == NULL || elf_getphdrnum(elf, &count) != 0)
		return false;
	arch = arch_find(header.e_machine);
	module->type = arch != NULL ? arch->offset : 0;
	for (size_t i = 0; module->type != 0 && i < count; i++)
		if (gelf_getphdr(elf, (int)i, &segment) != NULL && segment.p_type == PT_DYNAMIC)
			read_dynamic(elf, module, &segment);
	return module->relocations != 0 && module->symbols != 0 && module->strings != 0;
}

static bool has_name(const struct tls_module *module, const Elf64_Sym *symbol, const char *name)
{
	char text[64];
	size_t size = strlen(name) + 1;

	return size <= sizeof(text) && inspect_read(module->tid, module->strings + symbol->st_name, text, size) &&
	       memcmp(text, name, size) == 0;
}

static void consider(const struct tls_module *module, const Elf64_Rela *relocation, const char *name,
		     struct inspect_tls *tls)
{
	uint64_t index = ELF64_R_SYM(relocation->r_info), slot;
	Elf64_Sym symbol = {.st_name = 0};
	int64_t offset;

	if (!inspect_read(module->tid, module->bias + relocation->r_offset, &slot, sizeof(slot)))
		return;
	offset = (int64_t)(slot - (uint64_t)relocation->r_addend);
	if (index == 0) {
		tls->has_base = true;
		tls->base = offset;
		return;
	}
	if (!inspect_read(module->tid, module->symbols + index * sizeof(symbol), &symbol, sizeof(symbol)))
		return;
	if (has_name(module, &symbol, name)) {
		/*
		 * If the symbol is weak and undefined, the word stays 0. A real offset isn't 0, because no object lies at the
		 * thread pointer.
		 */
		tls->has_symbol = slot != 0;
		tls->symbol = offset;
	} else if (symbol.st_shndx != SHN_UNDEF && !tls->has_base) {
		/*
		 * If the dynamic linker used another module's definition of the symbol, this base is wrong. This does no harm,
		 * because then there is no area at the resulting address.
		 */
		tls->has_base = true;
		tls->base = (int64_t)((uint64_t)offset - symbol.st_value);
	}
}

void inspect_tls_read(pid_t tid, Elf *elf, GElf_Addr bias, const char *symbol, struct inspect_tls *tls)
{
	struct tls_module module = {.tid = tid, .bias = bias};
	Elf64_Rela chunk[CHUNK];
	uint64_t count;
	int offsets = 0;

	memset(tls, 0, sizeof(*tls));
	if (!find_tables(elf, &module))
		return;
	count = module.relocations_size / sizeof(chunk[0]);
	if (count > RELOCATIONS_MAX)
		count = RELOCATIONS_MAX;
	for (uint64_t done = 0; done < count; done += CHUNK) {
		size_t size = count - done < CHUNK ? (size_t)(count - done) : CHUNK;

		if (!inspect_read(tid, module.relocations + done * sizeof(chunk[0]), chunk, size * sizeof(chunk[0])))
			break;
		for (size_t i = 0; i < size; i++)
			if (ELF64_R_TYPE(chunk[i].r_info) == module.type && offsets++ < OFFSETS_MAX)
				consider(&module, &chunk[i], symbol, tls);
	}
}

static uint64_t round_up(uint64_t size, uint64_t alignment)
{
	return (size + alignment - 1) / alignment * alignment;
}

/* The source of this is the ELF TLS ABI of each architecture. */
bool inspect_tls_executable(Elf *elf, int64_t *base)
{
	const struct arch *arch;
	GElf_Ehdr header;
	GElf_Phdr segment;
	size_t count;

	if (gelf_getehdr(elf, &header) == NULL || elf_getphdrnum(elf, &count) != 0)
		return false;
	arch = arch_find(header.e_machine);
	if (arch == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (gelf_getphdr(elf, (int)i, &segment) == NULL || segment.p_type != PT_TLS)
			continue;
		if (segment.p_align == 0 || segment.p_vaddr % segment.p_align != 0)
			return false;
		*base = arch->tls_precedes ? -(int64_t)round_up(segment.p_memsz, segment.p_align)
					   : (int64_t)round_up(16, segment.p_align);
		return true;
	}
	return false;
}
