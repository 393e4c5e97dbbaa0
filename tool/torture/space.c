/* SPDX-License-Identifier: MIT */
/*
 * space.c - makes and frees the structure that `rseqkit torture` keeps of an address space, and finds the address space's
 * modules: the ELF files that have critical sections.
 */
#define _GNU_SOURCE
#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/mapped.h"
#include "common/maps.h"
#include "tool.h"

struct process *process_new(pid_t pid)
{
	struct process *process = (struct process *)calloc(1, sizeof(*process));

	if (process == NULL)
		return NULL;
	process->pid = pid;
	process->users = 1;
	process->memory = -1;
	(void)process_open(process);
	return process;
}

struct process *process_orphan(pid_t pid)
{
	struct process *process = process_new(pid);

	if (process != NULL)
		process->inherits = true;
	return process;
}

struct mapping *process_add_mapping(struct process *process, struct module *module, uint64_t bias)
{
	struct mapping *mapping = (struct mapping *)calloc(1, sizeof(*mapping));

	if (mapping == NULL)
		return NULL;
	mapping->module = module;
	mapping->bias = bias;
	mapping->set = (uint8_t *)calloc((size_t)module->insn_count + 1, 1);
	mapping->ends = (uint8_t *)calloc((size_t)module->section_count + 1, 1);
	if (mapping->set == NULL || mapping->ends == NULL) {
		free(mapping->set);
		free(mapping->ends);
		free(mapping);
		return NULL;
	}
	mapping->next = process->mappings;
	process->mappings = mapping;
	return mapping;
}

void process_release(struct process *process)
{
	if (process == NULL || --process->users > 0)
		return;
	while (process->mappings != NULL) {
		struct mapping *next = process->mappings->next;

		free(process->mappings->set);
		free(process->mappings->ends);
		free(process->mappings);
		process->mappings = next;
	}
	process_close(process);
	free(process);
}

/* A mapping of code of a file, which is private. A breakpoint in a shared mapping would change the file. */
struct code_line {
	uint64_t start, end, offset;
	dev_t device;
	ino_t inode;
	char name[PATH_MAX];
};

static bool line_of(const struct map *map, struct code_line *line)
{
	if (map->rights[2] != 'x' || map->rights[3] != 'p' || map->inode == 0 || !maps_path(map, line->name, sizeof(line->name)))
		return false;
	line->start = map->start;
	line->end = map->end;
	line->offset = map->offset;
	line->device = makedev(map->major, map->minor);
	line->inode = map->inode;
	return true;
}

/* Are both the same file, with the same contents? The name and the permissions don't matter. */
static bool is_same_file(const struct stat *one, const struct stat *other)
{
	return one->st_ino == other->st_ino && one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

static struct module *add_module(struct torture_result *result, struct module *module, const struct code_line *line)
{
	if (module == NULL)
		return NULL;
	module->inode = line->inode;
	module->map_device = line->device;
	module->next = result->modules;
	result->modules = module;
	return module;
}

/* Did open() fail only for lack of descriptors or memory, so that it can succeed later? */
static bool is_lack(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/*
 * Returns a module without sections for a line whose file can't be opened. The file isn't at its path any more, and only a tool
 * with privileges can open the file through the process's mapping.
 */
static struct module *missing_module(const struct code_line *line, struct torture_result *result)
{
	struct module *module = result->modules;

	while (module != NULL && (module->map_device != line->device || module->inode != line->inode))
		module = module->next;
	return module != NULL ? module : add_module(result, catalog_unread(line->name, "can't be opened"), line);
}

/* Returns the module that the line maps. If the module isn't known yet, reads it from its file. */
static struct module *module_of(const struct mapped *mapped, const struct code_line *line, struct torture_result *result)
{
	struct module *module = result->modules;
	struct stat file;
	int fd;

	errno = 0;
	fd = mapped_open(mapped, line->name, line->start);
	if (fd < 0 && !is_lack(errno))
		return missing_module(line, result);
	if (fd < 0) {
		result->lacked = true;
		return NULL;
	}
	if (fstat(fd, &file) != 0) {
		close(fd);
		return NULL;
	}
	while (module != NULL && (module->map_device != line->device || module->inode != line->inode ||
				  !is_same_file(&module->file, &file)))
		module = module->next;
	if (module == NULL) {
		module = add_module(result, catalog_read(fd, line->name), line);
		if (module != NULL)
			module->file = file;
		else
			result->lacked = true;
	}
	close(fd);
	return module;
}

/*
 * Stores the load bias in *bias. Returns false if the line maps no part of a segment of code. The kernel maps whole pages, so a
 * segment can begin up to a page after the line. How large a page is depends on the kernel.
 */
static bool bias_of(const struct module *module, const struct code_line *line, uint64_t *bias)
{
	for (uint32_t i = 0; i < module->segment_count; i++) {
		const struct segment *segment = &module->segments[i];

		if (line->offset + (line->end - line->start) > segment->offset && line->offset < segment->offset + segment->size) {
			*bias = line->start - line->offset - (segment->address - segment->offset);
			return true;
		}
	}
	return false;
}

static void add_extra(struct process *process, enum extra_kind kind, const struct torture_function *function, uint64_t bias)
{
	struct extra *extra = &process->extras[kind];

	extra->address = function->address + bias;
	extra->copy = function->movable && function->room != 0 ? function->room + bias : 0;
	extra->size = function->size;
	memcpy(extra->code, function->code, sizeof(extra->code));
	if (process->inherits)
		extra_inherit(process, kind);
	(void)extra_set(process, kind);
}

/*
 * Notes that the instructions of this line of /proc/PID/maps are mapped, so that they can have breakpoints. Returns whether some
 * of them weren't mapped before.
 */
static bool admit(struct mapping *mapping, const struct code_line *line)
{
	const struct module *module = mapping->module;
	uint32_t i = catalog_find(module, line->start - mapping->bias);
	bool any = false;

	if (line->start < mapping->bias)
		i = 0;
	for (; i < module->insn_count && module->insns[i].address + mapping->bias < line->end; i++)
		if (mapping->set[i] == BREAKPOINT_OUTSIDE) {
			mapping->set[i] = BREAKPOINT_NEVER;
			any = true;
		}
	return any;
}

/* Returns the mapping to which the line belongs, if the last scan found it. Otherwise returns NULL. */
static struct mapping *find_mapping(const struct process *process, const struct code_line *line, uint64_t *bias)
{
	for (struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next)
		if (mapping->was_seen && mapping->module->inode == line->inode && mapping->module->map_device == line->device &&
		    bias_of(mapping->module, line, bias) && *bias == mapping->bias)
			return mapping;
	return NULL;
}

static bool scan_line(struct process *process, const struct mapped *mapped, const struct code_line *line,
		      const struct torture_settings *settings, struct torture_result *result)
{
	uint64_t bias;
	struct mapping *mapping = find_mapping(process, line, &bias);
	struct module *module = mapping != NULL ? mapping->module : module_of(mapped, line, result);

	if (module == NULL)
		return !is_lack(errno);
	if (!bias_of(module, line, &bias))
		return true;
	process->thread_local += module->thread_local;
	for (int kind = 0; kind < FUNCTIONS; kind++)
		if (module->functions[kind].address != 0 && process->extras[kind].address == 0)
			add_extra(process, (enum extra_kind)kind, &module->functions[kind], bias);
	if (module->insn_count == 0)
		return true;
	for (mapping = process->mappings; mapping != NULL; mapping = mapping->next)
		if (mapping->module == module && mapping->bias == bias)
			break;
	if (mapping == NULL) {
		mapping = process_add_mapping(process, module, bias);
		if (mapping == NULL)
			return false;
	}
	mapping->seen = true;
	if (!admit(mapping, line))
		return true;
	if (process->inherits)
		process_inherit(process, mapping, true);
	if (!process->spared)
		process_set_mapping(process, mapping, settings);
	return true;
}

/* If the tool may not read the process's memory, prints this, and counts the process. */
static void note_closed(const struct process *process, pid_t tid, struct torture_result *result)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else if ((errno == EACCES || errno == EPERM) && !process->spared && result->closed++ == 0)
		complain("the sections of process %d are not aborted: the tool may not read its memory", (int)process->pid);
}

bool process_scan(struct process *process, pid_t tid, const struct torture_settings *settings, struct torture_result *result)
{
	struct mapped mapped;
	const char *text;
	struct code_line line;
	struct map map;
	bool done = true;

	mapped_read(tid, &mapped);
	if (mapped.maps == NULL) {
		note_closed(process, tid, result);
		return false;
	}
	for (struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next) {
		mapping->was_seen = mapping->seen;
		mapping->seen = false;
	}
	process->thread_local = 0;
	text = mapped.maps;
	while (maps_next(&text, &map))
		if (line_of(&map, &line) && !scan_line(process, &mapped, &line, settings, result))
			done = false;
	for (struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next)
		if (!mapping->seen)
			process_leave(process, mapping);
	process->inherits = false;
	free(mapped.maps);
	return done;
}

void process_go_on(struct process *process, pid_t tid, const struct torture_settings *settings, struct torture_result *result)
{
	process->paused = 0;
	for (int kind = 0; kind < FUNCTIONS; kind++)
		(void)extra_set(process, (enum extra_kind)kind);
	for (struct mapping *mapping = process->mappings; mapping != NULL && !process->spared; mapping = mapping->next)
		process_set_mapping(process, mapping, settings);
	process_scan(process, tid, settings, result);
}
