/* SPDX-License-Identifier: MIT */
/* program.c - finds the file to execute, and checks whether libraries can be preloaded into its process, see program.h. */
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

#include "common/binary.h"
#include "common/self.h"
#include "preload.h"
#include "versions.h"

/* An interpreter can be a script itself. The kernel follows at most this many interpreters. */
#define INTERPRETERS_MAX 5

void program_begin(struct program_search *search, const char *name)
{
	const char *list = getenv("PATH");

	*search = (struct program_search){.name = name, .error = ENOENT};
	if (strchr(name, '/') != NULL)
		search->folders = "";
	else if (*name != '\0')
		search->folders = list != NULL ? list : "/bin:/usr/bin";
}

/* If the file can't be executed, returns false, and sets errno like execve(). */
static bool is_executable(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return false;
	errno = EACCES;
	return S_ISREG(status.st_mode) && self_may(path, X_OK);
}

bool program_next(struct program_search *search, char path[PATH_MAX])
{
	while (search->folders != NULL) {
		const char *folder = search->folders;
		size_t size = strcspn(folder, ":");
		bool fits = snprintf(path, PATH_MAX, "%.*s%s%s", (int)size, folder, size ? "/" : "", search->name) < PATH_MAX;

		search->folders = folder[size] != '\0' ? folder + size + 1 : NULL;
		if (fits && is_executable(path))
			return true;
		/* Skip a folder if its name and the program's name together are too long for a path. */
		if (fits || strchr(search->name, '/') != NULL)
			program_pass_over(search, fits ? errno : ENAMETOOLONG);
	}
	return false;
}

void program_pass_over(struct program_search *search, int error)
{
	switch (error) {
	case EACCES:
		search->error = EACCES;
		break;
	case ENOENT:
	case ENOTDIR:
	case ENODEV:
	case ESTALE:
	case ETIMEDOUT:
		search->error = search->error == EACCES ? EACCES : error;
		break;
	default:
		search->error = error;
		search->folders = NULL;
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int find_own_linker(struct dl_phdr_info *info, size_t size, void *result)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*(const char **)result = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return 1; /* the first object is the program itself */
}

/* Returns this program's dynamic linker, whose base name identifies the C library and the architecture. */
static const char *own_linker(void)
{
	static const char *own;

	if (own == NULL) {
		own = "";
		(void)dl_iterate_phdr(find_own_linker, &own);
	}
	return own;
}

static bool is_same_file(const char *path, const char *other)
{
	struct stat there, here;

	return stat(path, &there) == 0 && stat(other, &here) == 0 && there.st_dev == here.st_dev &&
	       there.st_ino == here.st_ino;
}

static bool is_own_soname(int64_t tag, const char *name, void *result)
{
	if (tag == DT_SONAME)
		*(bool *)result = strcmp(name, base_name(own_linker())) == 0;
	return tag != DT_SONAME;
}

/* Is the file this program's dynamic linker, a link to this linker, or a copy of it with another name? */
static bool is_own_linker(const char *path)
{
	bool found = strcmp(base_name(path), base_name(own_linker())) == 0 || is_same_file(path, own_linker());
	struct binary file;

	if (!found && binary_open(path, &file)) {
		binary_names(&file, is_own_soname, &found);
		binary_close(&file);
	}
	return found;
}

/*
 * The dynamic linker `linker` can belong to an older build of the same C library. Returns a message if that build lacks a
 * symbol version that the libraries need; otherwise NULL.
 */
static const char *age_objection(const char *linker, const char *const *libraries)
{
	static char objection[160];
	char library[PATH_MAX], version[64];

	for (; !is_same_file(linker, own_linker()) && *libraries != NULL; libraries++) {
		if (!preload_find(*libraries, library) ||
		    !exec_lacks_version(linker, library, version, sizeof(version)))
			continue;
		snprintf(objection, sizeof(objection), "it uses an older C library without %s, which %s needs", version,
			 *libraries);
		return objection;
	}
	return NULL;
}

/*
 * Reads the name of the dynamic linker that an ELF file requests. Stores an empty string if it requests none. Returns false if
 * the file is damaged.
 */
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
 * Would the kernel execute this file with other rights than this process has? If so, the dynamic linker ignores LD_PRELOAD. This
 * function doesn't open the file, so its answer is also right for files that this process can't open.
 */
static bool changes_rights(const char *path)
{
	struct stat status;
	struct statvfs system;

	if (stat(path, &status) != 0 || (statvfs(path, &system) == 0 && (system.f_flag & ST_NOSUID)))
		return false;
	if ((!(status.st_mode & S_ISUID) || status.st_uid == getuid()) &&
	    (!(status.st_mode & S_ISGID) || !(status.st_mode & S_IXGRP) || status.st_gid == getgid()) &&
	    (geteuid() == 0 || getxattr(path, "security.capability", NULL, 0) <= 0))
		return false;
	/* Call prctl() only for files with other rights, because a filter can kill a process that calls prctl(). */
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

/* Returns why the dynamic linker would ignore LD_PRELOAD in the process of this file; NULL if it would not. */
static const char *rights_objection(const char *path)
{
	if (changes_rights(path))
		return "it runs with other rights (set-user-ID, set-group-ID or file capabilities)";
	return getuid() != geteuid() || getgid() != getegid() ?
		       "the effective user or group of this process isn't the real one" : NULL;
}

/* The first bytes of a file. */
struct beginning {
	int fd; /* the file's descriptor; -1 if it can't be opened */
	bool is_elf;
	union {
		char text[256]; /* the beginning of a script. The kernel also reads 256 bytes */
		ElfW(Ehdr) elf;
	} is;
};

static void read_beginning(const char *path, struct beginning *beginning)
{
	ssize_t size = 0;

	*beginning = (struct beginning){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
	if (beginning->fd >= 0)
		size = pread(beginning->fd, &beginning->is, sizeof(beginning->is.text) - 1, 0);
	beginning->is_elf = size >= (ssize_t)sizeof(beginning->is.elf) &&
			    memcmp(beginning->is.elf.e_ident, ELFMAG, SELFMAG) == 0;
}

static void end_reading(const struct beginning *beginning)
{
	if (beginning->fd >= 0)
		close(beginning->fd);
}

static const char is_static[] = "it is statically linked";
static const unsigned char own_class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
static const unsigned char own_order = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? ELFDATA2MSB : ELFDATA2LSB;

/*
 * Returns why an ELF file of this kind can't have preloaded libraries; NULL if it can. The file's dynamic linker must be of the
 * same C library and architecture as this program's. Stores the path of the file's dynamic linker in `linker`.
 */
static const char *kind_objection(const struct beginning *beginning, char linker[PATH_MAX])
{
	linker[0] = '\0';
	if (beginning->is.elf.e_ident[EI_CLASS] != own_class || beginning->is.elf.e_ident[EI_DATA] != own_order)
		return "it is for another architecture than " PRELOAD;
	if (!read_linker(beginning->fd, &beginning->is.elf, linker))
		return NULL; /* the file is damaged, so the kernel will refuse to execute it */
	if (linker[0] == '\0')
		return is_static;
	return is_own_linker(linker) ? NULL : "it uses another C library or architecture than " PRELOAD;
}

/* Returns the program that the dynamic linker's arguments name; NULL if they name no program. */
static const char *named_to_linker(char *const *arguments)
{
	static const char *const with_value[] = {"--library-path", "--inhibit-rpath", "--audit", "--preload", "--argv0",
						 "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask"};

	if (arguments == NULL)
		return NULL;
	while (*++arguments != NULL && strncmp(*arguments, "--", 2) == 0) {
		const char *option = *arguments;

		if (strcmp(option, "--") == 0)
			return arguments[1];
		for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i++)
			if (strcmp(option, with_value[i]) == 0 && arguments[1] != NULL)
				arguments++;
	}
	return *arguments;
}

/*
 * `path` is a dynamic linker that is executed directly, which also obeys LD_PRELOAD. This function checks the program that the
 * linker's arguments name. It doesn't check the program's rights, because the linker gives no program other rights. It doesn't
 * check a name without a slash, because the linker searches for such a name among libraries.
 */
static const char *objection_by_linker(char path[PATH_MAX], char *const *arguments, const char *const *libraries)
{
	const char *program = named_to_linker(arguments), *objection = age_objection(path, libraries);
	struct beginning beginning;
	char linker[PATH_MAX];
	bool known = program != NULL && strchr(program, '/') != NULL && strlen(program) < PATH_MAX && !is_own_linker(program);

	if (objection != NULL)
		return objection;
	path[0] = '\0';
	if (!known)
		return NULL;
	read_beginning(program, &beginning);
	if (beginning.is_elf) {
		strcpy(path, program);
		objection = kind_objection(&beginning, linker);
	}
	end_reading(&beginning);
	return objection;
}

/* Returns why the libraries can't be preloaded into the process of this ELF file; NULL if they can. */
static const char *elf_objection(char path[PATH_MAX], const struct beginning *beginning, char *const *arguments,
				 const char *const *libraries)
{
	char linker[PATH_MAX];
	const char *objection = kind_objection(beginning, linker), *rights;

	if (objection != NULL && (objection != is_static || !is_own_linker(path)))
		return objection;
	rights = rights_objection(path);
	if (rights != NULL)
		return rights;
	if (objection != NULL)
		return objection_by_linker(path, arguments, libraries);
	return linker[0] != '\0' ? age_objection(linker, libraries) : NULL;
}

/* Reads the interpreter from a script's first line. Returns false if the line names none. */
static bool read_interpreter(char *line, char path[PATH_MAX])
{
	line += strspn(line, " \t");
	line[strcspn(line, " \t\n")] = '\0';
	return *line != '\0' && snprintf(path, PATH_MAX, "%s", line) < PATH_MAX;
}

const char *program_objection(char path[PATH_MAX], char *const *arguments, const char *const *libraries)
{
	/*
	 * The first round checks the program, and the following rounds its interpreters. For an interpreter `arguments` is NULL,
	 * because an interpreter gets other arguments.
	 */
	for (int i = 0; i <= INTERPRETERS_MAX; i++, arguments = NULL) {
		const char *objection = NULL;
		struct beginning beginning;

		read_beginning(path, &beginning);
		if (beginning.is_elf)
			objection = elf_objection(path, &beginning, arguments, libraries);
		else if (beginning.fd < 0 && self_may(path, F_OK))
			objection = rights_objection(path); /* nothing else can be checked in a file that can't be opened */
		end_reading(&beginning);
		if (beginning.is_elf || objection != NULL)
			return objection;
		if (memcmp(beginning.is.text, "#!", 2) != 0 || !read_interpreter(beginning.is.text + 2, path))
			break;
	}
	path[0] = '\0';
	return NULL;
}
