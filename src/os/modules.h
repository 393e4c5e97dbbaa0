/* SPDX-License-Identifier: MIT */
/* modules.h - finds the modules that are loaded: the program and shared objects. */
#ifndef RK_SRC_MODULES_H
#define RK_SRC_MODULES_H

#include <link.h>
#include <stddef.h>

/*
 * Calls `look` for each loaded module, until it returns another value than 0. Returns the last value. This is the C library's
 * dl_iterate_phdr(). A sanitizer's runtime has a function of this name, too, which crashes before the runtime is initialised.
 */
int rk_modules_each(int (*look)(struct dl_phdr_info *module, size_t size, void *data), void *data);

/* Looks up what rk_modules_each() calls. The constructor in thread/thread.c calls this function first. */
void rk_modules_look_up(void);

#endif /* RK_SRC_MODULES_H */
