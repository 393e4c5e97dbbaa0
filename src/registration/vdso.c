/* SPDX-License-Identifier: MIT */
/*
 * vdso.c - looks a function up in the vDSO, by its GNU hash table or the older one, whichever it has. The kernel maps
 * it, so what it says of itself is believed.
 */
#define _GNU_SOURCE
#include "vdso.h"

#include <link.h>
#include <stdint.h>
#include <string.h>
#include "kernel.h"

#define AT_SYSINFO_EHDR_ 33 /* include/uapi/linux/auxvec.h */

struct vdso {
	uintptr_t bias;
	const char *names;
	const ElfW(Sym) *symbols;
	const uint32_t *hash, *gnu_hash;
};

static const void *at(const struct vdso *vdso, const ElfW(Dyn) *entry)
{
	return (const void *)(vdso->bias + (uintptr_t)entry->d_un.d_ptr);
}

static bool open_vdso(struct vdso *vdso)
{
	const char *image = (const char *)rk_auxiliary(AT_SYSINFO_EHDR_);
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)(const void *)image;
	const ElfW(Phdr) *segments;
	const ElfW(Dyn) *dynamic = NULL;
	bool loaded = false;

	if (image == NULL)
		return false;
	segments = (const ElfW(Phdr) *)(const void *)(image + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD && !loaded) {
			vdso->bias = (uintptr_t)image + segments[i].p_offset - segments[i].p_vaddr;
			loaded = true;
		} else if (segments[i].p_type == PT_DYNAMIC) {
			dynamic = (const ElfW(Dyn) *)(const void *)(image + segments[i].p_offset);
		}
	}
	if (!loaded || dynamic == NULL)
		return false;
	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		if (dynamic->d_tag == DT_STRTAB)
			vdso->names = at(vdso, dynamic);
		else if (dynamic->d_tag == DT_SYMTAB)
			vdso->symbols = at(vdso, dynamic);
		else if (dynamic->d_tag == DT_HASH)
			vdso->hash = at(vdso, dynamic);
		else if (dynamic->d_tag == DT_GNU_HASH)
			vdso->gnu_hash = at(vdso, dynamic);
	}
	return vdso->names != NULL && vdso->symbols != NULL;
}

static void *is_it(const struct vdso *vdso, uint32_t index, const char *name)
{
	const ElfW(Sym) *symbol = &vdso->symbols[index];

	if (symbol->st_shndx == SHN_UNDEF || strcmp(vdso->names + symbol->st_name, name) != 0)
		return NULL;
	return (void *)(vdso->bias + (uintptr_t)symbol->st_value);
}

/* Buckets of first symbols; their hashes follow each other, and the last one of a bucket is odd. */
static void *find_gnu(const struct vdso *vdso, const char *name)
{
	const uint32_t *table = vdso->gnu_hash;
	const uint32_t *buckets = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	const uint32_t *chain = buckets + table[0];
	uint32_t hash = 5381, index;
	void *found = NULL;

	for (const unsigned char *c = (const unsigned char *)name; *c != '\0'; c++)
		hash = hash * 33 + *c;
	index = buckets[hash % table[0]];
	if (index < table[1])
		return NULL;
	for (;; index++) {
		uint32_t of_symbol = chain[index - table[1]];

		if ((of_symbol | 1) == (hash | 1))
			found = is_it(vdso, index, name);
		if (found != NULL || (of_symbol & 1))
			return found;
	}
}

void *rk_vdso_find(const char *name)
{
	struct vdso vdso = {0};
	void *found = NULL;

	if (!open_vdso(&vdso))
		return NULL;
	if (vdso.gnu_hash != NULL)
		return find_gnu(&vdso, name);
	for (uint32_t i = 1; found == NULL && vdso.hash != NULL && i < vdso.hash[1]; i++)
		found = is_it(&vdso, i, name);
	return found;
}
