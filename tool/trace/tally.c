/* SPDX-License-Identifier: MIT */
/* tally.c - counts and sums up aborts, see tally.h. */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

enum { CELLS_MAX = 1 << 20 };

void tally_add(struct tally *tally, uint32_t thread, int cpu, uint32_t site)
{
	uint32_t found = keys_find(&tally->keys, thread, (uint64_t)cpu, site);

	tally->aborts++;
	if (found == KEYS_NONE && (site == KEYS_NONE || tally->cell_count >= CELLS_MAX)) {
		tally->uncounted++;
		return;
	}
	if (found == KEYS_NONE) {
		tally->cells = (struct tally_cell *)keys_grow(tally->cells, tally->cell_count, sizeof(*tally->cells));
		found = tally->cell_count++;
		tally->cells[found] = (struct tally_cell){.thread = thread, .site = site, .cpu = cpu};
		keys_set(&tally->keys, thread, (uint64_t)cpu, site, found);
	}
	tally->cells[found].count++;
}

void tally_add_update(struct tally *tally, uint32_t thread, int32_t cpu_id)
{
	struct tally_updates *updates;

	tally->updates++;
	while (tally->thread_count <= thread) {
		tally->threads = (struct tally_updates *)keys_grow(tally->threads, tally->thread_count, sizeof(*tally->threads));
		tally->thread_count++;
	}
	updates = &tally->threads[thread];
	updates->updates++;
	updates->moves += updates->known && updates->cpu_id != cpu_id;
	updates->cpu_id = cpu_id;
	updates->known = true;
}

void tally_mark(struct tally *tally)
{
	for (uint32_t i = 0; i < tally->cell_count; i++) {
		struct tally_cell *cell = &tally->cells[i];

		cell->recent = cell->count - cell->before;
		cell->before = cell->count;
	}
}

static uint32_t key_of(const struct tally_cell *cell, const struct tasks *tasks, enum tally_view view)
{
	switch (view) {
	case VIEW_INSTRUCTION:
		return cell->site;
	case VIEW_SECTION:
		return tasks->places->sites[cell->site].start;
	case VIEW_PROCESS:
		return tasks->threads[cell->thread].process;
	case VIEW_THREAD:
		return cell->thread;
	default:
		return (uint32_t)cell->cpu;
	}
}

static int compare_counts(const void *left, const void *right)
{
	const struct tally_row *a = (const struct tally_row *)left, *b = (const struct tally_row *)right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

static int compare_recent(const void *left, const void *right)
{
	const struct tally_row *a = (const struct tally_row *)left, *b = (const struct tally_row *)right;

	if (a->recent != b->recent)
		return a->recent > b->recent ? -1 : 1;
	return compare_counts(left, right);
}

struct tally_row *tally_rows(const struct tally *tally, const struct tasks *tasks, enum tally_view view, bool by_recent,
			     uint32_t *count)
{
	struct tally_row *rows = (struct tally_row *)keys_grow(NULL, 0, sizeof(*rows));
	struct keys keys = {NULL, 0, 0};

	*count = 0;
	for (uint32_t i = 0; i < tally->cell_count; i++) {
		const struct tally_cell *cell = &tally->cells[i];
		uint32_t key = key_of(cell, tasks, view), found = keys_find(&keys, key, 0, 0);
		uint32_t process = tasks->threads[cell->thread].process;

		if (found == KEYS_NONE) {
			if (*count > 0)
				rows = (struct tally_row *)keys_grow(rows, *count, sizeof(*rows));
			found = (*count)++;
			keys_set(&keys, key, 0, 0, found);
			rows[found] = (struct tally_row){.key = key, .process = process};
			rows[found].section = key_of(cell, tasks, VIEW_SECTION);
			if (view == VIEW_THREAD && key < tally->thread_count) {
				rows[found].updates = tally->threads[key].updates;
				rows[found].moves = tally->threads[key].moves;
			}
		}
		rows[found].several |= rows[found].process != process;
		rows[found].count += cell->count;
		rows[found].recent += cell->recent;
	}
	keys_forget(&keys);
	qsort(rows, *count, sizeof(*rows), by_recent ? compare_recent : compare_counts);
	return rows;
}

void tally_forget(struct tally *tally)
{
	free(tally->cells);
	free(tally->threads);
	keys_forget(&tally->keys);
	memset(tally, 0, sizeof(*tally));
}
