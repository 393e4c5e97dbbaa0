/* SPDX-License-Identifier: MIT */
/*
 * versions.c - checks whether another build of the C library has the symbol versions that a preloaded library needs, see
 * versions.h.
 *
 * The dynamic linker and the C library are of the same build and in the same folder. Both have a table of the symbol versions
 * that they define. The preloaded library has a table of the versions that it needs, with the file that must define each version.
 * If a version is missing, the dynamic linker ends the program. All numbers from these files are checked against the sizes of the
 * tables.
 */
#define _GNU_SOURCE
#include "versions.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/binary.h"

/* Reads a record of a table. Returns false if the record isn't completely inside the table. */
static bool read_record(const struct binary_table *table, uint64_t at, void *record, size_t size)
{
	if (at > table->size || size > table->size - at)
		return false;
	memcpy(record, table->part + at, size);
	return true;
}

static const char *string_at(const struct binary_table *table, uint64_t at)
{
	return at < table->strings_size ? table->strings + at : "";
}

/*
 * Does the table `defined` have the version? Each record has the distance to the next record; the last record has 0. Distances
 * aren't negative, so the loop ends.
 */
static bool defines(const struct binary_table *defined, const char *version)
{
	ElfW(Verdef) definition;
	ElfW(Verdaux) name;

	for (uint64_t at = 0; read_record(defined, at, &definition, sizeof(definition)); at += definition.vd_next) {
		if (read_record(defined, at + definition.vd_aux, &name, sizeof(name)) &&
		    strcmp(string_at(defined, name.vda_name), version) == 0)
			return true;
		if (definition.vd_next == 0)
			break;
	}
	return false;
}

/* Returns the first needed version that the table `defined` doesn't have; NULL if it has all of them. */
static const char *find_missing(const struct binary_table *needed, uint64_t at, const ElfW(Verneed) *need,
				const struct binary_table *defined)
{
	ElfW(Vernaux) version;

	for (at += need->vn_aux; read_record(needed, at, &version, sizeof(version)); at += version.vna_next) {
		if (!(version.vna_flags & VER_FLG_WEAK) && !defines(defined, string_at(needed, version.vna_name)))
			return string_at(needed, version.vna_name);
		if (version.vna_next == 0)
			break;
	}
	return NULL;
}

/*
 * Examines one needed file: the linker, or another file in the linker's folder. Returns the first version that the file
 * lacks; NULL if it lacks none.
 */
static const char *look_beside(const char *linker, const struct binary_table *needed, uint64_t at, const ElfW(Verneed) *need)
{
	const char *name = string_at(needed, need->vn_file), *missing = NULL, *slash = strrchr(linker, '/');
	struct binary_table defined;
	struct binary file;
	char path[PATH_MAX];

	if (strchr(name, '/') != NULL || slash == NULL ||
	    snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - linker), linker, name) >= (int)sizeof(path) ||
	    !binary_open(path, &file))
		return NULL;
	if (binary_read_table(&file, SHT_GNU_verdef, &defined)) {
		missing = find_missing(needed, at, need, &defined);
		binary_release_table(&defined);
	}
	binary_close(&file);
	return missing;
}

bool exec_lacks_version(const char *linker, const char *library, char *version, size_t size)
{
	const char *missing = NULL;
	struct binary_table needed;
	struct binary file;
	char real[PATH_MAX];
	ElfW(Verneed) need;

	if (realpath(linker, real) == NULL || !binary_open(library, &file))
		return false;
	if (binary_read_table(&file, SHT_GNU_verneed, &needed)) {
		for (uint64_t at = 0; missing == NULL && read_record(&needed, at, &need, sizeof(need)); at += need.vn_next) {
			missing = look_beside(real, &needed, at, &need);
			if (need.vn_next == 0)
				break;
		}
		if (missing != NULL)
			snprintf(version, size, "%s", missing);
		binary_release_table(&needed);
	}
	binary_close(&file);
	return missing != NULL;
}
