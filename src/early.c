/* SPDX-License-Identifier: MIT */
/*
 * early.c - finds the symbols of the public TLS protocol, which this library never defines.
 *
 * The references are weak. In a shared library that has one more effect that is wanted: it makes linkers export an
 * executable's own definition, so that it can be found at all.
 */
#include "early.h"

#include <elf.h>
#include <link.h>
#include "kernel.h"
#include "thread_pointer.h"

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

bool rk_early_area(ptrdiff_t *offset)
{
	volatile struct rk_area *area;
	int32_t cpu;

	*offset = offset_of(&__rseq_abi);
	if (is_undefined(*offset))
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
	ptrdiff_t offset = offset_of(&__rseq_refcount);

	return is_undefined(offset) ? NULL : (volatile uint32_t *)(rk_thread_pointer() + offset);
}
