/* SPDX-License-Identifier: MIT */
/*
 * next.c - the functions that the interposed functions call, and the recorder's own memory.
 *
 * To look up functions or start a thread, the C library can allocate memory. At that time the allocator can be unknown, or
 * unusable, for example in the child of a fork. Memory that a thread allocates inside the recorder therefore comes from this
 * file. The memory is never reused, because a process has only a few such blocks.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <string.h>

struct next next;

static bool is_found;
static char memory[1 << 17] __attribute__((__aligned__(64)));
static size_t used;

/* Stores the block's size in front of the block. */
void *own_memory(size_t size, size_t alignment)
{
	size_t before = __atomic_load_n(&used, __ATOMIC_RELAXED), begin;

	if (alignment < 16)
		alignment = 16;
	if (alignment > sizeof(memory))
		return NULL;
	do {
		begin = ((uintptr_t)memory + before + 15 + alignment) / alignment * alignment - (uintptr_t)memory;
		if (begin > sizeof(memory) || size > sizeof(memory) - begin)
			return NULL;
	} while (!__atomic_compare_exchange_n(&used, &before, begin + size, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	memcpy(memory + begin - sizeof(size), &size, sizeof(size));
	return memory + begin;
}

size_t own_memory_size(const void *address)
{
	size_t size;

	memcpy(&size, (const char *)address - sizeof(size), sizeof(size));
	return size;
}

bool is_own_memory(const void *address)
{
	return (uintptr_t)address - (uintptr_t)memory < sizeof(memory);
}

/*
 * Returns the function `name` that the recorder replaces. On x86-64 the C library has two versions of each function for
 * condition variables. dlvsym() finds the newer version, and dlsym() could find the older one.
 *
 * Both can call the allocator, and the recorder is the allocator. <dlfcn.h> declares that they never call back (leaf). Calls
 * through variables ignore this declaration.
 */
static void *next_of(const char *name)
{
	void *(*volatile by_version)(void *, const char *, const char *) = dlvsym;
	void *(*volatile by_name)(void *, const char *) = dlsym;
	void *found = strncmp(name, "pthread_cond_", 13) == 0 ? by_version(RTLD_NEXT, name, "GLIBC_2.3.2") : NULL;

	return found != NULL ? found : by_name(RTLD_NEXT, name);
}

static bool are_of_one_module(const void *a, const void *b)
{
	Dl_info of_a, of_b;

	return dladdr(a, &of_a) != 0 && dladdr(b, &of_b) != 0 && of_a.dli_fbase == of_b.dli_fbase;
}

static size_t unknown_size(void *block)
{
	(void)block;
	return 0;
}

/*
 * Is the program's function of this name the recorder's? In an executable at a fixed address, the address of an imported
 * function can be that of an entry in the executable. The symbol of such an entry has no section.
 */
static bool is_ours(const char *name)
{
	void *function = dlsym(RTLD_DEFAULT, name);
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;

	return are_of_one_module(function, &next) ||
	       (dladdr1(function, &info, (void **)&symbol, RTLD_DL_SYMENT) != 0 && symbol != NULL &&
		symbol->st_shndx == SHN_UNDEF);
}

/*
 * A program with its own allocator calls this allocator. But if the allocator lacks a function, a call of this function reaches
 * the recorder. Such a call can pass memory that the functions in `next` don't know. If an allocator has no function that
 * returns sizes, the recorder must not use another allocator's function.
 */
static void look_at_allocator(void)
{
	next.allocates = is_ours("malloc") && is_ours("free");
	if (!are_of_one_module((void *)(uintptr_t)next.free, (void *)(uintptr_t)next.usable_size))
		next.usable_size = unknown_size;
}

/*
 * Several threads can run this function at the same time, because all find the same functions. A function that isn't found is
 * no error.
 */
static void find(void)
{
	static const char *const names[] = {
		"pthread_mutex_lock", "pthread_mutex_unlock", "pthread_mutex_trylock", "pthread_mutex_timedlock",
		"pthread_mutex_clocklock", "pthread_cond_wait", "pthread_cond_timedwait", "pthread_cond_clockwait",
		"malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "memalign", "posix_memalign", "valloc",
		"pvalloc", "free", "malloc_usable_size", "pthread_create", "pthread_setname_np", "thrd_create", "_exit", "_Exit",
	};
	void *found;

	_Static_assert(sizeof(names) / sizeof(names[0]) * sizeof(found) == offsetof(struct next, allocates), "a name for each");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		found = next_of(names[i]);
		memcpy((char *)&next + i * sizeof(found), &found, sizeof(found));
	}
	look_at_allocator();
	(void)dlerror();
}

/* Looks the functions up, if this hasn't been done yet. Returns false if the calling thread is already looking them up. */
bool next_found(void)
{
	bool was_own = mine.is_own;

	if (RKI_LIKELY(__atomic_load_n(&is_found, __ATOMIC_ACQUIRE)))
		return true;
	if (was_own)
		return false;
	mine.is_own = true;
	find();
	mine.is_own = false;
	__atomic_store_n(&is_found, true, __ATOMIC_RELEASE);
	return true;
}
