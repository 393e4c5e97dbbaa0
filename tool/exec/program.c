/* SPDX-License-Identifier: MIT */
/* program.c - which file is run, and whether anything can be preloaded into its process, see program.h. */
#define _GNU_SOURCE
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "preload.h"

/* Scripts whose interpreters are scripts: the kernel follows as many. */
#define INTERPRETERS_MAX 5

int program_find(const char *name, char path[PATH_MAX])
{
	const char *list = getenv("PATH");
	int error = ENOENT;

	if (strchr(name, '/') != NULL) {
		if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
			return ENAMETOOLONG;
		return access(path, X_OK) == 0 ? 0 : errno;
	}
	if (list == NULL)
		list = "/bin:/usr/bin";
	for (;;) {
		size_t size = strcspn(list, ":");
		int length = snprintf(path, PATH_MAX, "%.*s%s%s", (int)size, list, size ? "/" : "", name);
		struct stat status;

		if (length < PATH_MAX && *name != '\0' && stat(path, &status) == 0) {
			if (S_ISREG(status.st_mode) && access(path, X_OK) == 0)
				return 0;
			error = EACCES;
		}
		if (list[size] == '\0')
			return error;
		list += size + 1;
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The base name of this program's dynamic linker, which tells the C library and the architecture. */
static int find_own_linker(struct dl_phdr_info *info, size_t size, void *result)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*(const char **)result = base_name((const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr));
	return 1; /* the program itself comes first */
}

/* The dynamic linker that an ELF file of this machine's kind asks for; an empty string if none. */
static bool read_linker(int fd, const ElfW(Ehdr) *header, char linker[PATH_MAX])
{
	linker[0] = '\0';
	for (int i = 0; i < header->e_phnum; i++) {
		off_t offset = (off_t)(header->e_phoff + (uint64_t)i * header->e_phentsize);
		ElfW(Phdr) segment;

		if (pread(fd, &segment, sizeof(segment), offset) != (ssize_t)sizeof(segment))
			return false;
		if (segment.p_type != PT_INTERP)
			continue;
		if (segment.p_filesz >= PATH_MAX ||
		    pread(fd, linker, segment.p_filesz, (off_t)segment.p_offset) != (ssize_t)segment.p_filesz)
			return false;
		linker[segment.p_filesz] = '\0';
	}
	return true;
}

/*
 * Would the kernel run this file with other rights than ours, and the dynamic linker so ignore LD_PRELOAD? That can be told
 * of files that can't be opened, too.
 */
static bool changes_rights(const char *path)
{
	struct stat status;
	struct statvfs system;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || stat(path, &status) != 0 ||
	    (statvfs(path, &system) == 0 && (system.f_flag & ST_NOSUID)))
		return false;
	return ((status.st_mode & S_ISUID) && status.st_uid != getuid()) ||
	       ((status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) && status.st_gid != getgid()) ||
	       (geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0);
}

static const char *rights_objection(const char *path)
{
	return changes_rights(path) ? "it runs with other rights (set-user-ID, set-group-ID or file capabilities)" : NULL;
}

/* Why nothing would be preloaded into the process of this ELF file; NULL if it would. */
static const char *elf_objection(const char *path, int fd, const ElfW(Ehdr) *header)
{
	char linker[PATH_MAX];
	const char *own = "";

	(void)dl_iterate_phdr(find_own_linker, &own);
	if (header->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
		return "it is of another architecture than " PRELOAD;
	if (!read_linker(fd, header, linker))
		return NULL; /* a broken file: the kernel says so */
	if (linker[0] == '\0')
		return "it is statically linked";
	if (strcmp(base_name(linker), own) != 0)
		return "it is of another C library or architecture than " PRELOAD;
	return rights_objection(path);
}

/* The interpreter that a script's first line names. Returns false if it names none. */
static bool read_interpreter(char *line, char path[PATH_MAX])
{
	line += strspn(line, " \t");
	line[strcspn(line, " \t\n")] = '\0';
	return *line != '\0' && snprintf(path, PATH_MAX, "%s", line) < PATH_MAX;
}

const char *program_objection(char path[PATH_MAX])
{
	for (int i = 0; i < INTERPRETERS_MAX; i++) {
		union {
			char text[256]; /* of a script, as much as the kernel looks at */
			ElfW(Ehdr) elf;
		} start = {{0}};
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		ssize_t size = fd < 0 ? 0 : pread(fd, &start, sizeof(start.text) - 1, 0);
		/* Of what can't be read nothing else can be told. A script's own rights are none. */
		const char *objection = fd < 0 ? rights_objection(path) : NULL;
		bool is_elf = size >= (ssize_t)sizeof(start.elf) && memcmp(start.elf.e_ident, ELFMAG, SELFMAG) == 0;

		if (is_elf)
			objection = elf_objection(path, fd, &start.elf);
		if (fd >= 0)
			close(fd);
		if (is_elf || objection != NULL)
			return objection;
		if (memcmp(start.text, "#!", 2) != 0 || !read_interpreter(start.text + 2, path))
			break;
	}
	path[0] = '\0';
	return NULL;
}
