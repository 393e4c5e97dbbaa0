/* SPDX-License-Identifier: MIT */
/*
 * module.h - looks symbols up in a module, in memory, as the dynamic linker does. Unlike dlsym() that finds what was loaded with
 * RTLD_LOCAL, allocates nothing, and works inside an allocator and before the libc is initialised.
 */
#ifndef RK_SRC_MODULE_H
#define RK_SRC_MODULE_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rk_module {
	uintptr_t bias; /* of addresses in memory, to those in the file */
	const ElfW(Sym) *symbols;
	const char *names;
	const uint32_t *gnu_hash, *hash;
};

/* False if it has no table of symbols, or there is no dynamic section. */
bool rk_module_open(struct rk_module *module, uintptr_t bias, const ElfW(Dyn) *dynamic);

/* The same of what dl_iterate_phdr() tells. */
bool rk_module_open_loaded(struct rk_module *module, const struct dl_phdr_info *info);

/* The symbol that it defines under this name, or NULL. */
const ElfW(Sym) *rk_module_find(const struct rk_module *module, const char *name);

/* Where that is in memory; NULL without a symbol. Not of one in TLS. */
static inline void *rk_module_address(const struct rk_module *module, const ElfW(Sym) *symbol)
{
	return symbol == NULL ? NULL : (void *)(module->bias + (uintptr_t)symbol->st_value);
}

#endif /* RK_SRC_MODULE_H */
