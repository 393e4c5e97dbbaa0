/* SPDX-License-Identifier: MIT */
/* source.h - finds the source line of an address. */
#ifndef RK_TOOL_SOURCE_H
#define RK_TOOL_SOURCE_H

#include <elfutils/libdwfl.h>

/*
 * Returns the line of the address, or NULL if it isn't known. Not every compiler writes an index of the compilation units
 * (.debug_aranges). Without the index, this function searches all units.
 */
Dwarf_Line *source_line(Dwfl_Module *module, Dwarf_Addr address);

#endif /* RK_TOOL_SOURCE_H */
