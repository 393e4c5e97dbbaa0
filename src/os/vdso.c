/* SPDX-License-Identifier: MIT */
/* vdso.c - looks a function up in the vDSO's symbol table; see vdso.h. */
#define _GNU_SOURCE
#include "vdso.h"

#include "module.h"
#include "kernel.h"

#define AT_SYSINFO_EHDR_ 33 /* include/uapi/linux/auxvec.h */

static bool open_vdso(struct rk_module *vdso)
{
	const char *image = (const char *)rk_auxiliary(AT_SYSINFO_EHDR_);
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)(const void *)image;
	const ElfW(Phdr) *segments;
	const ElfW(Dyn) *dynamic = NULL;
	uintptr_t bias = 0;
	bool loaded = false;

	if (image == NULL)
		return false;
	segments = (const ElfW(Phdr) *)(const void *)(image + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD && !loaded) {
			bias = (uintptr_t)image + segments[i].p_offset - segments[i].p_vaddr;
			loaded = true;
		} else if (segments[i].p_type == PT_DYNAMIC) {
			dynamic = (const ElfW(Dyn) *)(const void *)(image + segments[i].p_offset);
		}
	}
	return loaded && rk_module_open(vdso, bias, dynamic);
}

void *rk_vdso_find(const char *name)
{
	struct rk_module vdso;

	return open_vdso(&vdso) ? rk_module_address(&vdso, rk_module_find(&vdso, name)) : NULL;
}
