/* SPDX-License-Identifier: MIT */
/* vdso.h - finds functions of the vDSO, the kernel's own library, which is in every process. */
#ifndef RK_SRC_VDSO_H
#define RK_SRC_VDSO_H

/*
 * Returns the function of this name. NULL: there is no vDSO, or no such function in it. This only reads memory, so it is
 * async-signal-safe, and works in static programs.
 */
void *rk_vdso_find(const char *name);

#endif /* RK_SRC_VDSO_H */
