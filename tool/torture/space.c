/* SPDX-License-Identifier: MIT */
/* space.c - finds the modules of an address space, and keeps the breakpoints in them. */
#define _GNU_SOURCE
#include "space.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/mapped.h"

#define PAGE 4096

static int open_memory(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	return open(path, O_RDWR | O_CLOEXEC);
}

struct process *process_new(pid_t pid)
{
	struct process *process = (struct process *)calloc(1, sizeof(*process));

	if (process == NULL)
		return NULL;
	process->pid = pid;
	process->users = 1;
	process->memory = open_memory(pid);
	return process;
}

static bool make_tables(struct mapping *mapping)
{
	size_t count = (size_t)mapping->module->insn_count + 1;

	mapping->set = (uint8_t *)calloc(count, 1);
	mapping->original = (uint8_t(*)[TRAP_MAX])calloc(count, TRAP_MAX);
	return mapping->set != NULL && mapping->original != NULL;
}

static void drop_mapping(struct mapping *mapping)
{
	free(mapping->set);
	free(mapping->original);
	free(mapping);
}

static struct mapping *add_mapping(struct process *process, struct module *module, uint64_t bias)
{
	struct mapping *mapping = (struct mapping *)calloc(1, sizeof(*mapping));

	if (mapping == NULL)
		return NULL;
	mapping->module = module;
	mapping->bias = bias;
	if (!make_tables(mapping)) {
		drop_mapping(mapping);
		return NULL;
	}
	mapping->next = process->mappings;
	process->mappings = mapping;
	return mapping;
}

struct process *process_copy(const struct process *parent, pid_t pid)
{
	struct process *process = process_new(pid);

	if (process == NULL)
		return NULL;
	memcpy(process->extras, parent->extras, sizeof(process->extras));
	process->spared = parent->spared;
	extra_clear(process, EXTRA_END);
	(void)extra_set(process, EXTRA_PTRACE);
	for (const struct mapping *one = parent->mappings; one != NULL; one = one->next) {
		struct mapping *copy = add_mapping(process, one->module, one->bias);

		if (copy == NULL)
			break;
		memcpy(copy->set, one->set, one->module->insn_count);
		memcpy(copy->original, one->original, one->module->insn_count * sizeof(one->original[0]));
	}
	return process;
}

void process_release(struct process *process)
{
	if (process == NULL || --process->users > 0)
		return;
	while (process->mappings != NULL) {
		struct mapping *next = process->mappings->next;

		drop_mapping(process->mappings);
		process->mappings = next;
	}
	if (process->memory >= 0)
		close(process->memory);
	free(process);
}

bool process_read(const struct process *process, uint64_t address, void *to, size_t size)
{
	return pread(process->memory, to, size, (off_t)address) == (ssize_t)size;
}

bool process_write(const struct process *process, uint64_t address, const void *from, size_t size)
{
	return pwrite(process->memory, from, size, (off_t)address) == (ssize_t)size;
}

struct torture_insn *place_insn(const struct place *place)
{
	return &place->mapping->module->insns[place->insn];
}

uint64_t place_address(const struct place *place)
{
	return place_insn(place)->address + place->mapping->bias;
}

bool process_find(const struct process *process, uint64_t address, struct place *place)
{
	for (struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next) {
		uint32_t number = catalog_find(mapping->module, address - mapping->bias);

		if (number < mapping->module->insn_count && mapping->module->insns[number].address == address - mapping->bias) {
			*place = (struct place){mapping, number};
			return true;
		}
	}
	return false;
}

bool process_set(struct process *process, const struct place *place)
{
	uint8_t *set = &place->mapping->set[place->insn], *original = place->mapping->original[place->insn];

	if (*set == BREAKPOINT_SET)
		return true;
	if (*set == BREAKPOINT_NEVER && !process_read(process, place_address(place), original, machine_trap_size))
		return false;
	if (*set == BREAKPOINT_NEVER && memcmp(original, machine_trap, machine_trap_size) == 0)
		return false; /* the program's own */
	if (!process_write(process, place_address(place), machine_trap, machine_trap_size))
		return false;
	*set = BREAKPOINT_SET;
	return true;
}

void process_clear(struct process *process, const struct place *place)
{
	uint8_t *set = &place->mapping->set[place->insn];

	if (*set == BREAKPOINT_NEVER)
		return;
	(void)process_write(process, place_address(place), place->mapping->original[place->insn], machine_trap_size);
	*set = BREAKPOINT_CLEARED;
}

/* Changes the breakpoints of the place's section that are in one state. */
static void change_section(struct process *process, const struct place *place, uint8_t from, bool set)
{
	const struct module *module = place->mapping->module;
	const uint32_t section = place_insn(place)->section;

	for (uint32_t i = catalog_find(module, module->sections[section].start); i < module->insn_count; i++) {
		struct place one = {place->mapping, i};

		if (module->insns[i].address >= module->sections[section].end)
			break;
		if (module->insns[i].section != section || place->mapping->set[i] != from)
			continue;
		if (set) {
			(void)process_set(process, &one);
		} else {
			process_clear(process, &one);
			place->mapping->set[i] = BREAKPOINT_SUSPENDED;
		}
	}
}

void process_suspend(struct process *process, const struct place *place)
{
	change_section(process, place, BREAKPOINT_SET, false);
}

void process_suspend_one(const struct place *place)
{
	place->mapping->set[place->insn] = BREAKPOINT_SUSPENDED;
}

void process_resume(struct process *process, const struct place *place)
{
	change_section(process, place, BREAKPOINT_SUSPENDED, true);
}

bool extra_set(struct process *process, enum extra_kind kind)
{
	struct extra *extra = &process->extras[kind];

	if (extra->address == 0 || extra->set || !process_read(process, extra->address, extra->original, machine_trap_size))
		return extra->set;
	extra->set = process_write(process, extra->address, machine_trap, machine_trap_size);
	return extra->set;
}

void extra_clear(struct process *process, enum extra_kind kind)
{
	struct extra *extra = &process->extras[kind];

	if (extra->set)
		(void)process_write(process, extra->address, extra->original, machine_trap_size);
	extra->set = false;
}

void process_clear_sections(struct process *process)
{
	for (struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next)
		for (uint32_t i = 0; i < mapping->module->insn_count; i++)
			if (mapping->set[i] == BREAKPOINT_SET)
				process_clear(process, &(struct place){mapping, i});
}

void process_clear_all(struct process *process)
{
	process_clear_sections(process);
	for (int kind = 0; kind < EXTRAS; kind++)
		extra_clear(process, (enum extra_kind)kind);
}

/* Numbers that need no quality, but are the same for the same seed. */
static uint64_t random_number(void)
{
	return ((uint64_t)random() << 31) ^ (uint64_t)random();
}

void process_set_random(struct process *process, struct mapping *mapping, uint32_t section)
{
	const struct module *module = mapping->module;
	uint64_t left = module->sections[section].count;

	if (left == 0)
		return;
	left = random_number() % left;
	for (uint32_t i = catalog_find(module, module->sections[section].start); i < module->insn_count; i++) {
		if (module->insns[i].section != section)
			continue;
		if (left-- == 0) {
			(void)process_set(process, &(struct place){mapping, i});
			return;
		}
	}
}

static void set_breakpoints(struct process *process, struct mapping *mapping, const struct torture_settings *settings)
{
	if (settings->random > 0) {
		for (uint32_t i = 0; i < mapping->module->section_count; i++)
			process_set_random(process, mapping, i);
		return;
	}
	for (uint32_t i = 0; i < mapping->module->insn_count; i++)
		if (!catalog_is_covered(settings, &mapping->module->insns[i]))
			(void)process_set(process, &(struct place){mapping, i});
}

/* A line of /proc/PID/maps that maps code of a file. A breakpoint in a shared mapping would change the file. */
struct line {
	uint64_t start, end, offset;
	dev_t device;
	ino_t inode;
	const char *name;
};

static bool parse_line(char *text, struct line *line)
{
	unsigned major, minor;
	unsigned long inode;
	char permissions[8];
	int used = 0;

	if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %lu %n", &line->start, &line->end, permissions,
		   &line->offset, &major, &minor, &inode, &used) < 7 ||
	    permissions[2] != 'x' || permissions[3] != 'p' || inode == 0 || text[used] != '/')
		return false;
	line->device = makedev(major, minor);
	line->inode = inode;
	line->name = text + used;
	return true;
}

/* The module of a line. A new one is read. */
static struct module *module_of(const struct mapped *mapped, const struct line *line, struct torture_result *result)
{
	struct module *module;
	int fd;

	for (module = result->modules; module != NULL; module = module->next)
		if (module->inode == line->inode && module->map_device == line->device)
			return module;
	fd = mapped_open(mapped, line->name, line->start);
	if (fd < 0)
		return NULL;
	module = catalog_read(fd, line->name);
	close(fd);
	if (module == NULL)
		return NULL;
	module->inode = line->inode;
	module->map_device = line->device;
	module->next = result->modules;
	result->modules = module;
	return module;
}

/* The load bias. Returns false if no segment of code has the line's place in the file. */
static bool bias_of(const struct module *module, const struct line *line, uint64_t *bias)
{
	for (uint32_t i = 0; i < module->segment_count; i++) {
		const struct segment *segment = &module->segments[i];

		if (line->offset + PAGE > segment->offset && line->offset < segment->offset + segment->size) {
			*bias = line->start - line->offset - (segment->address - segment->offset);
			return true;
		}
	}
	return false;
}

static void scan_line(struct process *process, const struct mapped *mapped, const struct line *line,
		      const struct torture_settings *settings, struct torture_result *result)
{
	struct module *module = module_of(mapped, line, result);
	struct mapping *mapping;
	uint64_t bias;

	if (module == NULL || !bias_of(module, line, &bias))
		return;
	for (int kind = 0; kind < FUNCTIONS; kind++)
		if (module->functions[kind] != 0 && process->extras[kind].address == 0) {
			process->extras[kind].address = module->functions[kind] + bias;
			(void)extra_set(process, (enum extra_kind)kind);
		}
	if (module->insn_count == 0)
		return;
	for (mapping = process->mappings; mapping != NULL; mapping = mapping->next)
		if (mapping->module == module && mapping->bias == bias)
			break;
	if (mapping == NULL) {
		mapping = add_mapping(process, module, bias);
		if (mapping == NULL)
			return;
		if (!process->spared)
			set_breakpoints(process, mapping, settings);
	}
	mapping->seen = true;
}

void process_scan(struct process *process, const struct torture_settings *settings, struct torture_result *result)
{
	struct mapped mapped;
	struct mapping **place;
	char *rest;

	mapped_read(process->pid, &mapped);
	if (mapped.maps == NULL)
		return;
	for (struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next)
		mapping->seen = false;
	/* mapped.maps is read by mapped_open(), so the lines are taken from a copy. */
	rest = strdup(mapped.maps);
	for (char *text = rest, *end; text != NULL && *text != '\0'; text = end) {
		struct line line;

		end = strchr(text, '\n');
		if (end != NULL)
			*end++ = '\0';
		if (parse_line(text, &line))
			scan_line(process, &mapped, &line, settings, result);
	}
	for (place = &process->mappings; *place != NULL;) {
		struct mapping *mapping = *place;

		if (mapping->seen) {
			place = &mapping->next;
			continue;
		}
		*place = mapping->next;
		drop_mapping(mapping);
	}
	free(rest);
	free(mapped.maps);
}
