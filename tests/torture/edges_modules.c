/* SPDX-License-Identifier: MIT */
/* edges_modules.c - the programs of edges.c that map, move, replace or load code while they are traced. */
#define _GNU_SOURCE
#include "edges.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LOADS = 20, MAPPED = 1 << 20, CODE = 100 << 10, FILLER = 0x11 };

/* Returns the offset of the code in the file. */
static long find_code(int fd)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return -1;
	for (int i = 0; i < header.e_phnum; i++)
		if (pread(fd, &segment, sizeof(segment), (off_t)header.e_phoff + i * (off_t)sizeof(segment)) ==
			    (ssize_t)sizeof(segment) &&
		    segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0)
			return (long)segment.p_offset;
	return -1;
}

/*
 * Maps one page of a library's code. After this page, makes data of the program with the same bytes as the file has after the
 * page. At another place, maps the same code and overwrites it. When a module is loaded, the tool must change neither the data
 * nor the overwritten code.
 */
int maps(void)
{
	int fd = open(arguments[0], O_RDONLY);
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const long offset = find_code(fd);
	unsigned char *data, *same, *changed;

	data = (unsigned char *)mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	changed = (unsigned char *)mmap(NULL, CODE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset);
	same = (unsigned char *)malloc(MAPPED);
	if (data == MAP_FAILED || changed == MAP_FAILED || same == NULL || offset < 0 || pread(fd, data, MAPPED, offset) < CODE)
		return 0;
	memset(changed, FILLER, CODE);
	memcpy(same, data, MAPPED);
	if (mprotect(changed, CODE, PROT_READ | PROT_EXEC) != 0 ||
	    mmap(data, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, offset) == MAP_FAILED ||
	    dlopen(arguments[1], RTLD_NOW) == NULL)
		return 0;
	for (size_t i = 0; i < CODE; i++)
		if (changed[i] != FILLER)
			return 0;
	return memcmp(data + page, same + page, MAPPED - page) == 0 && counts();
}

static int use(const char *path)
{
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int (*function)(void);
	int result;

	if (module == NULL)
		return 0;
	*(void **)&function = dlsym(module, "use");
	result = function != NULL && function() == 0;
	dlclose(module);
	return result;
}

/*
 * Loads two modules in turn at one address. Doesn't use a module when it is loaded for the first time. The breakpoints that the
 * tool has set in the module therefore stay until it is unloaded.
 */
int alternates(void)
{
	ElfW(Addr) last = 0;
	int same = 0;

	for (int i = 0; i < LOADS; i++) {
		void *module = dlopen(arguments[i % 2], RTLD_NOW | RTLD_LOCAL);
		struct link_map *map;

		if (module == NULL || dlinfo(module, RTLD_DI_LINKMAP, &map) != 0)
			return 0;
		same += map->l_addr == last;
		last = map->l_addr;
		dlclose(module);
		if (i > 1 && !use(arguments[i % 2]))
			return 0;
	}
	return same > 0 && counts();
}

static int copy(const char *from, int to)
{
	char *command = NULL;
	int done = asprintf(&command, "cat '%s' >/proc/%d/fd/%d", from, (int)getpid(), to) > 0 && system(command) == 0;

	free(command);
	return done;
}

/* The program uses a module, writes another module over it in the same file, and uses this other module. */
int replaces(void)
{
	int fd = open("replaced.so", O_RDWR | O_CREAT | O_CLOEXEC, 0755);

	return fd >= 0 && copy(arguments[0], fd) && use("./replaced.so") && copy(arguments[1], fd) && use("./replaced.so");
}

/* The program loads a module and deletes the module's file. Then the program loads another module, and uses the first one. */
int unlinks(void)
{
	int fd = open("unlinked.so", O_RDWR | O_CREAT | O_CLOEXEC, 0755);
	void *module;
	int (*function)(void);

	if (fd < 0 || !copy(arguments[0], fd))
		return 0;
	module = dlopen("./unlinked.so", RTLD_NOW | RTLD_LOCAL);
	if (module == NULL || unlink("unlinked.so") != 0 || dlopen(arguments[1], RTLD_NOW) == NULL)
		return 0;
	*(void **)&function = dlsym(module, "use");
	return function != NULL && function() == 0;
}

/* Replaces code of the program by a copy in anonymous memory, as programs that want huge pages do. Then loads a module. */
int moves(void)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)counts & ~(page - 1);
	char *copied = (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (copied == MAP_FAILED || !counts())
		return 0;
	memcpy(copied, (const void *)start, 2 * page);
	if (mprotect(copied, 2 * page, PROT_READ | PROT_EXEC) != 0 ||
	    mremap(copied, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start) == MAP_FAILED)
		return 0;
	return dlopen(arguments[0], RTLD_NOW) != NULL && counts();
}

/*
 * Maps the program's file anew, by one mapping from the file's beginning to the end of the code. Then the code begins some pages
 * after the mapping's beginning. A kernel with large pages makes such mappings, too. Counts until standard input ends.
 */
int widens(void)
{
	const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE), from = getauxval(AT_PHDR) & ~(page - 1);
	unsigned long start, end, to = 0;
	const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	FILE *file = fopen("/proc/self/maps", "re");
	char line[4096], byte;

	while (file != NULL && to == 0 && fgets(line, sizeof(line), file) != NULL && sscanf(line, "%lx-%lx", &start, &end) == 2)
		to = (uintptr_t)widens - start < end - start ? end : 0;
	if (to == 0 || mmap((void *)from, to - from, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		return 0;
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	printf("begun\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) != 0)
		count_some();
	return counts();
}

static void *load_late(void *argument)
{
	usleep(100000); /* the first thread ends meanwhile */
	exit(!use(arguments[0]));
	return argument;
}

/* A module is loaded after the first thread has ended. */
int loads_late(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, load_late, NULL) == 0)
		pthread_exit(NULL);
	return 0;
}
