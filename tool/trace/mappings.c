/* SPDX-License-Identifier: MIT */
/* mappings.c - reads /proc/PID/maps, see mappings.h. */
#include "mappings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mapped.h"
#include "common/maps.h"
#include "common/proc.h"
#include "common/sorted.h"

#define REFRESH_NS 1000000000U
#define COST 50           /* reading the maps takes at most 1/50 of the time */
#define FILES_MAX 4096    /* at most this many files are opened */
#define AGAIN_NS 10000000 /* because of unknown addresses, the maps are read again at most once in this time */

static uint64_t hash_text(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}

/* Returns the number of a mapped file (sites.h). Opens the file if it is new. */
static uint32_t find_file(struct tasks *tasks, const struct mapped *mapped, uint64_t device, uint64_t inode, const char *name,
			  uint64_t begin)
{
	uint32_t file = places_find_file(tasks->places, device, inode);

	if (file != KEYS_NONE || tasks->places->file_count >= FILES_MAX)
		return file;
	return places_add_file(tasks->places, device, inode, name, mapped_open(mapped, name, begin));
}

static void add_mapping(struct tasks *tasks, struct tasks_process *process, const struct mapped *mapped, const struct map *map)
{
	struct tasks_mapping *mapping;
	char name[4096];

	process->mappings = (struct tasks_mapping *)keys_grow(process->mappings, process->mapping_count, sizeof(*mapping));
	mapping = &process->mappings[process->mapping_count++];
	*mapping = (struct tasks_mapping){map->start, map->end, map->offset - map->start, KEYS_NONE};
	if (map->inode != 0 && maps_path(map, name, sizeof(name)))
		mapping->file = find_file(tasks, mapped, ((uint64_t)map->major << 32) | map->minor, map->inode, name, map->start);
}

/*
 * Reads the process's mappings. If the process has ended or executed another program, keeps the mappings that were read before.
 */
static void read_list(struct tasks *tasks, struct tasks_process *process)
{
	uint64_t begun = proc_now(), hash, later;
	struct proc_thread leader;
	struct mapped mapped;
	const char *text;
	struct map map;

	mapped_read(process->pid, &mapped);
	/*
	 * The mappings are those of the event's program only if the process has executed no other program since the event. If it
	 * has, an event of this exec is in the kernel's buffer by now.
	 */
	capture_pump(tasks->capture);
	if (mapped.maps == NULL || !proc_thread(process->pid, &leader) || leader.started != process->started ||
	    capture_will_exec(tasks->capture, process->pid)) {
		free(mapped.maps);
		process->next_read = proc_now() + REFRESH_NS;
		return;
	}
	hash = hash_text(mapped.maps);
	if (!process->has_read || hash != process->text) {
		process->mapping_count = 0;
		process->version++;
		text = mapped.maps;
		while (maps_next(&text, &map))
			if (map.rights[2] == 'x')
				add_mapping(tasks, process, &mapped, &map);
	}
	free(mapped.maps);
	process->has_read = true;
	process->text = hash;
	later = (proc_now() - begun) * COST;
	process->next_read = proc_now() + (later > REFRESH_NS ? later : REFRESH_NS);
}

void mappings_refresh(struct tasks *tasks, uint32_t number)
{
	struct tasks_process *process = &tasks->processes[number];

	if (!process->over && proc_now() >= process->next_read)
		read_list(tasks, process);
}

static const struct tasks_mapping *look_up(const struct tasks_process *process, uint64_t address)
{
	size_t first = COUNT_WHILE(i, process->mapping_count, process->mappings[i].end <= address);

	return first < process->mapping_count && process->mappings[first].begin <= address ? &process->mappings[first] : NULL;
}

const struct tasks_mapping *mappings_find(struct tasks *tasks, uint32_t number, uint64_t address)
{
	struct tasks_process *process = &tasks->processes[number];
	const struct tasks_mapping *found = look_up(process, address);

	if (found != NULL || process->over || proc_now() + REFRESH_NS < process->next_read + AGAIN_NS)
		return found;
	read_list(tasks, process);
	return look_up(process, address);
}
