/* SPDX-License-Identifier: MIT */
/*
 * versions.h - checks for `rseqkit exec` whether a C library has the symbol versions that a preloaded library needs. The C
 * library is in the folder of its dynamic linker.
 */
#ifndef RK_TOOL_EXEC_VERSIONS_H
#define RK_TOOL_EXEC_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Searches the linker, and the files in its folder, for the symbol versions that `library` needs from these files. Returns true
 * if a version is missing, and stores the first missing version in version[size]. A file that can't be read counts as having all
 * versions.
 */
bool exec_lacks_version(const char *linker, const char *library, char *version, size_t size);

#endif /* RK_TOOL_EXEC_VERSIONS_H */
