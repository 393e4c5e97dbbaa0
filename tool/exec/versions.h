/* SPDX-License-Identifier: MIT */
/* versions.h - do the C library's files beside a dynamic linker have what a preloaded library needs? */
#ifndef RK_TOOL_EXEC_VERSIONS_H
#define RK_TOOL_EXEC_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Looks into the linker and its neighbours for the versions of symbols that `library` needs of them. Returns true, and the
 * first version that isn't there, where there is one; what can't be read lacks nothing.
 */
bool exec_lacks_version(const char *linker, const char *library, char *version, size_t size);

#endif /* RK_TOOL_EXEC_VERSIONS_H */
