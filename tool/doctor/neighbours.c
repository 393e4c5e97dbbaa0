/* SPDX-License-Identifier: MIT */
/*
 * neighbours.c - finds modules of this process that also use rseq, by the symbols that they define. Usually such modules are
 * preloaded.
 *
 * The symbols come from the modules' files. A stripped module shows only the symbols that it exports.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "common/binary.h"
#include "doctor.h"
#include "common/output.h"

static void note(char where[256], const char *path)
{
	if (where[0] == '\0')
		copy_printable(where, 256, path);
}

/* Does the thread's area lie in the module's thread-local memory? */
static bool has_area(const struct dl_phdr_info *info)
{
	const char *area = (const char *)(uintptr_t)rk_thread_area(), *begin = (const char *)info->dlpi_tls_data;

	for (int i = 0; area != NULL && begin != NULL && i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS && area >= begin && area - begin < (ptrdiff_t)info->dlpi_phdr[i].p_memsz)
			return true;
	return false;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *result)
{
	struct doctor_neighbours *neighbours = (struct doctor_neighbours *)result;
	enum binary_symbol abi;
	struct binary file;

	(void)size;
	/*
	 * dl_iterate_phdr() gives no name for the program itself, which doesn't define these symbols. A name without a slash is
	 * that of the kernel's vDSO, which isn't a file.
	 */
	if (info->dlpi_name == NULL || strchr(info->dlpi_name, '/') == NULL || !binary_open(info->dlpi_name, &file))
		return 0;
	if (has_area(info))
		note(neighbours->area, info->dlpi_name);
	abi = binary_find(&file, "__rseq_abi");
	/* If a module has librseq's functions, its __rseq_abi is librseq's own area, and isn't noted separately. */
	if (binary_find(&file, "rseq_register_current_thread") == SYMBOL_SEEN)
		note(neighbours->librseq, info->dlpi_name);
	else if (abi == SYMBOL_SEEN)
		note(neighbours->early, info->dlpi_name);
	else if (abi == SYMBOL_HIDDEN)
		note(neighbours->hidden, info->dlpi_name);
	binary_close(&file);
	return 0;
}

void doctor_look_for_neighbours(struct doctor_neighbours *neighbours)
{
	memset(neighbours, 0, sizeof(*neighbours));
	(void)dl_iterate_phdr(look_at, neighbours);
}
