/* SPDX-License-Identifier: MIT */
/* lint_file.c - opens a file, and checks it, or each member of an archive. */
#define _GNU_SOURCE
#include "lint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sections/archive.h"
#include "lint_report.h"
#include "tool.h"

int worse_status(int one, int other)
{
	static const int order[] = {[EXIT_CLEAN] = 0, [EXIT_UNSURE] = 1, [EXIT_FINDINGS] = 2, [EXIT_USAGE] = 3};

	if ((unsigned)other > EXIT_UNSURE)
		other = EXIT_USAGE;
	return order[other] > order[one] ? other : one;
}

/* Checks an ELF file, or a member of an archive that is an ELF file. */
static int check_elf(const char *name, int fd, uint8_t *bytes, size_t size, const struct lint_settings *settings, FILE *out)
{
	struct report report = {.settings = settings, .out = out, .name = name};
	struct image image;
	const char *why = "";
	int status;

	switch (image_open(&image, bytes, size, &why)) {
	case IMAGE_READ:
		image_relocate(&image);
		status = check_image(&image, fd, &report);
		break;
	case IMAGE_REFUSED:
		complain("%s: %s", name, why);
		report_failure(settings, out, name, why);
		status = EXIT_UNSURE;
		break;
	default:
		complain("%s: %s", name, why);
		report_failure(settings, out, name, why);
		status = EXIT_USAGE;
		break;
	}
	image_close(&image);
	return status;
}

static bool is_bitcode(const uint8_t *bytes, size_t size)
{
	return size >= 4 && (memcmp(bytes, "BC\xc0\xde", 4) == 0 || memcmp(bytes, "\xde\xc0\x17\x0b", 4) == 0);
}

static int refuse(const char *name, const char *why, int status, const struct lint_settings *settings, FILE *out)
{
	complain("%s: %s", name, why);
	report_failure(settings, out, name, why);
	return status;
}

static int check_one(const char *path, int fd, uint8_t *bytes, size_t size, const struct lint_settings *settings, FILE *out);

/* Checks one member of an archive. Copies the member to a memfd, because libdw reads only whole files. */
static int check_member(const char *path, const char *member, const uint8_t *bytes, size_t size,
			const struct lint_settings *settings, FILE *out)
{
	char name[1024];
	int fd, status = EXIT_USAGE;
	void *copy;

	snprintf(name, sizeof(name), "%s(%s)", path, member);
	if (archive_is(bytes, size))
		return refuse(name, "an archive in an archive; extract it", EXIT_UNSURE, settings, out);
	fd = memfd_create("member", MFD_CLOEXEC);
	copy = fd >= 0 && ftruncate(fd, (off_t)size) == 0
		       ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
		       : MAP_FAILED;
	if (copy != MAP_FAILED) {
		memcpy(copy, bytes, size);
		munmap(copy, size);
		copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	}
	if (copy != MAP_FAILED) {
		status = check_one(name, fd, (uint8_t *)copy, size, settings, out);
		munmap(copy, size);
	} else {
		refuse(name, "out of memory", EXIT_USAGE, settings, out);
	}
	if (fd >= 0)
		close(fd);
	return status;
}

/* Checks the members of an archive that are ELF files or intermediate code. */
static int check_archive(const char *path, uint8_t *bytes, size_t size, const struct lint_settings *settings, FILE *out)
{
	struct archive archive;
	struct member member;
	int status = EXIT_CLEAN;
	bool first = true, others = false; /* first: no member was checked yet; others: the archive has members */

	if (!archive_begin(&archive, bytes, size))
		return refuse(path, "a thin archive has no members; give the files that it names", EXIT_USAGE, settings, out);
	while (archive_next(&archive, &member)) {
		others = true;
		if (!is_bitcode(member.bytes, member.size) && !archive_is(member.bytes, member.size) &&
		    (member.size < SELFMAG || memcmp(member.bytes, ELFMAG, SELFMAG) != 0))
			continue;
		if (settings->json && !first)
			fputs(",\n", out);
		first = false;
		status = worse_status(status, check_member(path, member.name, member.bytes, member.size, settings, out));
	}
	if (settings->json && archive.broken && !first)
		fputs(",\n", out);
	if (archive.broken)
		return refuse(path, "a damaged archive", EXIT_USAGE, settings, out);
	if (first && others)
		return refuse(path, "no member of the archive is an ELF file", EXIT_UNSURE, settings, out);
	if (first)
		report_nothing(settings, out, path);
	return status;
}

static int check_one(const char *path, int fd, uint8_t *bytes, size_t size, const struct lint_settings *settings, FILE *out)
{
	if (size >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0)
		return check_elf(path, fd, bytes, size, settings, out);
	if (is_bitcode(bytes, size))
		return refuse(path, "intermediate code of clang (LTO), without machine code; look at the linked file",
			      EXIT_UNSURE, settings, out);
	return refuse(path, "neither an ELF file nor an archive", EXIT_USAGE, settings, out);
}

int lint_bytes(const char *path, int fd, uint8_t *bytes, size_t size, const struct lint_settings *settings, FILE *out)
{
	elf_version(EV_CURRENT);
	return archive_is(bytes, size) ? check_archive(path, bytes, size, settings, out)
				       : check_one(path, fd, bytes, size, settings, out);
}

int lint_file(const char *path, const struct lint_settings *settings, FILE *out)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	void *bytes;

	if (fd < 0 || fstat(fd, &status) != 0)
		return refuse(path, strerror(errno), EXIT_USAGE, settings, out);
	if (!S_ISREG(status.st_mode))
		return refuse(path, "not a regular file", EXIT_USAGE, settings, out);
	if (status.st_size == 0)
		return refuse(path, "an empty file", EXIT_USAGE, settings, out);
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return refuse(path, strerror(errno), EXIT_USAGE, settings, out);
	return lint_bytes(path, fd, (uint8_t *)bytes, (size_t)status.st_size, settings, out);
}
