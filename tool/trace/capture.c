/* SPDX-License-Identifier: MIT */
/* capture.c - reads and decodes the pages of the kernel's trace, see capture.h. */
#define _GNU_SOURCE
#include "capture.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/proc.h"
#include "common/self.h"
#include "tool.h"
#include "tracefs.h"

#define MEMORY_MAX (256U << 20) /* the tool keeps at most this many bytes of pages, and leaves further pages in the kernel */
#define PAGES_AT_ONCE 4096 /* pages of one CPU; a buffer of the default size has fewer */
#define MISSED_BITS 0xc0000000U /* RB_MISSED_EVENTS and RB_MISSED_STORED of kernel/trace/ring_buffer.c */

/* Types of entries, see include/linux/ring_buffer.h. */
enum { ENTRY_LONG = 0, ENTRY_PADDING = 29, ENTRY_EXTEND = 30, ENTRY_STAMP = 31 };

struct capture_block {
	struct capture_block *next;
	uint8_t bytes[];
};

static int report_unknown(const char *what)
{
	complain("this kernel's trace has another form than this tool knows: %s", what);
	return EXIT_UNSURE;
}

/* Can a file of tracefs be read? Returns 0, or an error number. */
static int try_read(int root, const char *name)
{
	char *text = tracefs_read(root, name);
	int error = text != NULL ? 0 : errno;

	free(text);
	return error;
}

static int read_formats(struct capture *capture, int root)
{
	static const char *const abort_fields[FORMAT_FIELDS] = {"regs_ip", "start_ip", "post_commit_offset", "abort_ip"};
	static const char *const update_fields[FORMAT_FIELDS] = {"cpu_id"};
	static const char *const exec_fields[FORMAT_FIELDS] = {"old_pid"};

	int error = try_read(root, "events/header_page");

	if (error != 0) {
		complain("the kernel refuses to show its trace: %s. If it is locked down (Secure Boot), start it without lockdown.",
			 strerror(error));
		return EXIT_USAGE;
	}
	if (faccessat(root, "events/rseq/rseq_ip_fixup/format", F_OK, 0) != 0) {
		complain("this kernel reports no aborts: its trace has no event rseq:rseq_ip_fixup. Use Linux 4.18 or later, built "
			 "with CONFIG_RSEQ.");
		return EXIT_UNSURE;
	}
	if (capture->updates && faccessat(root, "events/rseq/rseq_update/format", F_OK, 0) != 0) {
		complain("this kernel doesn't report its writes of CPU numbers: its trace has no event rseq:rseq_update. Run the "
			 "same command without --updates.");
		return EXIT_UNSURE;
	}
	if (!format_read_page(root, &capture->page))
		return report_unknown("events/header_page or events/header_event");
	if (!format_read_event(root, "rseq/rseq_ip_fixup", abort_fields, &capture->abort))
		return report_unknown("events/rseq/rseq_ip_fixup/format");
	if (capture->updates && !format_read_event(root, "rseq/rseq_update", update_fields, &capture->update))
		return report_unknown("events/rseq/rseq_update/format");
	/* If the kernel doesn't have this event, the tool notices an exec only by the addresses of the new program. */
	(void)format_read_event(root, "sched/sched_process_exec", exec_fields, &capture->exec);
	return EXIT_CLEAN;
}

static int enable(struct capture *capture)
{
	int error = instance_enable(&capture->instance, "rseq/rseq_ip_fixup");

	if (error == 0 && capture->updates)
		error = instance_enable(&capture->instance, "rseq/rseq_update");
	if (capture->exec.id != 0)
		(void)instance_enable(&capture->instance, "sched/sched_process_exec");
	if (error != 0)
		complain("the kernel refuses to enable the events of rseq: %s", strerror(error));
	return error != 0 ? EXIT_USAGE : EXIT_CLEAN;
}

int capture_open(struct capture *capture, const pid_t *pids, size_t count, uint64_t buffer_kb, bool updates)
{
	int root, status;

	memset(capture, 0, sizeof(*capture));
	capture->updates = updates;
	capture->instance.folder = capture->instance.held = capture->instance.instances = -1;
	capture->shift = proc_clock_shift();
	if (!self_has_proc()) {
		complain("/proc isn't mounted. Mount /proc, and run this again.");
		return EXIT_USAGE;
	}
	if (!proc_is_initial()) {
		complain("the kernel's trace has the ids of the initial PID namespace, and this is another one, or /proc is. Run the "
			 "same command on the host, or with: nsenter --target 1 --pid --mount");
		return EXIT_USAGE;
	}
	root = tracefs_open();
	if (root < 0)
		return EXIT_USAGE;
	status = read_formats(capture, root);
	if (status == EXIT_CLEAN && (!instance_create(&capture->instance, root, buffer_kb) ||
				     (count > 0 && !instance_limit(&capture->instance, pids, count))))
		status = EXIT_USAGE;
	close(root);
	if (status == EXIT_CLEAN) {
		capture->streams = (struct capture_stream *)calloc(capture->instance.cpu_count, sizeof(*capture->streams));
		if (capture->streams == NULL) {
			complain("out of memory");
			return EXIT_USAGE;
		}
		for (size_t i = 0; i < capture->instance.cpu_count; i++) {
			capture->streams[i].cpu = capture->instance.cpus[i];
			capture->streams[i].pipe = capture->instance.pipes[i];
		}
		status = enable(capture);
	}
	return status;
}

static void drop_first(struct capture *capture, struct capture_stream *stream)
{
	struct capture_block *block = stream->first;

	stream->first = block->next;
	if (stream->first == NULL)
		stream->last = NULL;
	free(block);
	capture->blocks--;
}

void capture_close(struct capture *capture)
{
	for (size_t i = 0; capture->streams != NULL && i < capture->instance.cpu_count; i++)
		while (capture->streams[i].first != NULL)
			drop_first(capture, &capture->streams[i]);
	free(capture->streams);
	capture->streams = NULL;
	instance_remove(&capture->instance);
}

void capture_wait(const struct capture *capture, int ms)
{
	struct pollfd *pollers = (struct pollfd *)calloc(capture->instance.cpu_count, sizeof(*pollers));
	nfds_t count = 0;

	for (size_t i = 0; pollers != NULL && i < capture->instance.cpu_count; i++)
		if (capture->streams[i].pipe >= 0)
			pollers[count++] = (struct pollfd){.fd = capture->streams[i].pipe, .events = POLLIN};
	(void)poll(pollers, count, ms);
	free(pollers);
}

/* Reads one page of a CPU. Returns false if there is no page, or if memory is short. */
static bool read_page(struct capture *capture, struct capture_stream *stream)
{
	struct capture_block *block;
	ssize_t n;

	if (stream->pipe < 0 || capture->blocks >= MEMORY_MAX / capture->page.size)
		return false;
	block = (struct capture_block *)malloc(sizeof(*block) + capture->page.size);
	if (block == NULL)
		return false;
	n = read(stream->pipe, block->bytes, capture->page.size);
	if (n < (ssize_t)capture->page.data) {
		free(block);
		return false;
	}
	memset(block->bytes + n, 0, capture->page.size - (size_t)n);
	block->next = NULL;
	if (stream->last != NULL)
		stream->last->next = block;
	else
		stream->first = block;
	stream->last = block;
	capture->blocks++;
	return true;
}

void capture_pump(struct capture *capture)
{
	uint64_t before = proc_now();

	for (size_t i = 0; i < capture->instance.cpu_count; i++)
		/*
		 * The number of pages is limited, because a buffer that fills as fast as it's read must not delay other CPUs'
		 * buffers.
		 */
		for (int most = PAGES_AT_ONCE; most > 0 && read_page(capture, &capture->streams[i]); most--)
			;
	capture->complete = before;
}

static void begin_block(const struct capture *capture, struct capture_cursor *cursor, const struct capture_block *block)
{
	struct format_field commit = capture->page.commit;
	size_t used;

	commit.size = 4; /* the number of bytes is in the lower 32 bits */
	used = (size_t)format_get(block->bytes, commit) & ~(size_t)MISSED_BITS;
	cursor->block = block;
	cursor->time = format_get(block->bytes, capture->page.time);
	cursor->at = capture->page.data;
	cursor->end = used <= capture->page.size - capture->page.data ? capture->page.data + used : capture->page.data;
}

static bool decode_event(const struct capture *capture, const uint8_t *bytes, size_t size, struct capture_event *event)
{
	const struct format_event *abort = &capture->abort, *update = &capture->update, *exec = &capture->exec;
	unsigned type;

	if (size < (size_t)abort->type.offset + abort->type.size)
		return false;
	type = (unsigned)format_get(bytes, abort->type);
	if (type == abort->id && size >= abort->size) {
		event->kind = CAPTURE_ABORT;
		event->tid = (pid_t)format_get(bytes, abort->tid);
		event->ip = format_get(bytes, abort->fields[0]);
		event->start = format_get(bytes, abort->fields[1]);
		event->length = format_get(bytes, abort->fields[2]);
		event->abort = format_get(bytes, abort->fields[3]);
		return true;
	}
	if (update->id != 0 && type == update->id && size >= update->size) {
		event->kind = CAPTURE_UPDATE;
		event->tid = (pid_t)format_get(bytes, update->tid);
		event->cpu_id = (int32_t)format_get(bytes, update->fields[0]);
		return true;
	}
	if (exec->id != 0 && type == exec->id && size >= exec->size) {
		event->kind = CAPTURE_EXEC;
		event->tid = (pid_t)format_get(bytes, exec->tid);
		event->old_tid = (pid_t)format_get(bytes, exec->fields[0]);
		return true;
	}
	return false;
}

static uint32_t read_word(const struct capture_cursor *cursor, size_t at)
{
	uint32_t word = 0;

	if (at + sizeof(word) <= cursor->end)
		memcpy(&word, cursor->block->bytes + at, sizeof(word));
	return word;
}

/*
 * Decodes the page's next event of a kind that this tool knows. Returns false at the end of the page. If an entry reaches beyond
 * the page's end, counts the page in *damaged, and also returns false.
 */
static bool next_in_block(const struct capture *capture, struct capture_cursor *cursor, struct capture_event *event,
			  uint64_t *damaged)
{
	while (cursor->at + 4 <= cursor->end) {
		uint32_t head = read_word(cursor, cursor->at), word = read_word(cursor, cursor->at + 4);
		unsigned kind = head & 31;
		uint64_t delta = head >> 5;
		size_t data = cursor->at + 4, size = (size_t)kind * 4;

		if (kind == ENTRY_EXTEND || kind == ENTRY_STAMP) {
			uint64_t time = ((uint64_t)word << 27) | delta;

			/* A stamp has only the lower 59 bits of the time. */
			cursor->time = kind == ENTRY_EXTEND ? cursor->time + time
							    : (cursor->time & ~((UINT64_C(1) << 59) - 1)) | time;
			cursor->at += 8;
			continue;
		}
		if (kind == ENTRY_PADDING && delta == 0)
			break;
		cursor->time += delta;
		if (kind == ENTRY_LONG || kind == ENTRY_PADDING) {
			data += 4;
			size = word >= 4 ? ((size_t)word - 4 + 3) & ~(size_t)3 : cursor->end;
			if (kind == ENTRY_PADDING && word < 4)
				break;
		}
		if (data > cursor->end || size > cursor->end - data) {
			*damaged += 1;
			break;
		}
		cursor->at = data + size;
		event->time = cursor->time + (uint64_t)capture->shift;
		if (kind != ENTRY_PADDING && decode_event(capture, cursor->block->bytes + data, size, event))
			return true;
	}
	return false;
}

/* If this CPU has another event in memory, stores it in stream->next and returns true. */
static bool peek(struct capture *capture, struct capture_stream *stream)
{
	while (!stream->has_next && stream->first != NULL) {
		if (stream->cursor.block != stream->first)
			begin_block(capture, &stream->cursor, stream->first);
		stream->next.cpu = stream->cpu;
		stream->has_next = next_in_block(capture, &stream->cursor, &stream->next, &capture->damaged);
		if (!stream->has_next) {
			drop_first(capture, stream);
			stream->cursor.block = NULL;
		}
	}
	return stream->has_next;
}

bool capture_next(struct capture *capture, struct capture_event *event)
{
	struct capture_stream *best = NULL;

	for (size_t i = 0; i < capture->instance.cpu_count; i++) {
		struct capture_stream *stream = &capture->streams[i];

		if (peek(capture, stream) && (best == NULL || stream->next.time < best->next.time))
			best = stream;
	}
	if (best == NULL || best->next.time >= capture->complete)
		return false;
	*event = best->next;
	best->has_next = false;
	return true;
}

bool capture_will_exec(const struct capture *capture, pid_t pid)
{
	for (size_t i = 0; i < capture->instance.cpu_count; i++) {
		const struct capture_stream *stream = &capture->streams[i];
		struct capture_cursor cursor = stream->cursor;
		struct capture_event event;
		uint64_t damaged = 0;

		if (stream->has_next && stream->next.kind == CAPTURE_EXEC && stream->next.tid == pid)
			return true;
		for (const struct capture_block *block = stream->first; block != NULL; block = block->next) {
			if (cursor.block != block)
				begin_block(capture, &cursor, block);
			while (next_in_block(capture, &cursor, &event, &damaged))
				if (event.kind == CAPTURE_EXEC && event.tid == pid)
					return true;
		}
	}
	return false;
}
