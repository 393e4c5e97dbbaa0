/* SPDX-License-Identifier: MIT */
/* vdso.c - looks a function up in the vDSO's symbol table; see vdso.h. */
#define _GNU_SOURCE
#include "vdso.h"

#include "module.h"
#include "kernel.h"

#define AT_SYSINFO_EHDR_ 33 /* include/uapi/linux/auxvec.h */

void *rk_vdso_find(const char *name)
{
	const void *image = (const void *)rk_auxiliary(AT_SYSINFO_EHDR_);
	struct rk_module vdso;

	return image != NULL && rk_module_open_image(&vdso, image) ? rk_module_address(&vdso, rk_module_find(&vdso, name)) : NULL;
}
