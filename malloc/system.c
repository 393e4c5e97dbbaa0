/* SPDX-License-Identifier: MIT */
/*
 * system.c - maps memory, allocates descriptions, reads RSEQKIT_MALLOC, and ends the process; see system.h.
 *
 * This file makes system calls without the libc's functions, which a sanitizer's runtime interposes. The runtime allocates memory
 * before its own functions work.
 */
#define _GNU_SOURCE
#include "system.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SYSTEM_BLOCK ((size_t)256 * 1024) /* memory for descriptions is mapped in blocks of this many bytes */

void *(*system_fill)(void *at, int byte, size_t size) = memset;
void *(*system_copy)(void *restrict to, const void *restrict from, size_t size) = memcpy;

void system_look_up(void)
{
	void *fill = dlsym(RTLD_DEFAULT, "memset"), *copy = dlsym(RTLD_DEFAULT, "memcpy");

	if (fill != NULL)
		*(void **)&system_fill = fill;
	if (copy != NULL)
		*(void **)&system_copy = copy;
}

void *system_map(size_t size, size_t alignment, bool accessible)
{
	int access = accessible ? PROT_READ | PROT_WRITE : PROT_NONE;
	size_t more = alignment > PAGE ? alignment - PAGE : 0, before;
	long result;
	char *at;

	if (size == 0 || size + more < size)
		return NULL;
	result = rk_kernel_map_at(NULL, size + more, access, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (result < 0)
		return NULL;
	at = (char *)result;
	before = (size_t)-(uintptr_t)at % alignment;
	system_unmap(at, before);
	system_unmap(at + before + size, more - before);
	return at + before;
}

void system_unmap(void *address, size_t size)
{
	/* If the process has too many mappings, the kernel can't split a mapping. Then madvise() at least frees the memory. */
	if (size > 0 && RK_SYSCALL(SYS_munmap, address, size) < 0)
		(void)RK_SYSCALL(SYS_madvise, address, size, MADV_DONTNEED);
}

bool system_purge(void *address, size_t size)
{
	volatile char *first = address;

	*first = 1; /* a seccomp filter can make madvise() return 0 without effect */
	return RK_SYSCALL(SYS_madvise, address, size, MADV_DONTNEED) == 0 && *first == 0;
}

void system_allow(void *address, size_t size, bool accessible)
{
	(void)RK_SYSCALL(SYS_mprotect, address, size, accessible ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void *system_describe(size_t size)
{
	static char *next;
	static size_t left;
	void *description;

	size = (size + 63) / 64 * 64;
	if (left < size) {
		char *block = system_map(SYSTEM_BLOCK, PAGE, true);

		if (block == NULL)
			return NULL;
		next = block;
		left = SYSTEM_BLOCK;
	}
	description = next;
	next += size;
	left -= size;
	return description;
}

void system_die(const char *what, const void *pointer)
{
	char name[] = "librseqkit-malloc: ", digits[] = ": 0x0123456789abcdef\n";
	struct iovec text[] = {{name, sizeof(name) - 1}, {(void *)(uintptr_t)what, strlen(what)}, {digits, sizeof(digits) - 1}};

	for (int i = 0; i < 16; i++)
		digits[4 + i] = "0123456789abcdef"[(uintptr_t)pointer >> (60 - 4 * i) & 15];
	while (syscall(SYS_writev, STDERR_FILENO, text, 3) < 0 && errno == EINTR)
		; /* writev() would be a cancellation point */
	abort();
}

bool system_wants(enum wish wish)
{
	static uint8_t wishes; /* 0 until the libc is initialised and has set environ */
	uint8_t said = __atomic_load_n(&wishes, __ATOMIC_RELAXED);

	if (said == 0 && environ != NULL) {
		const char *options = secure_getenv("RSEQKIT_MALLOC");

		said = 1;
		if (options != NULL && strstr(options, "guard") != NULL)
			said |= GUARDS;
		if (options != NULL && strstr(options, "stats") != NULL)
			said |= STATS;
		__atomic_store_n(&wishes, said, __ATOMIC_RELAXED);
	}
	return (said & wish) != 0;
}

static struct stat stderr_at_start;

void system_keep_stderr(void)
{
	if (RK_SYSCALL(SYS_fstat, STDERR_FILENO, &stderr_at_start) < 0)
		stderr_at_start.st_ino = 0;
}

bool system_has_same_stderr(void)
{
	struct stat now;

	return stderr_at_start.st_ino != 0 && RK_SYSCALL(SYS_fstat, STDERR_FILENO, &now) == 0 && now.st_dev == stderr_at_start.st_dev &&
	       now.st_ino == stderr_at_start.st_ino;
}
