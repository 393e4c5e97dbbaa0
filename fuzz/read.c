/* SPDX-License-Identifier: MIT */
/*
 * read.c - fuzzes the reading of files by `rseqkit lint`. An input is a whole file.
 *
 * lint_bytes() reads the file from memory of this process, so that a sanitizer sees each access. This memory is a heap block of
 * exactly the file's size, so the sanitizer also sees an access after the file's end. Only libdw reads the file by a descriptor.
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
	/* Different code prints JSON and text. An input of odd size is printed as JSON, so that both are tested. */
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
