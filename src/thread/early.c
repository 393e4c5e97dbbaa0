/* SPDX-License-Identifier: MIT */
/*
 * early.c - finds the symbols __rseq_abi and __rseq_refcount of an early adopter (early.h). This library never defines them.
 *
 * With glibc this file uses weak references to the symbols. In a shared library, weak references have a second effect. If an
 * executable that is linked to the library defines such a symbol, the linker exports the symbol, so the dynamic linker can find
 * the symbol. The dynamic linker of musl crashes on such a reference if the symbol doesn't exist, so on musl a constructor
 * looks the symbols up by name. It finds them only in modules that are loaded at start, whose TLS is at the same offset in all
 * threads.
 *
 * In a shared library with glibc, each reference goes through a TLS descriptor. The dynamic linker makes the descriptor a
 * constant offset only if the symbol is in static TLS. An initial-exec reference would do harm: if a component defined the
 * symbol in dynamic TLS, no module with a copy of this library could be loaded. In an executable, GNU ld resolves a reference
 * to a missing symbol to a wrong value, which embed.h recognises.
 *
 * If __rseq_refcount exists, this library adds 1 to this count when it registers a thread, and leaves the count raised for the
 * thread's life, as a libc would do. The adopter's last user therefore doesn't unregister the thread. An adopter without a
 * count, such as an allocator, finds our registration and uses it. This library never reads `cpu_id_start` in an adopter's
 * area, because some adopters keep a pointer of their own over this field. This library stores only to `rseq_cs` and, in
 * rk_vfork_begin() and rk_vfork_end(), to `cpu_id`.
 *
 * There may be no copy of this library that sees a symbol that the executable or a module loaded by dlopen() defines. If so,
 * the kernel refuses the component that registers second, and that component works without rseq. The test
 * tests/beside/coexist/test_mistakes.c shows three wrong ways to define the symbols.
 */
#define _GNU_SOURCE
#include "early.h"

#include <dlfcn.h>
#include "area.h"
#include "os/kernel.h"
#include "os/modules.h"
#include "os/thread_pointer.h"

/* A shared object is never linked statically; embed.h says why that matters. */
#if defined(__GLIBC__) && defined(RK_SHARED_OBJECT) && RK_TLS_DESCRIPTORS_IF_SHARED
#define RKE_TLS_DESCRIPTORS 1
#endif

/* embed.h has its own name for struct dl_phdr_info. */
struct rke_module;
static int iterate(int (*look)(struct rke_module *, size_t, void *), void *data)
{
	return rk_modules_each((int (*)(struct dl_phdr_info *, size_t, void *))(void (*)(void))look, data);
}
#define RKE_ITERATE iterate

/*
 * The code that looks the symbols up is in rseqkit/embed.h, so that users of that header find the same symbols as this
 * library.
 */
#include <rseqkit/embed.h>

/* embed.h includes no other header, so it repeats these values. */
#define SAME(theirs, ours) _Static_assert((int)(theirs) == (int)(ours), #theirs " is " #ours)
SAME(sizeof(struct rke_area), RK_AREA_LENGTH_ORIGINAL);
SAME(offsetof(struct rke_area, cpu_id), offsetof(struct rk_area, cpu_id));
SAME(offsetof(struct rke_area, mm_cid), offsetof(struct rk_area, mm_cid));
SAME(offsetof(struct rke_meeting, magic), offsetof(struct rk_rendezvous, magic));
SAME(offsetof(struct rke_meeting, version), offsetof(struct rk_rendezvous, version));
SAME(offsetof(struct rke_meeting, size), offsetof(struct rk_rendezvous, size));
SAME(offsetof(struct rke_meeting, kind), offsetof(struct rk_rendezvous, kind));
SAME(offsetof(struct rke_meeting, offset), offsetof(struct rk_rendezvous, offset));
SAME(offsetof(struct rke_meeting, length), offsetof(struct rk_rendezvous, length));
SAME(offsetof(struct rke_meeting, signature), offsetof(struct rk_rendezvous, signature));
SAME(RKE_MEETING_ADDRESS, RK_RENDEZVOUS_ADDRESS);
SAME(RKE_MEETING_BLOCK, RK_RENDEZVOUS_BLOCK);
SAME(RKE_MEETING_EARLY, RK_RENDEZVOUS_EARLY);
SAME(RKE_AREA_LENGTH, RK_AREA_LENGTH_ORIGINAL);
SAME(RKE_OWNER_NONE, RK_OWNER_NONE);
SAME(RKE_OWNER_LIBC, RK_OWNER_LIBC);
SAME(RKE_OWNER_SELF, RK_OWNER_SELF);
SAME(RKE_OWNER_EARLY, RK_OWNER_EARLY);
SAME(RKE_OWNER_FOREIGN, RK_OWNER_FOREIGN);
SAME(RKE_OWNER_LIBRSEQ, RK_OWNER_LIBRSEQ);
SAME(RKE_CPU_ID_BRACKET, RK_CPU_ID_BRACKET);
SAME(RKE_CPU_ID_REGISTRATION_FAILED, RK_CPU_ID_REGISTRATION_FAILED);
#if RK_SIGNATURE
SAME(RKE_SIGNATURE, RK_SIGNATURE);
#endif

#ifdef __GLIBC__
static ptrdiff_t area_symbol(void)
{
	return rke_offset_of_area();
}

static volatile uint32_t *count_symbol(void)
{
	return rke_early_users();
}

void rk_early_look_up(void) {}
#else
#pragma weak dlsym

static ptrdiff_t area_found, count_found; /* offsets from the thread pointer; 0 if there is no such symbol */

static ptrdiff_t offset_of(const char *name)
{
	char *object = dlsym(RTLD_DEFAULT, name);

	return object == NULL ? 0 : object - rk_thread_pointer();
}

void rk_early_look_up(void)
{
	if (dlsym == NULL || !rk_block_is_static())
		return;
	area_found = offset_of("__rseq_abi");
	count_found = offset_of("__rseq_refcount");
}

static ptrdiff_t area_symbol(void)
{
	return area_found;
}

static volatile uint32_t *count_symbol(void)
{
	return count_found == 0 ? NULL : (volatile uint32_t *)(rk_thread_pointer() + count_found);
}
#endif

bool rk_early_area(ptrdiff_t *offset)
{
	volatile struct rk_area *area;
	int32_t cpu;

	*offset = area_symbol();
	if (*offset == 0)
		return false;
	area = rk_area_at(*offset);
	if ((uintptr_t)area % RK_AREA_LENGTH_ORIGINAL != 0 || !rk_kernel_can_read((const void *)(uintptr_t)area) ||
	    !rke_begins_unregistered(*offset))
		return false;
	/*
	 * By the protocol cpu_id is negative in every thread at first. A value of 0 or more is accepted only if the kernel
	 * says that the thread is registered.
	 */
	cpu = (int32_t)area->cpu_id;
	return cpu < 0 || rk_kernel_registered_at(area, RK_AREA_LENGTH_ORIGINAL);
}

volatile uint32_t *rk_early_users(ptrdiff_t area)
{
	/* This copy can be in another namespace, and find another adopter than the one whose area the copies agreed on. */
	return area == 0 || area_symbol() != area ? NULL : count_symbol();
}
