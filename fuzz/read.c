/* SPDX-License-Identifier: MIT */
/*
 * read.c - fuzzes the reading of files by `rseqkit lint`. An input is a whole file.
 *
 * The file is read in this process, so that a sanitizer sees each access. It lies at the end of a block of its own: an access
 * after its end is seen, too. libdw reads the file by its descriptor.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lint/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* JSON and text are printed by different code. Odd sizes choose JSON. */
	const struct lint_settings settings = {.json = (size & 1) != 0, .all = true};
	uint8_t *copy = (uint8_t *)malloc(size + 1);
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	FILE *out = fopen("/dev/null", "w");

	if (copy != NULL && fd >= 0 && out != NULL && size > 0 && write(fd, data, size) == (ssize_t)size) {
		memcpy(copy, data, size);
		copy = (uint8_t *)realloc(copy, size);
		lint_bytes("fuzz", fd, copy, size, &settings, out);
	}
	if (out != NULL)
		fclose(out);
	if (fd >= 0)
		close(fd);
	free(copy);
	return 0;
}
