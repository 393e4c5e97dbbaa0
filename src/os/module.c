/* SPDX-License-Identifier: MIT */
/*
 * module.c - looks symbols up in a module's memory; see module.h. The data of a module is trusted, because the dynamic
 * linker, or the kernel, has mapped it.
 */
#define _GNU_SOURCE
#include "module.h"

#include <string.h>

bool rk_module_open(struct rk_module *module, uintptr_t bias, const ElfW(Dyn) *dynamic)
{
	*module = (struct rk_module){.bias = bias};
	for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
		uintptr_t value = (uintptr_t)dynamic->d_un.d_ptr;
		/* Some dynamic linkers relocate these addresses in place, and some don't. */
		const void *address = (const void *)(value < bias ? value + bias : value);

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
		}
	}
	return module->symbols != NULL && module->names != NULL;
}

bool rk_module_open_loaded(struct rk_module *module, const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *dynamic = NULL;

	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			dynamic = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return rk_module_open(module, info->dlpi_addr, dynamic);
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
