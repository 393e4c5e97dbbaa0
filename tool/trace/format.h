/* SPDX-License-Identifier: MIT */
/*
 * format.h - the layout of the kernel's binary trace, as the kernel itself describes it.
 *
 * The invariant: the tool assumes no offset and no size. It reads all of them from events/header_page, events/header_event and
 * the events' own format files in tracefs. If the tool doesn't know the layout that these files describe, it doesn't read the
 * trace.
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
	unsigned data; /* the offset at which the events begin */
	size_t size;   /* bytes of the whole page */
};

enum { FORMAT_FIELDS = 4 };

struct format_event {
	unsigned id; /* 0 if the kernel doesn't have the event */
	struct format_field type, tid, fields[FORMAT_FIELDS];
	size_t size; /* the bytes that contain all these fields */
};

/*
 * Reads the format of the buffer's pages. `root` is the root folder of tracefs. This function and the next one return false if
 * the kernel describes a layout that this tool doesn't know.
 */
bool format_read_page(int root, struct format_page *page);

/* Reads the format of an event, for example "rseq/rseq_ip_fixup", with the named fields. */
bool format_read_event(int root, const char *event, const char *const names[FORMAT_FIELDS], struct format_event *format);

/* Reads an unsigned field of 1, 2, 4 or 8 bytes. `bytes` is the beginning of the page or of the event. */
uint64_t format_get(const uint8_t *bytes, struct format_field field);

#endif /* RK_TOOL_TRACE_FORMAT_H */
