/* SPDX-License-Identifier: MIT */
/* source.h - finds the source line of an address. */
#ifndef RK_TOOL_SOURCE_H
#define RK_TOOL_SOURCE_H

#include <elfutils/libdwfl.h>

/*
 * The line in the compilation unit that contains the address; NULL if there is none. Not every compiler writes an index of the
 * units (.debug_aranges). Without the index, all units are searched.
 */
Dwarf_Line *source_line(Dwfl_Module *module, Dwarf_Addr address);

#endif /* RK_TOOL_SOURCE_H */
