/* SPDX-License-Identifier: MIT */
/* tunables.h - reads and corrects GLIBC_TUNABLES. */
#ifndef RK_TOOL_TUNABLES_H
#define RK_TOOL_TUNABLES_H

#include <stdbool.h>

/*
 * Do the rseq settings in `list` stop the C library from registering threads? Colons separate the settings in `list`, which is
 * allowed to be NULL. Releases of glibc differ. In 2.36, 0a and no count as 0, and a setting above 1 is skipped. In 2.41, a
 * setting of these kinds makes glibc register. With `surely`, the settings must mean 0 in both, as 00 and 0x0 do. Otherwise it is
 * enough that they mean 0 in 2.36.
 */
bool tunables_say_off(const char *list, bool surely);

/*
 * Removes each setting whose value has another '=', such as a=b=c. glibc 2.41 and later ignore the whole list because of such a
 * setting. Returns whether there was one.
 */
bool tunables_remove_faults(char *list);

#endif /* RK_TOOL_TUNABLES_H */
