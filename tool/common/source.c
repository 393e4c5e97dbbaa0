/* SPDX-License-Identifier: MIT */
/* source.c - finds the source line of an address, see source.h. */
#include "source.h"

Dwarf_Line *source_line(Dwfl_Module *module, Dwarf_Addr address)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = dwfl_module_addrdie(module, address, &bias);

	if (unit == NULL)
		do
			unit = dwfl_module_nextcu(module, unit, &bias);
		while (unit != NULL && dwarf_haspc(unit, address - bias) != 1);
	return unit != NULL ? dwarf_getsrc_die(unit, address - bias) : NULL;
}
