/* SPDX-License-Identifier: MIT */
/*
 * reading.c - is preloaded into `rseqkit inspect`, which reads ELF files in a process of its own, the reader. This file acts when
 * the reader begins to read files.
 *
 * - READING=die: raises SIGBUS, as if a mapped file were truncated.
 * - READING=who: prints the user id with which the reader accesses files.
 * - READING=hang: prints the user id, and never ends.
 * - READING=spoil: fills the memory that the reader shares with the tool with one byte, and ends without an error.
 * - READING=room: prints the user id, and how many times the reader can map 256 MiB of address space, at most 64.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <unistd.h>

static int room(void)
{
	int count = 0;

	while (count < 64 && mmap(NULL, (size_t)256 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		count++;
	return count;
}

static _Noreturn void spoil(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	char line[4096], rights[5];

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) == 3 && strcmp(rights, "rw-s") == 0)
			memset((void *)start, 0x41, end - start);
	_exit(0);
}

Dwfl *dwfl_begin(const Dwfl_Callbacks *callbacks)
{
	Dwfl *(*next)(const Dwfl_Callbacks *) = (Dwfl * (*)(const Dwfl_Callbacks *))(uintptr_t)dlsym(RTLD_NEXT, "dwfl_begin");
	const char *reading = getenv("READING");

	if (reading != NULL && strcmp(reading, "die") == 0)
		raise(SIGBUS);
	if (reading != NULL && strcmp(reading, "spoil") == 0)
		spoil();
	fprintf(stderr, "reads as %d\n", setfsuid((uid_t)-1));
	if (reading != NULL && strcmp(reading, "room") == 0)
		fprintf(stderr, "has room for %d\n", room());
	while (reading != NULL && strcmp(reading, "hang") == 0)
		pause();
	return next(callbacks);
}
