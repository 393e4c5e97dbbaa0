/* SPDX-License-Identifier: MIT */
/*
 * catalog.c - reads the critical sections of an ELF file, with functions of `rseqkit lint`.
 *
 * The file belongs to the program that `rseqkit torture` (the tool) runs. A hostile file could harm the tool, so a child
 * process with limits reads the file. The child writes a description of the sections (describe.h) to a memfd. The parent checks
 * the counts and sizes in this description, and ends each string with '\0'.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/child.h"
#include "common/sorted.h"
#include "describe.h"
#include "arch/machine.h"

#define LIMIT_MS 600000 /* emulated machines take a hundred times longer than others */
#define CPU_S 300
#define MEMORY_MAX ((rlim_t)1 << 30) /* bytes of address space; four times the file's size is added */
#define COUNT_MAX 1000000

struct task {
	int fd, out;
	struct stat status;
};

static void limit_child(rlim_t size)
{
	struct rlimit memory = {MEMORY_MAX + 4 * size, MEMORY_MAX + 4 * size}, cpu = {CPU_S, CPU_S};

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	(void)setrlimit(RLIMIT_AS, &memory);
#else
	(void)memory;
#endif
	(void)setrlimit(RLIMIT_CPU, &cpu);
}

static int read_in_child(int pipe, const void *argument)
{
	const struct task *task = (const struct task *)argument;
	FILE *out = fdopen(task->out, "w");
	const char *why = "";
	struct image image;
	void *bytes;
	bool done;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGBUS, SIG_DFL);
	limit_child((rlim_t)task->status.st_size);
	bytes = mmap(NULL, (size_t)task->status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, task->fd, 0);
	if (bytes == MAP_FAILED || out == NULL)
		return 1;
	elf_version(EV_CURRENT);
	if (image_open(&image, (uint8_t *)bytes, (size_t)task->status.st_size, &why) != IMAGE_READ)
		return 1;
	image_relocate(&image);
	done = describe_image(&image, task->fd, out);
	return done && fflush(out) == 0 && write(pipe, "d", 1) == 1 ? 0 : 1;
}

/* Copies `count` structures from *from to new memory, and moves *from to their end. Returns false if memory is short. */
static bool take(const uint8_t **from, void **to, uint32_t count, size_t size)
{
	*to = calloc((size_t)count + 1, size);
	if (*to == NULL)
		return false;
	memcpy(*to, *from, count * size);
	*from += count * size;
	return true;
}

/* Copies the description that the child wrote into the module. Returns false if the description is wrong. */
static bool accept(int fd, struct module *module)
{
	struct contents contents;
	struct stat status;
	const uint8_t *bytes, *at;
	void *list;
	bool done;

	if (fstat(fd, &status) != 0 || pread(fd, &contents, sizeof(contents), 0) != (ssize_t)sizeof(contents) ||
	    contents.segments > COUNT_MAX || contents.sections > COUNT_MAX || contents.insns > COUNT_MAX ||
	    (uint64_t)status.st_size != sizeof(contents) + contents.segments * sizeof(struct segment) +
						contents.sections * sizeof(struct torture_section) +
						contents.insns * sizeof(struct torture_insn))
		return false;
	bytes = (const uint8_t *)mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return false;
	at = bytes + sizeof(contents);
	done = take(&at, &list, contents.segments, sizeof(struct segment));
	module->segments = (struct segment *)list;
	done = done && take(&at, &list, contents.sections, sizeof(struct torture_section));
	module->sections = done ? (struct torture_section *)list : NULL;
	done = done && take(&at, &list, contents.insns, sizeof(struct torture_insn));
	module->insns = done ? (struct torture_insn *)list : NULL;
	munmap((void *)(uintptr_t)bytes, (size_t)status.st_size);
	if (!done)
		return false;
	module->segment_count = contents.segments;
	module->section_count = contents.sections;
	module->insn_count = contents.insns;
	module->thread_local = contents.thread_local;
	memcpy(module->functions, contents.functions, sizeof(module->functions));
	for (uint32_t i = 0; i < FUNCTIONS; i++)
		if (module->functions[i].size > CODE_MAX)
			return false;
	for (uint32_t i = 0; i < contents.sections; i++) {
		module->sections[i].symbol[SYMBOL_MAX - 1] = '\0';
		module->sections[i].source[SOURCE_MAX - 1] = '\0';
	}
	for (uint32_t i = 0; i < contents.insns; i++) {
		struct torture_insn *insn = &module->insns[i];

		insn->source[SOURCE_MAX - 1] = '\0';
		if (insn->section >= contents.sections || insn->size < machine_trap_size || insn->size > CODE_MAX ||
		    insn->store.width > STORE_MAX)
			return false;
		module->sections[insn->section].count++;
	}
	return true;
}

struct module *catalog_unread(const char *name, const char *problem)
{
	struct module *module = (struct module *)calloc(1, sizeof(*module));

	if (module == NULL)
		return NULL;
	module->path = strdup(name);
	module->problem = problem;
	return module;
}

struct module *catalog_read(int fd, const char *name)
{
	struct module *module = catalog_unread(name, "cannot be read");
	struct task task = {.fd = fd, .out = memfd_create("catalog", MFD_CLOEXEC)};
	struct child_result result = {.end = CHILD_NOT_RUN};

	if (module == NULL) {
		if (task.out >= 0)
			close(task.out);
		return NULL;
	}
	if (task.out >= 0 && fstat(fd, &task.status) == 0 && task.status.st_size > 0)
		child_run(read_in_child, &task, LIMIT_MS, &result);
	if (child_succeeded(&result) && result.size == 1)
		module->problem = accept(task.out, module) ? NULL : "its sections can't be read";
	if (task.out >= 0)
		close(task.out);
	/* If no descriptor was free for the memfd or the child, the caller can read the file later. */
	if (task.out < 0 || (result.end == CHILD_NOT_RUN && result.number != 0)) {
		catalog_forget(module);
		errno = EMFILE;
		return NULL;
	}
	return module;
}

void catalog_forget(struct module *module)
{
	free(module->path);
	free(module->segments);
	free(module->sections);
	free(module->insns);
	free(module);
}

uint32_t catalog_find(const struct module *module, uint64_t address)
{
	return (uint32_t)COUNT_WHILE(i, module->insn_count, module->insns[i].address < address);
}

bool catalog_is_covered(const struct torture_settings *settings, const struct torture_insn *insn)
{
	return settings->reach ? insn->reached > 0 : insn->confirmed >= settings->rounds;
}
