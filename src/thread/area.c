/* SPDX-License-Identifier: MIT */
/*
 * area.c - the thread block in static TLS (area.h), and the words by which inlined code finds a thread's area (struct rseq) and
 * knows its fields: rk_area_offset, rk_area_valid and rk_cid_limit.
 *
 * Headers declare the words const, so that compilers keep their values in registers. In this file the words are variables with
 * the same symbols, in writable memory.
 */
#define _GNU_SOURCE
#include "area.h"
#include <link.h>
#include "os/modules.h"
#include "os/thread_pointer.h"

/* The attributes of the declaration in area.h are repeated, because the compiler follows the last declaration. */
#define UNREGISTERED                                                                                                   \
	{                                                                                                              \
		.u.area.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED, .state.version = RK_THREAD_STATE_VERSION,          \
	}
__thread struct rk_thread_block rk_blocks[1 + RK_TLS_AT_POINTER]
	__attribute__((RK_BLOCK_MODEL __visibility__("hidden"))) = {
		UNREGISTERED,
#if RK_TLS_AT_POINTER
		UNREGISTERED,
#endif
};

_Static_assert(sizeof(struct rk_thread_block) == 64, "one cache line of static TLS");
_Static_assert(sizeof(struct rk_area) == RK_AREA_LENGTH_ORIGINAL, "the kernel's layout");
_Static_assert(offsetof(struct rk_area, cpu_id) == 4 && offsetof(struct rk_area, rseq_cs) == 8 &&
		       offsetof(struct rk_area, mm_cid) == 24,
	       "the kernel's layout, which the ports use by number");

#ifdef RK_ONE_FILE
#define area_offset rk_area_offset
#define area_valid rk_area_valid
#define cid_limit rk_cid_limit
#else
RKI_EXPORT ptrdiff_t area_offset __asm__("rk_area_offset");
RKI_EXPORT uint32_t area_valid __asm__("rk_area_valid");
RKI_EXPORT uint32_t cid_limit __asm__("rk_cid_limit");
#endif

ptrdiff_t area_offset;
uint32_t area_valid;
uint32_t cid_limit;
OWN_WORD(ptrdiff_t, area_offset, rk_area_offset);
OWN_WORD(uint32_t, area_valid, rk_area_valid);
OWN_WORD(uint32_t, cid_limit, rk_cid_limit);

#ifdef __GLIBC__
bool rk_block_is_static(void)
{
	return true; /* the dynamic linker refuses a module whose block can't be in static TLS */
}
#else
struct search {
	bool is_first, is_static;
};

/*
 * Looks for the module that has this code. The module's block is static in two cases: the module is the program itself,
 * which is reported first, or the module was loaded before any dlopen().
 */
static int find_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const char here;
	struct search *search = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD &&
		    (uintptr_t)&here - info->dlpi_addr - segment->p_vaddr < segment->p_memsz) {
			search->is_static = search->is_first || info->dlpi_adds == 0;
			return 1;
		}
	}
	search->is_first = false;
	return 0;
}

bool rk_block_is_static(void)
{
	struct search search = {.is_first = true};

	(void)rk_modules_each(find_module, &search);
	return search.is_static;
}
#endif

ptrdiff_t rk_block_offset(void)
{
	return (char *)&rk_block - rk_thread_pointer();
}

void rk_area_publish(ptrdiff_t offset, uint32_t valid)
{
	PUBLISH(area_valid, valid);
	PUBLISH(cid_limit, valid >= RK_FIELD_END_MM_CID ? 1U << 31 : 0);
	PUBLISH(area_offset, offset);
}
