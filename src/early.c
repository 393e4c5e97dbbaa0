/* SPDX-License-Identifier: MIT */
/*
 * early.c - finds the symbols of the public TLS protocol, which this library never defines.
 *
 * With glibc by weak references. In a shared library they have one more effect that is wanted: they make linkers
 * export an executable's own definition, so that it can be found at all. The dynamic linker of musl dies of such a
 * reference to a symbol that isn't there, so there the symbols are looked up by name: by a constructor, for modules
 * that are loaded at start, whose TLS is at one offset in all threads.
 */
#define _GNU_SOURCE
#include "early.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include "area.h"
#include "kernel.h"
#include "thread_pointer.h"

enum symbol { ABI, REFCOUNT };

#ifdef __GLIBC__
extern __thread struct rk_area __rseq_abi __attribute__((__weak__, __tls_model__("initial-exec")));
extern __thread uint32_t __rseq_refcount __attribute__((__weak__, __tls_model__("initial-exec")));

/*
 * A pointer's distance from the thread pointer; hidden from the compiler, which takes the address of an object for
 * not null.
 */
static ptrdiff_t offset_of(volatile void *object)
{
	__asm__("" : "+r"(object));
	return (char *)(uintptr_t)object - rk_thread_pointer();
}

/*
 * What a reference to a symbol that isn't there becomes. The dynamic linker makes it the thread pointer; so does lld
 * in executables. There GNU ld takes the undefined symbol's value for 0 and computes the offset of address 0 from the
 * end of the executable's TLS segment.
 */
static bool is_undefined(ptrdiff_t offset)
{
	const ElfW(Phdr) *header = (const ElfW(Phdr) *)rk_auxiliary(AT_PHDR);
	unsigned long count = rk_auxiliary(AT_PHNUM);

	if (offset == 0)
		return true;
	for (unsigned long i = 0; header != NULL && i < count; i++) {
		if (header[i].p_type == PT_TLS) {
			uintptr_t mask = header[i].p_align > 0 ? header[i].p_align - 1 : 0;
			uintptr_t size = (header[i].p_memsz + mask) & ~mask;

			if (offset == -(ptrdiff_t)(header[i].p_vaddr + size))
				return true;
		}
	}
	return false;
}

/* The symbol's offset from the thread pointer; false if there is no such symbol. */
static bool find(enum symbol symbol, ptrdiff_t *offset)
{
	*offset = symbol == ABI ? offset_of(&__rseq_abi) : offset_of(&__rseq_refcount);
	return !is_undefined(*offset);
}

void rk_early_look_up(void) {}
#else
#pragma weak dlsym

/* Offsets from the thread pointer; 0 if there is no such symbol. */
static ptrdiff_t offsets[2];

void rk_early_look_up(void)
{
	static const char *const names[] = {[ABI] = "__rseq_abi", [REFCOUNT] = "__rseq_refcount"};

	for (int i = 0; dlsym != NULL && rk_block_is_static() && i < 2; i++) {
		char *object = dlsym(RTLD_DEFAULT, names[i]);

		offsets[i] = object == NULL ? 0 : object - rk_thread_pointer();
	}
}

static bool find(enum symbol symbol, ptrdiff_t *offset)
{
	*offset = offsets[symbol];
	return *offset != 0;
}
#endif

bool rk_early_area(ptrdiff_t *offset)
{
	volatile struct rk_area *area;
	int32_t cpu;

	if (!find(ABI, offset))
		return false;
	area = rk_area_at(*offset);
	if ((uintptr_t)area % RK_AREA_LENGTH_ORIGINAL != 0 || !rk_kernel_can_read((const void *)(uintptr_t)area))
		return false;
	/* Initially -1 by the protocol; registered only if the kernel says so. */
	cpu = (int32_t)area->cpu_id;
	return cpu < 0 || rk_kernel_registered_at(area, RK_AREA_LENGTH_ORIGINAL);
}

volatile uint32_t *rk_early_users(void)
{
	ptrdiff_t offset;

	return find(REFCOUNT, &offset) ? (volatile uint32_t *)(rk_thread_pointer() + offset) : NULL;
}
