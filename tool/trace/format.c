/* SPDX-License-Identifier: MIT */
/* format.c - reads the kernel's description of its binary trace, see format.h. */
#include "format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracefs.h"

/*
 * Finds the field `name` in a description, with lines such as
 *
 *	field:unsigned long start_ip;	offset:16;	size:8;	signed:0;
 */
static bool find_field(const char *text, const char *name, struct format_field *field)
{
	size_t length = strlen(name);

	for (const char *at = strstr(text, "field:"); at != NULL; at = strstr(at + 1, "field:")) {
		at += strspn(at + 6, " ") + 6;
		const char *end = strchr(at, ';');

		if (end == NULL)
			return false;
		if ((size_t)(end - at) <= length || memcmp(end - length, name, length) != 0 || end[-1 - (ptrdiff_t)length] != ' ')
			continue;
		return sscanf(end, "; offset:%u; size:%u;", &field->offset, &field->size) == 2;
	}
	return false;
}

static bool is_number(struct format_field field)
{
	return (field.size == 1 || field.size == 2 || field.size == 4 || field.size == 8) && field.offset < 4096;
}

/* The types of entries in a page have been the same since kernel 2.6.30. This function checks that they still are. */
static bool has_known_entries(int root)
{
	static const char *const lines[] = {"type_len : 5 bits", "time_delta : 27 bits", "array : 32 bits",
					    "padding : type == 29", "time_extend : type == 30", "time_stamp : type == 31",
					    "data max type_len == 28"};
	char *text = tracefs_read(root, "events/header_event"), *to = text;
	bool known = text != NULL;

	/* Each group of white space becomes one blank. */
	for (char *from = text; from != NULL && *from != '\0'; from++) {
		bool white = strchr(" \t\n", *from) != NULL;

		if (!white || (to != text && to[-1] != ' '))
			*to++ = white ? ' ' : *from;
	}
	if (to != NULL)
		*to = '\0';
	for (size_t i = 0; known && i < sizeof(lines) / sizeof(lines[0]); i++)
		known = strstr(text, lines[i]) != NULL;
	free(text);
	return known;
}

bool format_read_page(int root, struct format_page *page)
{
	char *text = tracefs_read(root, "events/header_page");
	struct format_field data;
	bool good = text != NULL && find_field(text, "timestamp", &page->time) && find_field(text, "commit", &page->commit) &&
		    find_field(text, "data", &data) && is_number(page->time) && page->time.size == 8 &&
		    is_number(page->commit) && page->commit.size >= 4 && data.offset < 4096 && data.size >= 64 &&
		    data.size <= 1U << 20 && page->time.offset + 8 <= data.offset &&
		    page->commit.offset + page->commit.size <= data.offset && has_known_entries(root);

	free(text);
	page->data = good ? data.offset : 0;
	page->size = good ? (size_t)data.offset + data.size : 0;
	return good;
}

/* Enlarges format->size so that it includes the field. */
static void reach(struct format_event *format, struct format_field field)
{
	if (field.size != 0 && format->size < (size_t)field.offset + field.size)
		format->size = (size_t)field.offset + field.size;
}

bool format_read_event(int root, const char *event, const char *const names[FORMAT_FIELDS], struct format_event *format)
{
	char path[128], *text;
	uint64_t id = 0;
	bool good;

	memset(format, 0, sizeof(*format));
	snprintf(path, sizeof(path), "events/%s/format", event);
	text = tracefs_read(root, path);
	good = text != NULL && tracefs_number(text, "ID:", &id) && id > 0 && id <= UINT16_MAX &&
	       find_field(text, "common_type", &format->type) && is_number(format->type) &&
	       find_field(text, "common_pid", &format->tid) && is_number(format->tid) && format->tid.size == 4;
	for (size_t i = 0; good && i < FORMAT_FIELDS && names[i] != NULL; i++)
		good = find_field(text, names[i], &format->fields[i]) && is_number(format->fields[i]);
	free(text);
	if (!good)
		return false;
	format->id = (unsigned)id;
	reach(format, format->type);
	reach(format, format->tid);
	for (size_t i = 0; i < FORMAT_FIELDS; i++)
		reach(format, format->fields[i]);
	return true;
}

/* The numbers have this machine's byte order. x86-64 and aarch64 are little-endian, so memcpy() is enough for any size. */
uint64_t format_get(const uint8_t *bytes, struct format_field field)
{
	uint64_t number = 0;

	memcpy(&number, bytes + field.offset, field.size);
	return number;
}
