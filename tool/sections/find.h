/* SPDX-License-Identifier: MIT */
/* find.h - finds the descriptors of an image's critical sections, and reads the tables about these sections. */
#ifndef RK_TOOL_SECTIONS_FIND_H
#define RK_TOOL_SECTIONS_FIND_H

#include "image.h"

/* A longer section isn't followed. Words of data that would describe one are no descriptor. */
#define SECTION_LENGTH_MAX 0x10000

/* `struct rseq_cs` of include/uapi/linux/rseq.h, and where it is. */
struct descriptor {
	uint64_t address;
	uint32_t version, flags;
	uint64_t start, length, abort;
	bool writable;
};

/* How the descriptors were found: in the ELF section __rseq_cs, by __rseq_cs_ptr_array, by searching data. These are bits. */
enum { FOUND_SECTION = 1, FOUND_POINTERS = 2, FOUND_SCAN = 4 };

/* An entry of the table __rseq_exit_point_array: the section that starts at `start` can be left by a jump to `target`. */
struct way_out {
	uint64_t start, target;
};

struct found {
	unsigned how;
	struct descriptor *descriptors; /* sorted by address. No descriptor is in the list twice */
	size_t count;
	bool has_exits;                 /* the file has the table __rseq_exit_point_array */
	struct way_out *exits;
	size_t exit_count;
	struct span *private;           /* __rseq_private_store_array: instructions with stores that only their thread sees */
	size_t private_count;
};

/* Fills in `found`. Returns false if memory is short. */
bool find_sections(const struct image *image, struct found *found);
void forget_sections(struct found *found);

#endif /* RK_TOOL_SECTIONS_FIND_H */
