/* SPDX-License-Identifier: MIT */
/* check.c - checks the sections of one file. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "find.h"
#include "lint.h"
#include "tool.h"

static int check_image(const char *name, const struct image *image, FILE *out)
{
	struct found found;
	struct decoder *decoder = decoder_open(image->arch);

	if (!find_sections(image, &found))
		return EXIT_USAGE;
	for (size_t i = 0; i < found.count; i++) {
		struct insn insn;
		uint64_t end = found.descriptors[i].start + found.descriptors[i].length;

		fprintf(out, "%s: %" PRIx64 "\n", name, found.descriptors[i].start);
		for (uint64_t at = found.descriptors[i].start; at < end; at += insn.size)
			if (!decode(decoder, image_at(image, at, end - at), end - at, at, &insn))
				break;
			else if (insn.unknown)
				fprintf(out, "%" PRIx64 ": unknown\n", at);
	}
	return EXIT_CLEAN;
}

int lint_file(const char *path, const struct lint_settings *settings, FILE *out)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	struct image image;
	const char *why;
	void *bytes;

	(void)settings;
	if (fd < 0 || fstat(fd, &status) != 0) {
		complain("%s: %s", path, strerror(errno));
		return EXIT_USAGE;
	}
	if (!S_ISREG(status.st_mode)) {
		complain("%s: not a regular file", path);
		return EXIT_USAGE;
	}
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return EXIT_USAGE;
	elf_version(EV_CURRENT);
	if (image_open(&image, (uint8_t *)bytes, (size_t)status.st_size, &why) != IMAGE_READ) {
		complain("%s: %s", path, why);
		return EXIT_USAGE;
	}
	image_read_symbols(&image);
	return check_image(path, &image, out);
}
