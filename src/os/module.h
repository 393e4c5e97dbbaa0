/* SPDX-License-Identifier: MIT */
/*
 * module.h - looks symbols up in the memory of a loaded module (the program or a shared object), as the dynamic linker does.
 * Unlike dlsym(), these functions also find symbols of modules that were loaded with RTLD_LOCAL. The functions allocate no
 * memory, so they also work inside an allocator, and before the libc is initialised.
 */
#ifndef RK_SRC_MODULE_H
#define RK_SRC_MODULE_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rk_module {
	uintptr_t bias; /* address in memory minus address in the file; if it is negative, this is the negative number's bits */
	const ElfW(Sym) *symbols;
	const char *names;
	const uint32_t *gnu_hash, *hash;
	const ElfW(Rela) *relocations[2]; /* of data, and of calls; NULL if there are none */
	size_t relocation_counts[2];
};

/*
 * Opens a module that rk_modules_each() reports. Returns false if the module has no symbol table, or no dynamic section in its
 * segments.
 */
bool rk_module_open(struct rk_module *module, const struct dl_phdr_info *info);

/* Opens the module whose ELF header is at this address. Returns the same as rk_module_open(), or false if there is no header. */
bool rk_module_open_image(struct rk_module *module, const void *image);

/* Returns the symbol that the module defines under this name, or NULL. */
const ElfW(Sym) *rk_module_find(const struct rk_module *module, const char *name);

/* Returns the symbol's address in memory, or NULL if `symbol` is NULL. Don't call this for symbols in TLS. */
static inline void *rk_module_address(const struct rk_module *module, const ElfW(Sym) *symbol)
{
	return symbol == NULL ? NULL : (void *)(module->bias + (uintptr_t)symbol->st_value);
}

#endif /* RK_SRC_MODULE_H */
