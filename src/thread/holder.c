/* SPDX-License-Identifier: MIT */
/* holder.c - finds the holder for a claim (a thread, or a bracket of a thread), and where a holder is; see holder.h. */
#include "holder.h"

#include "bracket.h"
#include "number.h"

uint64_t rk_holder_here(void)
{
	uint64_t me = rk_number_mine();

	/*
	 * Searches the table of levels (bracket.c) only inside a bracket. Outside a bracket, the table can still have levels of
	 * this thread: a child that was killed inside a bracket of another copy of this library left them.
	 */
	return rk_bracket_is_open() ? rk_bracket_number(me) : me;
}

bool rk_holder_is_here(uint64_t holder)
{
	uint64_t me = rk_number_mine(), number = holder & ~RK_NUMBER_FLAG;

	return number == me || ((number & RK_NUMBER_BRACKET) != 0 && rk_bracket_thread(number) == me);
}

bool rk_holder_is_elsewhere(uint64_t holder)
{
	uint64_t number = holder & ~RK_NUMBER_FLAG;

	if ((number & RK_NUMBER_BRACKET) == 0)
		return rk_number_is_elsewhere(number);
	if (rk_number_is_foreign(number))
		return false;
	number = rk_bracket_thread(number);
	return number == 0 || rk_number_is_elsewhere(number);
}
