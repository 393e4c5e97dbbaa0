/* SPDX-License-Identifier: MIT */
/* vdso.h - finds functions of the vDSO, the kernel's own library, which is in every process. */
#ifndef RK_SRC_VDSO_H
#define RK_SRC_VDSO_H

/*
 * The function of this name, or NULL: there is no vDSO, or no such function in it. Reads memory only, so it is
 * async-signal-safe, and works in static programs.
 */
void *rk_vdso_find(const char *name);

#endif /* RK_SRC_VDSO_H */
