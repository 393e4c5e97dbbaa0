/* SPDX-License-Identifier: MIT */
/*
 * exec.c - `rseqkit exec`: runs a program with librseqkit-preload.so, so that all of its threads are registered.
 *
 * It becomes the program: no process stays behind, and nothing of the environment changes but LD_PRELOAD, and what
 * --full-size asks for. What the dynamic linker would ignore in silence, or fail on in the program's name, is said here
 * instead, before the program starts.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <link.h>
#include <rseqkit/thread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/child.h"
#include "common/ktls.h"
#include "common/options.h"
#include "preload.h"
#include "registrant.h"
#include "tool.h"

/* Scripts whose interpreters are scripts: the kernel follows as many. */
#define INTERPRETERS_MAX 5

static const char help[] =
	"Usage: rseqkit exec [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
	"\n"
	"Runs a program with every thread registered for restartable sequences, also where\n"
	"the C library is told not to register (GLIBC_TUNABLES=glibc.pthread.rseq=0) or\n"
	"doesn't know how. The program's children inherit that.\n"
	"\n"
	"  -f, --full-size  registered with all that the kernel offers, in areas of ours instead of\n"
	"                   the C library's: GLIBC_TUNABLES and RSEQKIT_AREA tell both so\n"
	"  -k, --ktls       registered by the kernel itself, where it can (KTLS): also threads that no\n"
	"                   library starts, and vfork children; experimental. A kernel that can't: as\n"
	"                   without this option. GLIBC_TUNABLES and RSEQKIT_AREA tell both so\n"
	"  -s, --slice      a region of slice.h around whatever locks (pthread mutexes, spin locks) a\n"
	"                   thread holds, so that it isn't preempted meanwhile; with --full-size.\n"
	"                   A kernel that can't: as with --full-size alone\n"
	"  -w, --watch      the same without requests, to see by a report what they would be good for\n"
	"  -r, --report=FILE  with one of the two: at its end each process appends a line of JSON to\n"
	"                   FILE, which says how often threads were preempted while they held locks\n"
	"  -h, --help       this text\n"
	"\n"
	"A program that registers threads itself, by librseq, is run as it is; with -f, or where its\n"
	"registration would fail beside ours, it is refused.\n"
	"\n"
	"Exit status: the program's own; 126 if it can't be run, 127 if it isn't found; 2 wrong\n"
	"usage, or nothing can be preloaded into it (static, set-user-ID, another C library).\n";

/* Whose areas the program is to have. */
enum areas {
	AREAS_AS_IS, /* the C library's */
	AREAS_OWN,   /* those of this library, in full size */
	AREAS_KERNEL /* those that the kernel registers */
};

/* Has this kernel KTLS, and this C library memory that outlives its threads (rseqkit/ktls.h)? */
static bool kernel_registers(void)
{
#ifdef __GLIBC__
	struct rk_ktls_layout layout;

	return ask_for_ktls(&layout) == 0;
#else
	return false;
#endif
}

/*
 * Tells the GNU C library to leave rseq alone, after whatever its variable says already, for the last word counts; and
 * this library's copies which areas to use instead.
 */
static bool choose(enum areas areas)
{
	const char *before = getenv("GLIBC_TUNABLES");
	char *value = NULL;
	bool done = asprintf(&value, "%s%sglibc.pthread.rseq=0", before ? before : "", before && *before ? ":" : "") >= 0 &&
		    setenv("GLIBC_TUNABLES", value, 1) == 0 && setenv("RSEQKIT_AREA", areas == AREAS_OWN ? "own" : "ktls", 1) == 0;

	if (!done)
		complain("exec: out of memory");
	free(value);
	return done;
}

/*
 * Finds the file that execvp() will run, as it does: the first one of PATH that may be executed. Returns 0, or the
 * errno.
 */
static int find_program(const char *name, char path[PATH_MAX])
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

/* Would the kernel run this file with other rights than ours, and the dynamic linker so ignore LD_PRELOAD? */
static bool changes_rights(int fd)
{
	struct stat status;
	struct statvfs system;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || fstat(fd, &status) != 0 ||
	    (fstatvfs(fd, &system) == 0 && (system.f_flag & ST_NOSUID)))
		return false;
	return ((status.st_mode & S_ISUID) && status.st_uid != getuid()) ||
	       ((status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) && status.st_gid != getgid()) ||
	       (geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0);
}

/* Why nothing would be preloaded into the process of this ELF file; NULL if it would. */
static const char *elf_objection(int fd, const ElfW(Ehdr) *header)
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
	return changes_rights(fd) ? "it runs with other rights (set-user-ID, set-group-ID or file capabilities)" : NULL;
}

/* The interpreter that a script's first line names. Returns false if it names none. */
static bool read_interpreter(char *line, char path[PATH_MAX])
{
	line += strspn(line, " \t");
	line[strcspn(line, " \t\n")] = '\0';
	return *line != '\0' && snprintf(path, PATH_MAX, "%s", line) < PATH_MAX;
}

/*
 * Is it right to preload into a program that registers threads itself? The library steps back before a librseq that it
 * sees, and shares an exported __rseq_abi. What it can't see is refused by the kernel in each thread that we were first
 * in, and the other way round; unless the C library registers, for then nobody else does.
 */
static bool allows_registration(const char *program, enum areas areas)
{
	struct rk_process_info process = {.libc_registers = 0};
	char where[PATH_MAX];
	enum registrant registrant;
	int own = rk_thread_prepare();

	(void)rk_process_query(&process, sizeof(process));
	/* The program fares as this one: its C library is of the same kind, its environment and its filters are the same. */
	if (own == -ENOSYS || own == -EPERM || (process.libc_registers != 0 && areas == AREAS_AS_IS))
		return true;
	registrant = exec_find_registrant(program, where);
	if (registrant == REGISTRANT_NONE)
		return true;
	if (registrant == REGISTRANT_EARLY) {
		if (areas != AREAS_AS_IS)
			complain("exec: %s defines __rseq_abi, which all share: areas have the 32 bytes of that", where);
		return true;
	}
	if (registrant == REGISTRANT_PRIVATE) {
		complain("exec: %s registers threads itself, in areas that nobody else sees: in each thread one of us would "
			 "fail; run it without exec", where);
		return false;
	}
	if (areas == AREAS_AS_IS)
		complain("exec: %s has librseq, which registers threads itself: exec leaves that to it, and adds nothing", where);
	else
		complain("exec: %s has librseq, which registers threads itself: %s would give it nothing, and "
			 "take what the C library gives; run it without that",
			 where, areas == AREAS_OWN ? "--full-size (as --slice and --watch)" : "--ktls");
	return areas == AREAS_AS_IS;
}

/*
 * Complains, and returns false, if the library wouldn't get into the program's process, or shouldn't. What can't be
 * read can't be told, and what is neither ELF nor script is somebody else's to run; both go on.
 */
static bool can_preload(const char *program, enum areas areas)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", program);
	for (int i = 0; i < INTERPRETERS_MAX; i++) {
		union {
			char text[256]; /* of a script, as much as the kernel looks at */
			ElfW(Ehdr) elf;
		} start = {{0}};
		const char *objection = NULL;
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		ssize_t size = fd < 0 ? 0 : pread(fd, &start, sizeof(start.text) - 1, 0);

		bool is_elf = size >= (ssize_t)sizeof(start.elf) && memcmp(start.elf.e_ident, ELFMAG, SELFMAG) == 0;

		if (is_elf)
			objection = elf_objection(fd, &start.elf);
		if (fd >= 0)
			close(fd);
		if (objection != NULL) {
			complain("exec: nothing can be preloaded into %s: %s", path, objection);
			return false;
		}
		if (is_elf)
			return allows_registration(path, areas);
		if (memcmp(start.text, "#!", 2) != 0 || !read_interpreter(start.text + 2, path))
			break;
	}
	return true;
}

/* Regions around the program's locks: none, or with or without requests; and where to report. */
struct slices {
	bool wanted, requested, watched;
	const char *report;
};

/* The report's file from the root on, for the program may change its directory; made now, for later nobody is told. */
static bool make_report(const char *name, char path[PATH_MAX])
{
	char folder[PATH_MAX] = "";
	bool is_short = name[0] == '/' || getcwd(folder, sizeof(folder)) != NULL;
	int fd = -1;

	errno = is_short ? ENAMETOOLONG : errno;
	if (is_short && snprintf(path, PATH_MAX, "%s%s%s", folder, folder[0] ? "/" : "", name) < PATH_MAX)
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
	if (fd < 0) {
		complain("exec: %.100s: %s", name, strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static bool choose_slices(const struct slices *slices)
{
	char path[PATH_MAX];
	bool done = slices->watched ? setenv("RSEQKIT_SLICES", "watch", 1) == 0 : unsetenv("RSEQKIT_SLICES") == 0;

	if (slices->report != NULL && !make_report(slices->report, path))
		return false;
	done = done && (slices->report != NULL ? setenv("RSEQKIT_SLICES_REPORT", path, 1) == 0 :
						 unsetenv("RSEQKIT_SLICES_REPORT") == 0);
	if (!done)
		complain("exec: out of memory");
	return done;
}

static int run(char **arguments, enum areas areas, const struct slices *slices)
{
	char path[PATH_MAX];
	int error = find_program(arguments[0], path);

	if (error == 0) {
		if (!can_preload(path, areas) || !preload_add(PRELOAD) || (areas != AREAS_AS_IS && !choose(areas)))
			return EXIT_USAGE;
		if (slices->wanted && (!preload_add(PRELOAD_SLICES) || !choose_slices(slices)))
			return EXIT_USAGE;
		execvp(arguments[0], arguments);
		error = errno;
	}
	complain("exec: %s: %s", arguments[0], strerror(error));
	return error == ENOENT || error == ENOTDIR ? CHILD_NO_PROGRAM : CHILD_NO_EXEC;
}

int cmd_exec(int argc, char **argv)
{
	static const struct option options[] = {
		{"full-size", no_argument, NULL, 'f'},
		{"ktls", no_argument, NULL, 'k'},
		{"slice", no_argument, NULL, 's'},
		{"watch", no_argument, NULL, 'w'},
		{"report", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct slices slices = {.wanted = false};
	bool full_size = false, ktls = false;
	int option;

	/* The first argument that is no option is the program; what follows is the program's. */
	while ((option = getopt_long(argc, argv, "+fkswr:h", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			full_size = true;
			break;
		case 'k':
			ktls = true;
			break;
		case 's':
			slices.requested = true;
			break;
		case 'w':
			slices.watched = true;
			break;
		case 'r':
			slices.report = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_CLEAN;
		default:
			return option_misuse("exec");
		}
	}
	if (optind == argc) {
		complain("exec needs a program to run");
		return option_misuse("exec");
	}
	if (slices.requested && slices.watched) {
		complain("exec: --slice and --watch don't go together");
		return option_misuse("exec");
	}
	slices.wanted = slices.requested || slices.watched;
	if (slices.report != NULL && !slices.wanted) {
		complain("exec: --report goes with --slice or --watch");
		return option_misuse("exec");
	}
	return run(argv + optind,
		   ktls && kernel_registers()	     ? AREAS_KERNEL :
		   full_size || slices.wanted ? AREAS_OWN :
						AREAS_AS_IS,
		   &slices);
}
