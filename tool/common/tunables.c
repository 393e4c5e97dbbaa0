/* SPDX-License-Identifier: MIT */
/* tunables.c - reads the rseq setting in GLIBC_TUNABLES. If there are several settings, the C library uses the last of them. */
#include "tunables.h"

#include <stddef.h>
#include <string.h>

bool tunables_say_off(const char *list)
{
	static const char name[] = "glibc.pthread.rseq=";
	bool off = false;

	while (list != NULL && *list != '\0') {
		size_t size = strcspn(list, ":");

		if (strncmp(list, name, sizeof(name) - 1) == 0)
			off = size == sizeof(name) && list[size - 1] == '0';
		list += size + (list[size] != '\0');
	}
	return off;
}
