/* SPDX-License-Identifier: MIT */
/*
 * reader.c - reads the files that a process has mapped, in a child of `rseqkit inspect` (the tool).
 *
 * The tool can run as root, and the files can belong to another user and be made to harm the tool. Tables can be endless. Files
 * can be truncated while they are mapped. Names can lead to a device, or to a FIFO without a writer, so the child opens only
 * files that the process itself can open. Only the files in /proc/PID are opened with the tool's own rights (rights.h). The
 * child's time and memory are limited, and its death does no harm. The child stores its results in shared memory. A file can
 * even have taken over the child, so the tool copies the results, and checks the copy.
 */
#define _GNU_SOURCE
#include "inspect.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/child.h"
#include "common/output.h"
#include "common/rights.h"
#include "tool.h"

#define LIMIT_MS 60000
#define MEMORY_MAX ((rlim_t)4 << 30) /* bytes of address space that the child may take in addition to what it has at its start */
#define ROUNDS_MAX 8                 /* attempts, because the thread through which the child reads can end */

static size_t size_for(size_t count)
{
	return sizeof(struct inspect_files) + count * sizeof(((struct inspect_files *)NULL)->threads[0]);
}

static void limit_memory(void)
{
	struct rlimit limit;
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file != NULL && fscanf(file, "%lu", &pages) == 1 && getrlimit(RLIMIT_AS, &limit) == 0) {
		rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY_MAX;

		limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
		(void)setrlimit(RLIMIT_AS, &limit);
	}
	if (file != NULL)
		fclose(file);
}

static void read_with(struct inspect_symbols *symbols, const struct inspect_look *look)
{
	inspect_symbols_places(symbols, &look->files->places);
	for (size_t i = 0; i < look->count; i++) {
		const struct inspect_answer *answer = &look->threads[i].answer;

		if (!answer->has_descriptor)
			continue;
		inspect_symbols_locate(symbols, answer->descriptor.start_ip, &look->files->threads[i].start);
		inspect_symbols_locate(symbols, answer->descriptor.abort_ip, &look->files->threads[i].abort);
	}
}

struct reading {
	const struct inspect_look *look;
	pid_t parent;
};

/*
 * Reads the files through a living thread. If this thread ends meanwhile, reads the files again through another thread.
 */
static int read_all(int out, const void *argument)
{
	const struct reading *reading = (const struct reading *)argument;
	const struct inspect_look *look = reading->look;
	pid_t tid = 0;

	(void)out;
	signal(SIGBUS, SIG_DFL);
	limit_memory();
	if (!rights_take(look->pid, reading->parent))
		return inspect_living_thread(look->pid) != 0;
	for (int round = 0; round < ROUNDS_MAX && !inspect_lives(look->pid, tid); round++) {
		struct inspect_symbols *symbols;

		tid = inspect_living_thread(look->pid);
		if (tid == 0)
			break;
		symbols = inspect_symbols_open(tid);
		read_with(symbols, look);
		inspect_read_absence(tid, look);
		inspect_symbols_close(symbols);
	}
	return 0;
}

static void check_place(struct inspect_place *place)
{
	char printable[sizeof(place->module)];

	place->module[sizeof(place->module) - 1] = '\0';
	copy_printable(printable, sizeof(printable), place->module);
	memcpy(place->module, printable, sizeof(printable));
	source_check(&place->source);
}

/* A byte that is neither 0 nor 1 is no bool. */
static void check_bool(bool *value)
{
	unsigned char byte;

	memcpy(&byte, value, sizeof(byte));
	*value = byte != 0;
}

/*
 * Copies the results from the shared memory to memory of the tool's own, which is look->files then. Corrects counts, and ends
 * strings. Returns false if memory is short.
 */
static bool take_results(struct inspect_look *look, void *shared)
{
	const size_t size = size_for(look->count);
	struct inspect_files *files = (struct inspect_files *)malloc(size);
	struct inspect_offsets *offsets[6]; /* all lists of inspect_places: what the child wrote isn't trusted */

	if (files != NULL)
		memcpy(files, shared, size);
	munmap(shared, size);
	look->files = files;
	if (files == NULL) {
		complain("out of memory");
		return false;
	}
	files->count = look->count;
	offsets[0] = &files->places.libc;
	offsets[1] = &files->places.self;
	offsets[2] = &files->places.early;
	offsets[3] = &files->places.librseq;
	offsets[4] = &files->places.inside;
	offsets[5] = &files->places.hidden;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		if (offsets[i]->count > sizeof(offsets[i]->list) / sizeof(offsets[i]->list[0]))
			offsets[i]->count = 0;
	check_bool(&files->places.complete);
	check_bool(&files->places.agreed_on_kernel);
	check_bool(&files->places.early_elsewhere);
	for (size_t i = 0; i < files->count; i++) {
		check_place(&files->threads[i].start);
		check_place(&files->threads[i].abort);
	}
	return true;
}

bool inspect_read_files(struct inspect_look *look)
{
	const struct reading reading = {look, getpid()};
	struct child_result result;
	size_t size = size_for(look->count);
	void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (shared == MAP_FAILED) {
		complain("out of memory");
		return false;
	}
	look->files = (struct inspect_files *)shared;
	look->files->count = look->count;
	for (size_t i = 0; i < look->count; i++)
		look->files->threads[i].claimed_cpu = CLAIMS_NO_CPU;
	child_run(read_all, &reading, LIMIT_MS, &result);
	if (!take_results(look, shared))
		return false;
	if (child_succeeded(&result))
		return true;
	memset(&look->files->places, 0, sizeof(look->files->places));
	look->files->libc_told = look->files->self_told = TOLD_UNKNOWN;
	for (size_t i = 0; i < look->count; i++)
		look->files->threads[i].claimed_cpu = CLAIMS_NO_CPU;
	if (result.end == CHILD_TIMED_OUT)
		complain("reading the files that process %d has mapped took more than %d s, so owners are unknown",
			 (int)look->pid, LIMIT_MS / 1000);
	else if (result.end == CHILD_KILLED)
		complain("reading the files that process %d has mapped was ended by signal %d, so owners are unknown; a file may "
			 "have been truncated", (int)look->pid, result.number);
	else if (result.end == CHILD_EXITED)
		complain("cannot take the rights of process %d to read the files that it has mapped, so owners are unknown",
			 (int)look->pid);
	else if (result.end == CHILD_LOST)
		complain("the end of the process that reads files is unknown, so owners are, too: %s", strerror(result.number));
	else
		complain("cannot start the process that reads files, so owners are unknown: %s", strerror(result.number));
	return true;
}

void inspect_forget_files(struct inspect_look *look)
{
	free(look->files);
	look->files = NULL;
}
