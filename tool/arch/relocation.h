/* SPDX-License-Identifier: MIT */
/* relocation.h - one relocation, and the numbers from which a port (struct arch in insn.h) computes what it stores. */
#ifndef RK_TOOL_ARCH_RELOCATION_H
#define RK_TOOL_ARCH_RELOCATION_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct relocation {
	uint8_t *place;  /* the bytes that the relocation changes */
	uint64_t room;	 /* bytes from `place` to the end of its section */
	uint64_t at;	 /* the address of `place` in the image */
	uint64_t symbol; /* the address of the symbol */
	uint64_t slot;	 /* the address of the symbol's slot in the GOT */
	uint64_t thread; /* the symbol's distance from the thread pointer */
	int64_t addend;
	unsigned type;
};

/* Stores the low `size` bytes of the value, unless the section ends before. */
static inline void relocation_put(const struct relocation *relocation, uint64_t value, size_t size)
{
	if (relocation->room >= size)
		memcpy(relocation->place, &value, size);
}

#endif /* RK_TOOL_ARCH_RELOCATION_H */
