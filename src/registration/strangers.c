/* SPDX-License-Identifier: MIT */
/*
 * strangers.c - looks for components that register threads themselves, in what the loaded modules export.
 *
 * Reads the modules' symbol tables in memory, as the dynamic linker does: unlike dlsym() that finds what was loaded
 * with RTLD_LOCAL, allocates nothing, and works inside an allocator.
 */
#define _GNU_SOURCE
#include "strangers.h"

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include "area.h"
#include "kernel.h"
#include "thread_pointer.h"

/* What is needed of a module to look a symbol up. */
struct module {
	const struct dl_phdr_info *info;
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint32_t *gnu_hash, *hash;
};

/* Some dynamic linkers relocate these addresses in place, others don't. */
static const void *address_in(const struct dl_phdr_info *info, ElfW(Addr) value)
{
	return (const void *)(value < info->dlpi_addr ? value + info->dlpi_addr : value);
}

static bool open_module(struct module *module, const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *entry = NULL;

	*module = (struct module){.info = info};
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			entry = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
		const void *address = address_in(info, entry->d_un.d_ptr);

		switch (entry->d_tag) {
		case DT_SYMTAB:
			module->symbols = (const ElfW(Sym) *)address;
			break;
		case DT_STRTAB:
			module->strings = (const char *)address;
			break;
		case DT_GNU_HASH:
			module->gnu_hash = (const uint32_t *)address;
			break;
		case DT_HASH:
			module->hash = (const uint32_t *)address;
			break;
		}
	}
	return module->symbols != NULL && module->strings != NULL;
}

static bool is_defined(const struct module *module, uint32_t i, const char *name)
{
	const ElfW(Sym) *symbol = &module->symbols[i];

	return symbol->st_shndx != SHN_UNDEF && strcmp(module->strings + symbol->st_name, name) == 0;
}

/* By the table that GNU tools write: only what is defined is in it. Its chains are sorted by bucket. */
static const ElfW(Sym) *find_by_gnu_hash(const struct module *module, const char *name)
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

static const ElfW(Sym) *find_symbol(const struct module *module, const char *name)
{
	if (module->gnu_hash != NULL)
		return find_by_gnu_hash(module, name);
	/* The older table says how many symbols there are. */
	for (uint32_t i = 1; module->hash != NULL && i < module->hash[1]; i++)
		if (is_defined(module, i, name))
			return &module->symbols[i];
	return NULL;
}

static int look_for_strangers(struct dl_phdr_info *info, size_t size, void *found)
{
	struct module module;

	(void)size;
	if (!open_module(&module, info))
		return 0;
	*(bool *)found = find_symbol(&module, "rseq_register_current_thread") != NULL ||
			 find_symbol(&module, "__rseq_abi") != NULL;
	return *(bool *)found;
}

bool rk_strangers_are_loaded(void)
{
	bool found = false;

	(void)dl_iterate_phdr(look_for_strangers, &found);
	return found;
}

struct librseq {
	struct dl_phdr_info module; /* that has the function */
	const ptrdiff_t *offset;
	const unsigned *size;
	bool found;
};

/*
 * Before librseq's own constructor its variables tell nothing. Then its TLS does, if that is one area and no more, as
 * an area begins before anybody registers it.
 */
static bool offset_of_block(const struct dl_phdr_info *info, ptrdiff_t *offset)
{
	static const struct rk_area initial = {.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED};

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type != PT_TLS || segment->p_memsz != sizeof(initial) ||
		    segment->p_filesz != sizeof(initial) || segment->p_align < RK_AREA_LENGTH_ORIGINAL ||
		    memcmp((const char *)info->dlpi_addr + segment->p_vaddr, &initial, sizeof(initial)) != 0 ||
		    info->dlpi_tls_data == NULL)
			continue;
		*offset = (char *)info->dlpi_tls_data - rk_thread_pointer();
		return true;
	}
	return false;
}

static const void *first_of(const void *found, const struct module *module, const char *name)
{
	const ElfW(Sym) *symbol = found == NULL ? find_symbol(module, name) : NULL;

	return symbol != NULL ? (const void *)(module->info->dlpi_addr + symbol->st_value) : found;
}

/* In look-up order: an executable may hold the linker's copies of the variables, and then those count. */
static int look_for_librseq(struct dl_phdr_info *info, size_t size, void *result)
{
	struct librseq *librseq = result;
	struct module module;

	(void)size;
	if (!open_module(&module, info))
		return 0;
	librseq->offset = first_of(librseq->offset, &module, "rseq_offset");
	librseq->size = first_of(librseq->size, &module, "rseq_size");
	if (!librseq->found && find_symbol(&module, "rseq_register_current_thread") != NULL) {
		librseq->found = true;
		librseq->module = *info;
	}
	return 0;
}

enum rk_librseq rk_strangers_librseq(ptrdiff_t *offset)
{
	struct librseq librseq = {.found = false};

	(void)dl_iterate_phdr(look_for_librseq, &librseq);
	if (!librseq.found)
		return RK_LIBRSEQ_ABSENT;
	*offset = 0;
	/* The size: -1 before it is initialised, 0 before a thread is registered. */
	if (librseq.offset != NULL && librseq.size != NULL && *librseq.size != -1U)
		*offset = *librseq.offset;
	else
		(void)offset_of_block(&librseq.module, offset);
	return *offset != 0 ? RK_LIBRSEQ_FOUND : RK_LIBRSEQ_HIDDEN;
}

/* The 18th field behind the name, which may itself contain anything: num_threads of proc(5). */
static long count_threads(const char *stat)
{
	const char *at = strrchr(stat, ')');
	long count = 0;

	for (int field = 0; at != NULL && field < 18; field++)
		at = strchr(at + 1, ' ');
	for (at = at != NULL ? at + 1 : ""; *at >= '0' && *at <= '9'; at++)
		count = count * 10 + (*at - '0');
	return count;
}

bool rk_strangers_may_run(void)
{
	char text[512] = {0};
	long fd = RK_SYSCALL(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC);
	long size = fd < 0 ? -1 : rk_kernel_read_at(fd, text, sizeof(text) - 1, 0);

	if (fd >= 0)
		(void)RK_SYSCALL(SYS_close, (int)fd);
	text[size > 0 ? size : 0] = '\0';
	return count_threads(text) != 1;
}
