/* SPDX-License-Identifier: MIT */
/* tunables.c - reads the rseq setting in GLIBC_TUNABLES. If there are several settings, the C library uses the last of them. */
#include "tunables.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

bool tunables_say_off(const char *list, bool surely)
{
	static const char name[] = "glibc.pthread.rseq=";
	const char *last = list == NULL ? NULL : strrchr(list, ':');
	bool off = false;

	/* glibc 2.41 and later ignore a list whose last setting has no '='. Earlier releases ignore only that setting. */
	if (surely && list != NULL && strchr(last != NULL ? last : list, '=') == NULL)
		return false;
	while (list != NULL && *list != '\0') {
		size_t size = strcspn(list, ":");

		if (strncmp(list, name, sizeof(name) - 1) == 0) {
			char *end;
			unsigned long number = strtoul(list + sizeof(name) - 1, &end, 0);

			if (surely || number <= 1)
				off = number == 0 && (!surely || end == list + size);
		}
		list += size + (list[size] != '\0');
	}
	return off;
}
