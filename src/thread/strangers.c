/* SPDX-License-Identifier: MIT */
/* strangers.c - looks for components that register threads themselves, among the symbols that the loaded modules export. */
#define _GNU_SOURCE
#include "strangers.h"

#include <fcntl.h>
#include <string.h>
#include "area.h"
#include "callers.h"
#include "libc.h"
#include "os/module.h"
#include "os/modules.h"
#include "os/kernel.h"
#include "os/thread_pointer.h"

static int look_for_strangers(struct dl_phdr_info *info, size_t size, void *found)
{
	struct rk_module module;

	(void)size;
	if (!rk_module_open(&module, info))
		return 0;
	*(bool *)found = rk_module_find(&module, "rseq_register_current_thread") != NULL ||
			 rk_module_find(&module, "__rseq_abi") != NULL;
	return *(bool *)found;
}

static int look_for_callers(struct dl_phdr_info *info, size_t size, void *found)
{
	(void)size;
	*(bool *)found = rk_calls_rseq(info);
	return *(bool *)found;
}

bool rk_strangers_are_loaded(void)
{
	ptrdiff_t librseq;
	bool found = false;

	(void)rk_modules_each(look_for_strangers, &found);
	if (found)
		(void)rk_strangers_librseq(&librseq); /* for rk_strangers_librseq_now() */
	return found || rk_strangers_have_code();
}

bool rk_strangers_have_code(void)
{
	bool found = false;

	(void)rk_modules_each(look_for_callers, &found);
	return found;
}

struct librseq {
	struct dl_phdr_info module; /* the module that exports rseq_register_current_thread() */
	const ptrdiff_t *offset;
	const unsigned *size;
	bool found;
};

/*
 * Finds librseq's area (struct rseq) before librseq's own constructor has run, when librseq's variables aren't set yet. The
 * TLS of librseq's module is the area, if it has the size of one area, and the content that an area has before any
 * registration.
 */
static bool offset_of_block(const struct dl_phdr_info *info, ptrdiff_t *offset)
{
	static const struct rk_area initial = {.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED};

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type != PT_TLS || segment->p_memsz != sizeof(initial) ||
		    segment->p_filesz != sizeof(initial) || segment->p_align < RK_AREA_LENGTH_ORIGINAL ||
		    memcmp((const char *)info->dlpi_addr + segment->p_vaddr, &initial, sizeof(initial)) != 0 ||
		    info->dlpi_tls_data == NULL)
			continue;
		*offset = (char *)info->dlpi_tls_data - rk_thread_pointer();
		return true;
	}
	return false;
}

static const void *first_found(const void *found, const struct rk_module *module, const char *name)
{
	return found != NULL ? found : rk_module_address(module, rk_module_find(module, name));
}

/*
 * Visits the modules in look-up order, and takes the first definition of each variable. If the executable has the linker's copy
 * of a variable (a copy relocation), this copy comes first in look-up order, and is in use.
 */
static int look_for_librseq(struct dl_phdr_info *info, size_t size, void *result)
{
	struct librseq *librseq = result;
	struct rk_module module;

	(void)size;
	if (!rk_module_open(&module, info))
		return 0;
	librseq->offset = first_found(librseq->offset, &module, "rseq_offset");
	librseq->size = first_found(librseq->size, &module, "rseq_size");
	if (!librseq->found && rk_module_find(&module, "rseq_register_current_thread") != NULL) {
		librseq->found = true;
		librseq->module = *info;
	}
	return 0;
}

/* librseq's variables, as found by the decision; NULL if it didn't find them. */
static const ptrdiff_t *found_offset;
static const unsigned *found_size;

bool rk_strangers_librseq_now(ptrdiff_t *offset)
{
	const ptrdiff_t *at = __atomic_load_n(&found_offset, __ATOMIC_ACQUIRE);
	const unsigned *size = __atomic_load_n(&found_size, __ATOMIC_RELAXED);

	/* The module may have been unloaded. */
	if (at == NULL || size == NULL || !rk_kernel_can_read(at) || !rk_kernel_can_read(size) || *size == -1U)
		return false;
	*offset = *at;
	return *offset != 0;
}

enum rk_librseq rk_strangers_librseq(ptrdiff_t *offset)
{
	struct librseq librseq = {.found = false};

	(void)rk_modules_each(look_for_librseq, &librseq);
	if (!librseq.found)
		return RK_LIBRSEQ_ABSENT;
	__atomic_store_n(&found_size, librseq.size, __ATOMIC_RELAXED);
	__atomic_store_n(&found_offset, librseq.offset, __ATOMIC_RELEASE);
	*offset = 0;
	/* rseq_size is -1 before librseq is initialised, and 0 before librseq registers a thread. */
	if (librseq.offset != NULL && librseq.size != NULL && *librseq.size != -1U)
		*offset = *librseq.offset;
	else
		(void)offset_of_block(&librseq.module, offset);
	return *offset != 0 ? RK_LIBRSEQ_FOUND : RK_LIBRSEQ_HIDDEN;
}

/* Returns num_threads of proc(5), the 18th field after the program's name. The name can contain any character, even ')'. */
static long count_threads(const char *stat)
{
	const char *at = strrchr(stat, ')');
	long count = 0;

	for (int field = 0; at != NULL && field < 18; field++)
		at = strchr(at + 1, ' ');
	for (at = at != NULL ? at + 1 : ""; *at >= '0' && *at <= '9'; at++)
		count = count * 10 + (*at - '0');
	return count;
}

bool rk_strangers_may_have_run(void)
{
	char text[512] = {0};
	long fd, size;

	/* The libc doesn't set this variable again when threads end. */
	if (&__libc_single_threaded != NULL && !__libc_single_threaded)
		return true;
	fd = RK_SYSCALL(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : rk_kernel_read_at(fd, text, sizeof(text) - 1, 0);
	if (fd >= 0)
		(void)RK_SYSCALL(SYS_close, (int)fd);
	text[size > 0 ? size : 0] = '\0';
	return count_threads(text) != 1;
}
