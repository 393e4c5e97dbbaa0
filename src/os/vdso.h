/* SPDX-License-Identifier: MIT */
/* vdso.h - finds functions of the vDSO, the kernel's own library, which is in every process. */
#ifndef RK_SRC_VDSO_H
#define RK_SRC_VDSO_H

/*
 * Returns the address of the function with this name, or NULL if there is no vDSO, or no such function in it. The function only
 * reads memory, so it is async-signal-safe, and also works in static programs.
 */
void *rk_vdso_find(const char *name);

#endif /* RK_SRC_VDSO_H */
