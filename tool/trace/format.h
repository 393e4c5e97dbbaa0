/* SPDX-License-Identifier: MIT */
/*
 * format.h - the layout of the kernel's binary trace, as the kernel itself describes it.
 *
 * The invariant: no offset and no size is assumed. All come from events/header_page, events/header_event and the events' own
 * format files. If these describe something else than this tool knows, the tool refuses to read.
 */
#ifndef RK_TOOL_TRACE_FORMAT_H
#define RK_TOOL_TRACE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct format_field {
	unsigned offset, size; /* bytes; size is 0 if the field doesn't exist */
};

/* A page of the kernel's buffer. */
struct format_page {
	struct format_field time, commit;
	unsigned data; /* where events begin */
	size_t size;   /* of the whole page */
};

enum { FORMAT_FIELDS = 4 };

struct format_event {
	unsigned id; /* 0 if the kernel doesn't have the event */
	struct format_field type, tid, fields[FORMAT_FIELDS];
	size_t size; /* the bytes that contain all these fields */
};

/*
 * Reads the format of the buffer's pages. `root` is the root of tracefs. This function and the next return false if the kernel's
 * description isn't what this tool knows.
 */
bool format_read_page(int root, struct format_page *page);

/* Reads the format of "rseq/rseq_ip_fixup", for example, with the named fields. */
bool format_read_event(int root, const char *event, const char *const names[FORMAT_FIELDS], struct format_event *format);

/* Reads a field of 1, 2, 4 or 8 bytes without sign. */
uint64_t format_get(const uint8_t *bytes, struct format_field field);

#endif /* RK_TOOL_TRACE_FORMAT_H */
