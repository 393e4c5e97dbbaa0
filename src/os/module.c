/* SPDX-License-Identifier: MIT */
/*
 * module.c - looks symbols up in a module's memory; see module.h. The data of a module is trusted, because the dynamic
 * linker, or the kernel, has mapped it.
 */
#define _GNU_SOURCE
#include "module.h"

#include <string.h>

/* Returns whether the address is in a segment that is loaded. */
static bool is_loaded(const struct dl_phdr_info *info, uintptr_t address)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD && address - info->dlpi_addr - segment->p_vaddr < segment->p_memsz)
			return true;
	}
	return false;
}

/*
 * Returns the address in memory for an address in the dynamic section, or NULL. If the section is writable, glibc replaces the
 * addresses of the file by addresses in memory. No other libc does that. On some machines glibc doesn't, either, so the other
 * address is second choice. The bias can be small or negative, so a comparison with the bias doesn't tell them apart.
 */
static const void *address_of(const struct dl_phdr_info *info, bool is_writable, uintptr_t value)
{
#ifdef __GLIBC__
	uintptr_t likely = is_writable ? value : info->dlpi_addr + value;
#else
	uintptr_t likely = info->dlpi_addr + value;
#endif
	uintptr_t other = info->dlpi_addr + value + value - likely;

	(void)is_writable;
	return is_loaded(info, likely) ? (const void *)likely : is_loaded(info, other) ? (const void *)other : NULL;
}

static void read_dynamic(struct rk_module *module, const struct dl_phdr_info *info, const ElfW(Phdr) *segment)
{
	const ElfW(Dyn) *dynamic = (const ElfW(Dyn) *)(info->dlpi_addr + segment->p_vaddr);

	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		size_t value = (size_t)dynamic->d_un.d_val;
		const void *address = address_of(info, (segment->p_flags & PF_W) != 0, (uintptr_t)dynamic->d_un.d_ptr);

		switch (dynamic->d_tag) {
		case DT_SYMTAB:
			module->symbols = (const ElfW(Sym) *)address;
			break;
		case DT_STRTAB:
			module->names = (const char *)address;
			break;
		case DT_GNU_HASH:
			module->gnu_hash = (const uint32_t *)address;
			break;
		case DT_HASH:
			module->hash = (const uint32_t *)address;
			break;
		case DT_RELA:
			module->relocations[0] = (const ElfW(Rela) *)address;
			break;
		case DT_JMPREL:
			module->relocations[1] = (const ElfW(Rela) *)address;
			break;
		case DT_RELASZ:
			module->relocation_counts[0] = value / sizeof(ElfW(Rela));
			break;
		case DT_PLTRELSZ:
			module->relocation_counts[1] = value / sizeof(ElfW(Rela));
			break;
		}
	}
}

bool rk_module_open(struct rk_module *module, const struct dl_phdr_info *info)
{
	*module = (struct rk_module){.bias = info->dlpi_addr};
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			read_dynamic(module, info, &info->dlpi_phdr[i]);
	return module->symbols != NULL && module->names != NULL;
}

bool rk_module_open_image(struct rk_module *module, const void *image)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)image;
	const ElfW(Phdr) *segments = (const ElfW(Phdr) *)(const void *)((const char *)image + header->e_phoff);
	struct dl_phdr_info info = {.dlpi_phdr = segments, .dlpi_phnum = header->e_phnum};

	if (header->e_ident[EI_MAG0] != ELFMAG0 || header->e_ident[EI_MAG1] != ELFMAG1 || header->e_ident[EI_MAG2] != ELFMAG2)
		return false;
	for (int i = info.dlpi_phnum - 1; i >= 0; i--)
		if (segments[i].p_type == PT_LOAD) /* the last one that this loop finds is the first segment */
			info.dlpi_addr = (uintptr_t)image + segments[i].p_offset - segments[i].p_vaddr;
	return rk_module_open(module, &info);
}

static bool is_defined(const struct rk_module *module, uint32_t i, const char *name)
{
	const ElfW(Sym) *symbol = &module->symbols[i];

	return symbol->st_shndx != SHN_UNDEF && strcmp(module->names + symbol->st_name, name) == 0;
}

/*
 * Searches the hash table that GNU tools write, which has only defined symbols. A bucket has the index of its first symbol.
 * The hashes of the bucket's symbols are consecutive. The last of these hashes is odd, the others are even.
 */
static const ElfW(Sym) *find_by_gnu_hash(const struct rk_module *module, const char *name)
{
	const uint32_t *table = module->gnu_hash;
	uint32_t buckets = table[0], first = table[1], bloom_words = table[2], hash = 5381;
	const uint32_t *bucket = table + 4 + bloom_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	const uint32_t *chain = bucket + buckets;

	for (const char *c = name; *c != '\0'; c++)
		hash = hash * 33 + (unsigned char)*c;
	if (buckets == 0 || bucket[hash % buckets] < first)
		return NULL;
	for (uint32_t i = bucket[hash % buckets];; i++) {
		if ((chain[i - first] | 1) == (hash | 1) && is_defined(module, i, name))
			return &module->symbols[i];
		if (chain[i - first] & 1)
			return NULL;
	}
}

const ElfW(Sym) *rk_module_find(const struct rk_module *module, const char *name)
{
	if (module->gnu_hash != NULL)
		return find_by_gnu_hash(module, name);
	/* The older hash table has the number of symbols, so every symbol is compared. */
	for (uint32_t i = 1; module->hash != NULL && i < module->hash[1]; i++)
		if (is_defined(module, i, name))
			return &module->symbols[i];
	return NULL;
}
