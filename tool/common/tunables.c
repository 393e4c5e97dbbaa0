/* SPDX-License-Identifier: MIT */
/* tunables.c - reads and corrects GLIBC_TUNABLES. If there are several settings of rseq, the C library uses the last of them. */
#include "tunables.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool is_faulty(const char *setting, size_t size)
{
	const char *equals = memchr(setting, '=', size);

	return equals != NULL && memchr(equals + 1, '=', size - (size_t)(equals + 1 - setting)) != NULL;
}

bool tunables_say_off(const char *list, bool surely)
{
	static const char name[] = "glibc.pthread.rseq=";
	const char *last = list == NULL ? NULL : strrchr(list, ':');
	bool off = false;

	/*
	 * glibc 2.41 and later ignore a list whose last setting has no '='. Earlier releases ignore only that setting. See
	 * tunables_remove_faults() for another such list.
	 */
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
		if (surely && is_faulty(list, size))
			return false;
		list += size + (list[size] != '\0');
	}
	return off;
}

bool tunables_remove_faults(char *list)
{
	const char *from = list;
	bool found = false;
	char *to = list;

	while (*from != '\0') {
		size_t size = strcspn(from, ":"), with_colon = size + (from[size] != '\0');

		if (is_faulty(from, size)) {
			found = true;
		} else {
			memmove(to, from, with_colon);
			to += with_colon;
		}
		from += with_colon;
	}
	if (found && to > list && to[-1] == ':')
		to--;
	*to = '\0';
	return found;
}
