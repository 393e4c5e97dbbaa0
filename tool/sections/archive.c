/* SPDX-License-Identifier: MIT */
/* archive.c - reads the members of an archive. Each number is checked against the size of the file. */
#include "archive.h"

#include <ar.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"

#define THIN "!<thin>\n"

bool archive_is(const uint8_t *bytes, size_t size)
{
	return size >= SARMAG && (memcmp(bytes, ARMAG, SARMAG) == 0 || memcmp(bytes, THIN, SARMAG) == 0);
}

bool archive_begin(struct archive *archive, const uint8_t *bytes, size_t size)
{
	*archive = (struct archive){.bytes = bytes, .size = size, .at = SARMAG};
	return memcmp(bytes, THIN, SARMAG) != 0;
}

/* Reads a decimal number in a field of `width` characters. */
static size_t number_of(const char *field, size_t width)
{
	char text[24] = "";

	memcpy(text, field, width < sizeof(text) - 1 ? width : sizeof(text) - 1);
	return (size_t)strtoull(text, NULL, 10);
}

/* Copies a name, which ends at a slash, a newline, a zero, or after `width` characters. */
static void put_name(struct member *member, const char *name, size_t width)
{
	char text[sizeof(member->name)] = "";
	size_t length = 0;

	while (length < width && length < sizeof(text) - 1 && name[length] != '/' && name[length] != '\n' &&
	       name[length] != '\0')
		length++;
	memcpy(text, name, length);
	while (length > 0 && text[length - 1] == ' ')
		text[--length] = '\0';
	copy_printable(member->name, sizeof(member->name), text);
}

bool archive_next(struct archive *archive, struct member *member)
{
	while (archive->size - archive->at >= sizeof(struct ar_hdr)) {
		struct ar_hdr header;
		size_t size, skipped = 0;
		const char *bytes;

		memcpy(&header, archive->bytes + archive->at, sizeof(header));
		archive->at += sizeof(header);
		size = number_of(header.ar_size, sizeof(header.ar_size));
		if (memcmp(header.ar_fmag, ARFMAG, sizeof(header.ar_fmag)) != 0 || size > archive->size - archive->at) {
			archive->broken = true;
			return false;
		}
		bytes = (const char *)archive->bytes + archive->at;
		archive->at += size;
		archive->at += archive->at < archive->size && (archive->at & 1) != 0;
		if (memcmp(header.ar_name, "// ", 3) == 0) {
			archive->names = bytes;
			archive->names_size = size;
			continue;
		}
		if (memcmp(header.ar_name, "/ ", 2) == 0 || memcmp(header.ar_name, "/SYM64/", 7) == 0)
			continue;
		if (memcmp(header.ar_name, "#1/", 3) == 0) { /* BSD: the name comes before the contents */
			skipped = number_of(header.ar_name + 3, sizeof(header.ar_name) - 3);
			skipped = skipped < size ? skipped : size;
			put_name(member, bytes, skipped);
		} else if (header.ar_name[0] == '/') {
			size_t at = number_of(header.ar_name + 1, sizeof(header.ar_name) - 1);

			put_name(member, at < archive->names_size ? archive->names + at : "",
				 at < archive->names_size ? archive->names_size - at : 0);
		} else {
			put_name(member, header.ar_name, sizeof(header.ar_name));
		}
		member->bytes = (const uint8_t *)bytes + skipped;
		member->size = size - skipped;
		if (member->size > 0)
			return true;
	}
	archive->broken = archive->at != archive->size;
	return false;
}
