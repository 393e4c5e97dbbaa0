/* SPDX-License-Identifier: MIT */
/* find.h - the critical sections of an image: their descriptors, and what the tables say about them. */
#ifndef RK_TOOL_LINT_FIND_H
#define RK_TOOL_LINT_FIND_H

#include "image.h"

/* `struct rseq_cs` of include/uapi/linux/rseq.h, and where it is. */
struct descriptor {
	uint64_t address;
	uint32_t version, flags;
	uint64_t start, length, abort;
	bool writable;
};

/* How the descriptors of a file were found; several of these bits are possible. */
enum { FOUND_SECTION = 1, FOUND_POINTERS = 2, FOUND_SCAN = 4 };

/* A way out of a section, from the table __rseq_exit_point_array. */
struct way_out {
	uint64_t start, target;
};

struct found {
	unsigned how;
	struct descriptor *descriptors; /* sorted by address, each once */
	size_t count;
	bool has_exits;                 /* the file has a table of ways out */
	struct way_out *exits;
	size_t exit_count;
	struct span *private;           /* stores that no other thread sees before the commit: start <= address < end */
	size_t private_count;
};

/* Finds the sections of an image. Returns false if memory is short. */
bool find_sections(const struct image *image, struct found *found);
void forget_sections(struct found *found);

#endif /* RK_TOOL_LINT_FIND_H */
