/* SPDX-License-Identifier: MIT */
/*
 * find.c - finds the descriptors of critical sections, and the entries of the other tables.
 *
 * The tables are ELF sections: __rseq_cs has descriptors, __rseq_cs_ptr_array has pointers to descriptors. If a file has neither
 * of these ELF sections, the tool searches the data for descriptors. A descriptor from this search counts only if the signature
 * precedes its abort handler. In one large program, over a hundred other words looked like descriptors without the signature.
 */
#include "find.h"

#include <stdlib.h>
#include <string.h>

#define DESCRIPTOR 32      /* bytes of a struct rseq_cs */

static bool read_descriptor(const struct image *image, uint64_t address, struct descriptor *descriptor)
{
	const struct region *region = image_region(image, address);
	uint64_t words[4];

	for (size_t i = 0; i < 4; i++)
		if (!image_number(image, address + 8 * i, 8, &words[i]))
			return false;
	*descriptor = (struct descriptor){
		.address = address,
		.version = (uint32_t)words[0],
		.flags = (uint32_t)(words[0] >> 32),
		.start = words[1],
		.length = words[2],
		.abort = words[3],
		.writable = region->writable,
	};
	return true;
}

/* Makes room for one more member in an array of `count` members. If `count` is a power of two, doubles the array. */
static bool make_room(void **array, size_t count, size_t size)
{
	void *more;

	if ((count & (count - 1)) != 0)
		return true;
	more = realloc(*array, (count * 2 + 1) * size);
	if (more != NULL)
		*array = more;
	return more != NULL;
}

static bool add_descriptor(struct found *found, const struct descriptor *descriptor)
{
	if (!make_room((void **)&found->descriptors, found->count, sizeof(*descriptor)))
		return false;
	found->descriptors[found->count++] = *descriptor;
	return true;
}

/* Reads the descriptors in the ELF section __rseq_cs. Skips padding, which is zeros. */
static bool read_descriptors(const struct image *image, const struct region *region, struct found *found)
{
	found->how |= FOUND_SECTION;
	for (uint64_t at = 0; at + DESCRIPTOR <= region->size; at += DESCRIPTOR) {
		struct descriptor descriptor;

		if (read_descriptor(image, region->address + at, &descriptor) && (descriptor.start | descriptor.abort) != 0 &&
		    !add_descriptor(found, &descriptor))
			return false;
	}
	return true;
}

static bool read_pointers(const struct image *image, const struct region *region, struct found *found)
{
	found->how |= FOUND_POINTERS;
	for (uint64_t at = 0; at + 8 <= region->size; at += 8) {
		struct descriptor descriptor;
		uint64_t pointer;

		if (image_number(image, region->address + at, 8, &pointer) && pointer != 0 &&
		    read_descriptor(image, pointer, &descriptor) && (descriptor.start | descriptor.abort) != 0 &&
		    !add_descriptor(found, &descriptor))
			return false;
	}
	return true;
}

static bool read_exits(const struct image *image, const struct region *region, struct found *found)
{
	found->has_exits = true;
	for (uint64_t at = 0; at + 16 <= region->size; at += 16) {
		struct way_out way;

		if (!image_number(image, region->address + at, 8, &way.start) ||
		    !image_number(image, region->address + at + 8, 8, &way.target) || way.start == 0)
			continue;
		if (!make_room((void **)&found->exits, found->exit_count, sizeof(way)))
			return false;
		found->exits[found->exit_count++] = way;
	}
	return true;
}

/*
 * Reads __rseq_private_store_array. An entry is two numbers: the distance from the first number to the start of the instructions,
 * and the distance from the second number to their end.
 */
static bool read_private(const struct image *image, const struct region *region, struct found *found)
{
	for (uint64_t at = 0; at + 8 <= region->size; at += 8) {
		uint64_t place = region->address + at, from, to;
		struct span span;

		if (!image_number(image, place, 4, &from) || !image_number(image, place + 4, 4, &to))
			continue;
		span.start = place + (uint64_t)(int64_t)(int32_t)from;
		span.end = place + 4 + (uint64_t)(int64_t)(int32_t)to;
		if (!make_room((void **)&found->private, found->private_count, sizeof(span)))
			return false;
		found->private[found->private_count++] = span;
	}
	return true;
}

/* Is this a valid descriptor of a section, whose abort handler has the signature before it? */
static bool is_descriptor(const struct image *image, const struct descriptor *descriptor)
{
	const struct region *code = image_region(image, descriptor->start);
	uint64_t signature;

	return descriptor->version == 0 && descriptor->flags == 0 && descriptor->length > 0 &&
	       descriptor->length <= SECTION_LENGTH_MAX && code != NULL && code->code &&
	       image_at(image, descriptor->start, descriptor->length) != NULL &&
	       descriptor->abort - descriptor->start >= descriptor->length && image_is_code(image, descriptor->abort) &&
	       image_number(image, descriptor->abort - 4, 4, &signature) && signature == image->arch->signature;
}

/* Searches an ELF section of data for descriptors. Their addresses are multiples of 8. */
static bool scan_data(const struct image *image, const struct region *region, struct found *found)
{
	for (uint64_t at = -region->address & 7; at + DESCRIPTOR <= region->size; at += 8) {
		struct descriptor descriptor;
		uint64_t words[2];

		memcpy(words, region->bytes + at, sizeof(words));
		if (words[0] != 0 || words[1] == 0 || !read_descriptor(image, region->address + at, &descriptor) ||
		    !is_descriptor(image, &descriptor))
			continue;
		found->how |= FOUND_SCAN;
		if (!add_descriptor(found, &descriptor))
			return false;
	}
	return true;
}

static int compare_descriptors(const void *left, const void *right)
{
	const struct descriptor *a = (const struct descriptor *)left, *b = (const struct descriptor *)right;

	return a->address < b->address ? -1 : a->address > b->address;
}

static int compare_spans(const void *left, const void *right)
{
	const struct span *a = (const struct span *)left, *b = (const struct span *)right;

	return a->start < b->start ? -1 : a->start > b->start ? 1 : a->end < b->end ? -1 : a->end > b->end;
}

static int compare_exits(const void *left, const void *right)
{
	const struct way_out *a = (const struct way_out *)left, *b = (const struct way_out *)right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Sorts descriptors, and keeps each only once, because several tables can name the same descriptor. */
static void sort_descriptors(struct found *found)
{
	size_t kept = 0;

	if (found->count == 0)
		return;
	qsort(found->descriptors, found->count, sizeof(*found->descriptors), compare_descriptors);
	for (size_t i = 0; i < found->count; i++)
		if (i == 0 || found->descriptors[i].address != found->descriptors[kept - 1].address)
			found->descriptors[kept++] = found->descriptors[i];
	found->count = kept;
}

bool find_sections(const struct image *image, struct found *found)
{
	static const struct {
		const char *name;
		bool (*read)(const struct image *image, const struct region *region, struct found *found);
	} tables[] = {
		{"__rseq_cs", read_descriptors},
		{"__rseq_cs_ptr_array", read_pointers},
		{"__rseq_exit_point_array", read_exits},
		{"__rseq_private_store_array", read_private},
	};

	memset(found, 0, sizeof(*found));
	for (size_t i = 0; i < image->region_count; i++)
		for (size_t k = 0; k < sizeof(tables) / sizeof(tables[0]); k++)
			if (strcmp(image->regions[i].name, tables[k].name) == 0 &&
			    !tables[k].read(image, &image->regions[i], found))
				return false;
	for (size_t i = 0; found->how == 0 && i < image->region_count; i++)
		if (!image->regions[i].code && !scan_data(image, &image->regions[i], found))
			return false;
	sort_descriptors(found);
	if (found->private_count > 0)
		qsort(found->private, found->private_count, sizeof(*found->private), compare_spans);
	if (found->exit_count > 0)
		qsort(found->exits, found->exit_count, sizeof(*found->exits), compare_exits);
	return true;
}

void forget_sections(struct found *found)
{
	free(found->descriptors);
	free(found->exits);
	free(found->private);
}
