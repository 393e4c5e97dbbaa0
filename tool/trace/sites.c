/* SPDX-License-Identifier: MIT */
/* sites.c - keeps the files, places and sites of aborts, see sites.h. */
#include "sites.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/output.h"

#define CHILDREN_MAX 8 /* at most this many children, which read files (naming.h), exist at the same time */

uint32_t places_find_file(const struct places *places, uint64_t device, uint64_t inode)
{
	return keys_find(&places->file_keys, device, inode, 0);
}

uint32_t places_add_file(struct places *places, uint64_t device, uint64_t inode, const char *name, int fd)
{
	struct places_file *file;
	char printable[1024];

	places->files = (struct places_file *)keys_grow(places->files, places->file_count, sizeof(*places->files));
	file = &places->files[places->file_count];
	copy_printable(printable, sizeof(printable), name);
	file->name = strdup(printable);
	file->fd = fd;
	file->naming = (struct naming){-1, -1};
	keys_set(&places->file_keys, device, inode, 0, places->file_count);
	return places->file_count++;
}

static uint32_t add_place(struct places *places, uint32_t file, uint64_t process, uint64_t address, uint64_t bias)
{
	uint64_t group = file != KEYS_NONE ? file : (process << 32) | KEYS_NONE;
	uint64_t where = file != KEYS_NONE ? address + bias : address;
	uint32_t found = keys_find(&places->place_keys, group, where, 0);
	struct place *place;

	if (found != KEYS_NONE || places->place_count >= PLACES_MAX)
		return found;
	places->places = (struct place *)keys_grow(places->places, places->place_count, sizeof(*places->places));
	place = &places->places[places->place_count];
	place->file = file;
	place->address = address;
	place->offset = where;
	keys_set(&places->place_keys, group, where, 0, places->place_count);
	return places->place_count++;
}

uint32_t places_site(struct places *places, uint32_t file, uint64_t process, uint64_t ip, uint64_t start, uint64_t length,
		     uint64_t bias)
{
	uint32_t instruction = add_place(places, file, process, ip, bias), begin = add_place(places, file, process, start, bias);
	uint32_t found;

	if (instruction == KEYS_NONE || begin == KEYS_NONE)
		return KEYS_NONE;
	found = keys_find(&places->site_keys, instruction, begin, length);
	if (found != KEYS_NONE || places->site_count >= PLACES_MAX)
		return found;
	places->sites = (struct site *)keys_grow(places->sites, places->site_count, sizeof(*places->sites));
	places->sites[places->site_count] = (struct site){instruction, begin, length};
	keys_set(&places->site_keys, instruction, begin, length, places->site_count);
	return places->site_count++;
}

/* If there are too many children, ends the child whose file wasn't used for the longest time. */
static void limit_children(struct places *places)
{
	struct places_file *oldest = NULL;
	size_t count = 0;

	for (uint32_t i = 0; i < places->file_count; i++) {
		struct places_file *file = &places->files[i];

		if (file->naming.child <= 0)
			continue;
		count++;
		if (oldest == NULL || file->used < oldest->used)
			oldest = file;
	}
	if (count > CHILDREN_MAX && oldest != NULL)
		naming_stop(&oldest->naming);
}

const struct place *places_name(struct places *places, uint32_t number)
{
	struct place *place = &places->places[number];
	struct places_file *file = place->file != KEYS_NONE ? &places->files[place->file] : NULL;
	struct source answer;

	if (place->named)
		return place;
	place->named = true;
	if (file == NULL || file->fd < 0 || file->failed)
		return place;
	file->used = ++places->uses;
	if (file->naming.child <= 0) {
		if (!naming_start(&file->naming, file->fd, file->name))
			return place;
		limit_children(places);
	}
	if (!naming_ask(&file->naming, place->offset, &answer, places->meanwhile, places->argument)) {
		file->failed = true;
		return place;
	}
	place->symbol = answer.symbol[0] != '\0' ? strdup(answer.symbol) : NULL;
	place->symbol_offset = answer.offset;
	place->source = answer.line != 0 ? strdup(answer.file) : NULL;
	place->line = answer.line;
	return place;
}

const char *places_file_name(const struct places *places, const struct place *place)
{
	const char *name = place->file != KEYS_NONE ? places->files[place->file].name : NULL, *slash;

	if (name == NULL)
		return "?";
	slash = strrchr(name, '/');
	return slash != NULL && slash[1] != '\0' ? slash + 1 : name;
}

void places_forget(struct places *places)
{
	for (uint32_t i = 0; i < places->file_count; i++) {
		naming_stop(&places->files[i].naming);
		if (places->files[i].fd >= 0)
			close(places->files[i].fd);
		free(places->files[i].name);
	}
	for (uint32_t i = 0; i < places->place_count; i++) {
		free(places->places[i].symbol);
		free(places->places[i].source);
	}
	free(places->files);
	free(places->places);
	free(places->sites);
	keys_forget(&places->file_keys);
	keys_forget(&places->place_keys);
	keys_forget(&places->site_keys);
	memset(places, 0, sizeof(*places));
}
