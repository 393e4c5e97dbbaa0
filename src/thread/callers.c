/* SPDX-License-Identifier: MIT */
/*
 * callers.c - finds code that makes the system call rseq; see callers.h.
 *
 * Names of symbols don't show all such code. A component can hide its symbols, and their names are then only in the file, if
 * the file isn't stripped. But the code itself is always in memory, and it contains the number of the system call. Code counts if
 * it has one of two forms:
 *
 *   - it loads the number as the first argument of a function, and soon calls the libc's syscall()
 *   - it loads the number as the number of a system call, and soon makes a system call
 *
 * Compilers also load the number into another register or a local variable, and copy it from there. This file follows such
 * copies. Most compilers make them without optimisation, gcc 12 also with it.
 *
 * The libc has the second form, because some libcs register threads. Modules with a libc are therefore left out. In a static
 * program, only the first form counts. Copies of this library, and users of embed.h, have neither form: they load the number's
 * complement (rk_sys_rseq() in kernel.h). A copy of an earlier version counts as a caller. That costs speed, because then this
 * library registers no thread, but no result is wrong.
 *
 * A component isn't found if it computes the number, or calls syscall() through a pointer. Other constants are rarely taken for
 * the number, because the call must follow, and the number must still be in the right register.
 *
 * A program can unmap or protect pages of a module's code, or truncate the file. This file asks the kernel whether a page can be
 * read before it reads the page. If another thread or process truncates the file between the two, the read ends the process by
 * SIGBUS.
 *
 * The functions of this file call no functions of the libc, except for system calls. They therefore run before the libc is
 * initialised, and another module's memcmp(), for example, isn't called.
 */
#define _GNU_SOURCE
#include "callers.h"

#include <stddef.h>
#include <stdint.h>
#include "os/kernel.h"
#include "os/module.h"

#if RK_READS_CODE
/* A module's code can be in one segment with its constants, between which AddressSanitizer allows no reads. */
#define READS_CODE __attribute__((__no_sanitize__("address")))

#define SLOTS_MAX 4 /* a module has a slot for calls, and may have another one for the function's address */

struct module {
	uintptr_t bias;
	const ElfW(Phdr) *segments;
	int count;
	bool is_static;     /* a program without a dynamic linker, which contains its libc */
	uintptr_t slots[SLOTS_MAX]; /* addresses where the dynamic linker stores the address of syscall() */
	int slot_count;
};

static bool is_name(const char *name, const char *other)
{
	while (*name != '\0' && *name == *other) {
		name++;
		other++;
	}
	return *name == *other;
}

/* Finds the slots of syscall() by the relocations that fill them. Most relocations of a large module have no symbol. */
static void find_slots(struct module *module, const struct rk_module *uses)
{
	for (int table = 1; table >= 0; table--) {
		const ElfW(Rela) *relocations = uses->relocations[table];
		size_t count = relocations == NULL ? 0 : uses->relocation_counts[table];

		for (size_t i = 0; i < count && module->slot_count < SLOTS_MAX; i++) {
			size_t symbol = (size_t)ELF64_R_SYM(relocations[i].r_info);

			if (symbol != 0 && is_name(uses->names + uses->symbols[symbol].st_name, "syscall"))
				module->slots[module->slot_count++] = module->bias + relocations[i].r_offset;
		}
	}
}

static bool is_slot(const struct module *module, uintptr_t address)
{
	for (int i = 0; i < module->slot_count; i++)
		if (module->slots[i] == address)
			return true;
	return false;
}

/* Returns whether the module has `size` bytes of code at this address. */
static bool has_code_at(const struct module *module, uintptr_t address, size_t size)
{
	for (int i = 0; i < module->count; i++) {
		const ElfW(Phdr) *segment = &module->segments[i];
		uintptr_t offset = address - module->bias - segment->p_vaddr;

		if (segment->p_type == PT_LOAD && (segment->p_flags & (PF_X | PF_R)) == (PF_X | PF_R) &&
		    segment->p_filesz >= size && offset <= segment->p_filesz - size)
			return true;
	}
	return false;
}

static bool can_read(uintptr_t address, size_t size)
{
	return rk_kernel_can_read((const void *)address) && rk_kernel_can_read((const void *)(address + size - sizeof(long)));
}

/*
 * Each machine has the constant STEP, the alignment of its instructions, and three functions. They are in arch/NAME_callers.h:
 *
 *   find_number()   returns the next place where an instruction can load the number, or `end`
 *   is_indirect()   returns whether the code at an address jumps through a slot of syscall(), as the linker's code for calls does
 *   makes_call()    returns whether an instruction loads the number at this place, and a later one before `end` makes the call
 */
#define NEAR_MAX 48  /* bytes from a number in the right register to the end of the call */
#define FAR_MAX 128  /* bytes from a number in any place to the end of the call */
#define BEFORE_MAX 8 /* bytes before the number that say where an instruction loads it, at most */
#define COPIES_MAX 4 /* the number of copies from one place to another that are followed */
#define BUDGET 5000  /* the number of instructions that are looked at after one number, at most */

static bool is_syscall(const struct module *module, uintptr_t target);

#include "arch/callers.h"

/* Returns whether a call to this address calls the libc's syscall(). */
static bool is_syscall(const struct module *module, uintptr_t target)
{
	return (module->is_static && target == (uintptr_t)&syscall) || is_indirect(module, target);
}

/* Returns whether the code from `at` to `end` makes the system call. The BEFORE_MAX bytes before `at` can be read, too. */
READS_CODE static bool has_call_between(const struct module *module, const unsigned char *at, const unsigned char *end)
{
	for (; end - at > 4; at += STEP) {
		at = find_number(at, end - 4);
		if (end - at > 4 && makes_call(module, at, end - at > FAR_MAX ? at + FAR_MAX : end))
			return true;
	}
	return false;
}

/* Returns the first place in this code where a number can be. */
static const unsigned char *first_place(uintptr_t start)
{
	return (const unsigned char *)((start + STEP - 1) / STEP * STEP) + BEFORE_MAX;
}

/* Searches page by page, and passes over pages that can't be read. A call can cross the end of a page. */
static bool has_call_in_pages(const struct module *module, uintptr_t start, uintptr_t end)
{
	const size_t size = rk_page_size();
	bool is_readable = rk_kernel_can_read((const void *)start), is_told = rk_kernel_tells_readable();

	for (uintptr_t page = start; page < end && is_told;) {
		uintptr_t next = (page / size + 1) * size, last = next < end ? next : end;
		bool next_is_readable = next < end && rk_kernel_reads((const void *)next);

		if (next_is_readable)
			last = end - next > FAR_MAX ? next + FAR_MAX : end;
		/* The search begins after BEFORE_MAX bytes. A number in these bytes is found with the page before. */
		if (is_readable && has_call_between(module, first_place(page), (const unsigned char *)last))
			return true;
		page = next;
		is_readable = next_is_readable;
	}
	return false;
}

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* since Linux 5.14 */
#endif

/*
 * The kernel maps all pages by one system call, which takes a small part of the time that a fault for each page would take. The
 * system call fails if a page can't be read.
 */
static bool has_call(const struct module *module, const ElfW(Phdr) *segment)
{
	uintptr_t start = module->bias + segment->p_vaddr, end = start + segment->p_filesz / STEP * STEP;
	uintptr_t first = start / rk_page_size() * rk_page_size();

	if (RK_SYSCALL(SYS_madvise, first, end - first, MADV_POPULATE_READ) != 0)
		return has_call_in_pages(module, start, end);
	return has_call_between(module, first_place(start), (const unsigned char *)end);
}

/*
 * Returns whether this is the module of the libc or of the dynamic linker. Each of them exports one of the two names. The
 * executable is neither of them, although a sanitizer's runtime inside the executable exports such a name. A static program
 * contains its libc, and has no dynamic linker (PT_INTERP).
 */
static bool is_libc(const struct dl_phdr_info *info, const struct rk_module *symbols)
{
	return (uintptr_t)info->dlpi_phdr != rk_auxiliary(AT_PHDR) && (rk_module_find(symbols, "__libc_start_main") != NULL ||
								       rk_module_find(symbols, "__tls_get_addr") != NULL);
}

bool rk_calls_rseq(const struct dl_phdr_info *info)
{
	struct module module = {.bias = info->dlpi_addr, .segments = info->dlpi_phdr, .count = info->dlpi_phnum};
	struct rk_module symbols;
	bool has_linker = false;

	if (rk_module_open(&symbols, info)) {
		if (is_libc(info, &symbols))
			return false;
		find_slots(&module, &symbols);
	}
	for (int i = 0; i < module.count; i++)
		has_linker = has_linker || module.segments[i].p_type == PT_INTERP;
	module.is_static = !has_linker && has_code_at(&module, (uintptr_t)&syscall, 1);
	for (int i = 0; i < module.count; i++) {
		const ElfW(Phdr) *segment = &module.segments[i];

		if (segment->p_type == PT_LOAD && (segment->p_flags & (PF_X | PF_R)) == (PF_X | PF_R) && has_call(&module, segment))
			return true;
	}
	return false;
}
#else
bool rk_calls_rseq(const struct dl_phdr_info *info)
{
	(void)info;
	return false; /* this library registers no threads on such machines */
}
#endif
