/* SPDX-License-Identifier: MIT */
/* tunables.h - what an environment's GLIBC_TUNABLES says of rseq. */
#ifndef RK_TOOL_TUNABLES_H
#define RK_TOOL_TUNABLES_H

#include <stdbool.h>

/* Does a list of tunables, which colons separate, say last that the C library registers nobody? NULL says nothing. */
bool tunables_say_off(const char *list);

#endif /* RK_TOOL_TUNABLES_H */
