/* SPDX-License-Identifier: MIT */
/*
 * trace.c - writes events as JSON, see trace.h.
 *
 * Each record of the ring is one event with `thread`, `sequence` and `cpu` in its `args`. With these numbers a reader of the file
 * finds missing and doubled records. A call that takes time is a complete event, which ends at the record's time. The time for
 * which a mutex is held is an asynchronous event with the mutex as its id, because locks can be released in any order.
 *
 * Invariants: the buffer always has room for one event, and for the blanks that move it to the next page. No event lies in two
 * pages of the file. If a process is killed or replaced in the middle of a write, the kernel ends the write at the end of a
 * page. The file therefore has only whole events.
 */
#define _GNU_SOURCE
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENT_MAX 1024
#define FILES_MAX 1000 /* at most this many files for processes with the same id */
#define PAGE 4096 /* the kernel's page, or a part of it */

static const char *const names[EVENT_KINDS] = {
	[EVENT_MALLOC] = "malloc", [EVENT_CALLOC] = "calloc", [EVENT_REALLOC] = "realloc",
	[EVENT_REALLOCARRAY] = "reallocarray", [EVENT_ALIGNED_ALLOC] = "aligned_alloc", [EVENT_MEMALIGN] = "memalign",
	[EVENT_POSIX_MEMALIGN] = "posix_memalign", [EVENT_VALLOC] = "valloc", [EVENT_PVALLOC] = "pvalloc",
	[EVENT_REALLOC_OF] = "realloc of", [EVENT_FREE] = "free", [EVENT_LOCK] = "pthread_mutex_lock",
	[EVENT_TRYLOCK] = "pthread_mutex_trylock", [EVENT_TIMEDLOCK] = "pthread_mutex_timedlock",
	[EVENT_CLOCKLOCK] = "pthread_mutex_clocklock", [EVENT_COND_WAIT] = "pthread_cond_wait",
	[EVENT_UNLOCK] = "held", [EVENT_UNLOCK_FAILED] = "unlock failed", [EVENT_NAME] = "thread_name",
	[EVENT_EXIT] = "exit",
};

static char buffer[1 << 18];
static size_t used, last; /* `used`: the bytes in the buffer. `last`: where the buffer's last event begins */
static uint64_t written; /* the number of bytes in the file */
static int fd = -1;
static int failed; /* negative errno */

static void put(const char *text)
{
	size_t length = strlen(text);

	memcpy(buffer + used, text, length);
	used += length;
}

static void put_number(uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	memcpy(buffer + used, digits + at, sizeof(digits) - at);
	used += sizeof(digits) - at;
}

static void put_signed(int64_t number)
{
	if (number < 0)
		put("-");
	put_number(number < 0 ? -(uint64_t)number : (uint64_t)number);
}

static void put_hexadecimal(uint64_t number)
{
	char digits[16];
	size_t at = sizeof(digits);

	do
		digits[--at] = "0123456789abcdef"[number & 15];
	while ((number >>= 4) > 0);
	put("\"0x");
	memcpy(buffer + used, digits + at, sizeof(digits) - at);
	used += sizeof(digits) - at;
	put("\"");
}

/* Writes nanoseconds as the format's microseconds. */
static void put_time(int64_t time)
{
	uint64_t number = time < 0 ? 0 : (uint64_t)time;
	char fraction[] = ".000";

	fraction[1] = (char)('0' + number / 100 % 10);
	fraction[2] = (char)('0' + number / 10 % 10);
	fraction[3] = (char)('0' + number % 10);
	put_number(number / 1000);
	put(fraction);
}

/* Writes a name, which can have any bytes. A byte that isn't printable ASCII is written as the Latin-1 character of that code. */
static void put_string(const char *text, size_t length)
{
	put("\"");
	for (size_t i = 0; i < length && text[i] != '\0'; i++) {
		unsigned char c = (unsigned char)text[i];
		char escape[] = "\\u0000";

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			buffer[used++] = (char)c;
			continue;
		}
		escape[4] = "0123456789abcdef"[c >> 4];
		escape[5] = "0123456789abcdef"[c & 15];
		put(escape);
	}
	put("\"");
}

/* Ends an event. If it would lie in two pages, moves it to the next page. */
static void end_event(void)
{
	size_t left = PAGE - (written + last) % PAGE;

	if (used - last > left) {
		memmove(buffer + last + left, buffer + last, used - last);
		memset(buffer + last, ' ', left);
		used += left;
	}
	last = used;
}

static void put_head(const char *name, const char *category, const char *phase, int64_t time, uint32_t tid)
{
	end_event();
	if (used > sizeof(buffer) - 2 * EVENT_MAX)
		(void)trace_flush();
	put(",\n{\"name\":\"");
	put(name);
	put("\",\"cat\":\"");
	put(category);
	put("\",\"ph\":\"");
	put(phase);
	put("\",\"ts\":");
	put_time(time);
	put(",\"pid\":");
	put_number((uint64_t)recorder.process);
	put(",\"tid\":");
	put_number(tid);
}

/* The latest time of an event. Events about the process get this time, because they are about all earlier events. */
static int64_t latest;

static void put_process_event(const char *name, const char *phase)
{
	put_head(name, "recorder", phase, latest, (uint32_t)recorder.process);
}

int trace_begin(void)
{
	char name[16] = "";
	ssize_t got = -1;
	int comm;

	used = last = 0;
	written = 0;
	fd = -1;
	failed = 0;
	latest = clock_time(recorder.born);
	buffer[used++] = '[';
	put("{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":");
	put_number((uint64_t)recorder.process);
	put(",\"tid\":");
	put_number((uint64_t)recorder.process);
	put(",\"args\":{\"name\":");
	comm = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	if (comm >= 0) {
		got = read(comm, name, sizeof(name));
		close(comm);
	}
	put_string(name, got > 0 ? (size_t)got - 1 : 0);
	put("}}");
	put_process_event("recording begins", "i");
	put(",\"s\":\"p\",\"args\":{\"is_child\":");
	put(recorder.is_child ? "true" : "false");
	put(",\"rseq\":\"");
	put(rk_owner_name(rk_thread_owner()));
	put("\"}}");
	return recorder.is_child ? 0 : trace_flush();
}

static void put_args(const struct event *event, int cpu)
{
	put(",\"args\":{\"cpu\":");
	put_signed(cpu);
	put(",\"thread\":");
	put_number(event->thread);
	put(",\"sequence\":");
	put_number(event->sequence);
}

static bool is_lock(uint32_t kind)
{
	return kind >= EVENT_LOCK && kind <= EVENT_COND_WAIT;
}

/* A mutex is identified by its address, which is valid only in its process ("local"). */
static void put_mutex(const struct event *event)
{
	put(",\"id2\":{\"local\":");
	put_hexadecimal(event->address);
	put("}");
}

/*
 * Does the thread hold the mutex after the call? The thread also holds it after EOWNERDEAD, and after a condition wait
 * that timed out.
 */
static bool is_held(const struct event *event)
{
	return event->size == 0 || event->size == EOWNERDEAD || (event->kind == EVENT_COND_WAIT && event->size == ETIMEDOUT);
}

static void put_call(const struct event *event, int cpu, int64_t end, int64_t took)
{
	bool is_locks = is_lock(event->kind);

	put_head(names[event->kind], is_locks ? "lock" : "heap", "X", end - took, event->tid);
	put(",\"dur\":");
	put_time(took);
	put_args(event, cpu);
	put(is_locks ? ",\"mutex\":" : ",\"address\":");
	put_hexadecimal(event->address);
	put(is_locks ? ",\"result\":" : ",\"size\":");
	put_number(event->size);
	put("}}");
	if (!is_locks || !is_held(event))
		return;
	put_head("held", "mutex", "b", end, event->tid);
	put_mutex(event);
	put("}");
}

static void put_moment(const struct event *event, int cpu, int64_t time)
{
	bool is_end = event->kind == EVENT_UNLOCK, is_name = event->kind == EVENT_NAME;
	const char *category = is_end ? "mutex" : event->kind <= EVENT_FREE ? "heap" : "thread";

	put_head(names[event->kind], category, is_end ? "e" : is_name ? "M" : "i", time, event->tid);
	if (is_end)
		put_mutex(event);
	else if (!is_name)
		put(",\"s\":\"t\"");
	put_args(event, cpu);
	if (is_name) {
		put(",\"name\":");
		put_string((const char *)&event->address, sizeof(event->address) + sizeof(event->size));
	} else if (event->kind <= EVENT_UNLOCK_FAILED) {
		put(is_end || event->kind == EVENT_UNLOCK_FAILED ? ",\"mutex\":" : ",\"address\":");
		put_hexadecimal(event->address);
	}
	put("}}");
}

void trace_event(const struct event *event, int cpu, uint64_t ticks)
{
	int64_t time = clock_time(ticks);

	latest = time > latest ? time : latest;
	if (event->start != 0 && ticks >= event->start)
		put_call(event, cpu, latest, clock_duration(ticks - event->start));
	else
		put_moment(event, cpu, latest);
}

void trace_lost(int cpu, uint64_t count)
{
	put_process_event("records lost", "i");
	put(",\"s\":\"p\",\"args\":{\"cpu\":");
	put_signed(cpu);
	put(",\"count\":");
	put_number(count);
	put("}}");
}

void trace_heap(int64_t bytes)
{
	put_process_event("heap", "C");
	put(",\"args\":{\"bytes\":");
	put_signed(bytes);
	put("}}");
}

void trace_end(uint64_t made, uint64_t recorded, uint64_t lost)
{
	put_process_event("recording ends", "i");
	put(",\"s\":\"p\",\"args\":{\"made\":");
	put_number(made);
	put(",\"recorded\":");
	put_number(recorded);
	put(",\"lost\":");
	put_number(lost);
	put("}}\n]\n");
}

/*
 * Opens the file. The launcher has made an empty file for the first process. Every other process makes a new file, because an
 * existing file belongs to another process.
 */
static int open_file(void)
{
	char name[sizeof(recorder.file) + 32];
	struct stat status;

	if (stat(recorder.file, &status) < 0)
		return -errno;
	/* Another process's file isn't opened: if it is a FIFO whose reader has ended, the opening would wait for ever. */
	if (recorder.is_own_file && status.st_size == 0) {
		fd = open(recorder.file, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return fd < 0 ? -errno : 0;
	}
	if (!S_ISREG(status.st_mode))
		return -ENOTSUP; /* FILE is a device, for example: no other name can be made from its name */
	for (int i = 1; i < FILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), i == 1 ? "%s.%d" : "%s.%d.%d", recorder.file, recorder.process, i);
		fd = open(name, O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, 0666);
		if (fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return -errno;
}

/* Cuts off an event that was written only in part. */
static void cut_unfinished(size_t done)
{
	off_t end = lseek(fd, 0, SEEK_CUR);
	size_t whole = done;

	while (whole > 0 && buffer[whole - 1] != '\n')
		whole--;
	if (end >= (off_t)done && whole > 1)
		(void)!ftruncate(fd, end - (off_t)(done - whole) - 2); /* also removes the ",\n" before the next event */
}

int trace_flush(void)
{
	size_t done = 0;

	end_event();
	if (failed == 0 && fd < 0)
		failed = open_file();
	while (failed == 0 && done < used) {
		ssize_t wrote = write(fd, buffer + done, used - done);

		if (wrote > 0)
			done += (size_t)wrote;
		else if (wrote < 0 && errno != EINTR)
			failed = -errno;
	}
	if (failed < 0 && done > 0)
		cut_unfinished(done);
	written += used;
	used = last = 0;
	return failed;
}
