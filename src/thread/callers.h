/* SPDX-License-Identifier: MIT */
/*
 * callers.h - finds a module that makes the system call rseq itself. Such a module can be a stranger (strangers.h) whose
 * symbols no other module sees.
 */
#ifndef RK_SRC_CALLERS_H
#define RK_SRC_CALLERS_H

#include <link.h>
#include <stdbool.h>

/*
 * Returns whether the module has code that makes the system call rseq. The libc and the copies of this library, which also
 * make it, don't count. Reads all code of the module. This takes about 0.1 ms for each megabyte, and up to 1 ms if the code
 * isn't mapped yet. Makes a system call for each segment, and one for each page if a page can't be read. Call this only inside
 * rk_modules_each(), so that the module stays loaded.
 */
bool rk_calls_rseq(const struct dl_phdr_info *info);

#endif /* RK_SRC_CALLERS_H */
