/* SPDX-License-Identifier: MIT */
/*
 * exec.c - `rseqkit exec`: runs a program with librseqkit-preload.so, so that all of its threads are registered.
 *
 * It becomes the program: no process stays behind, and nothing of the environment changes but LD_PRELOAD, and what
 * --full-size asks for. What the dynamic linker would ignore in silence, or fail on in the program's name, is said here
 * instead, before the program starts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <rseqkit/ktls.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/child.h"
#include "common/options.h"
#include "common/output.h"
#include "common/tunables.h"
#include "preload.h"
#include "program.h"
#include "registrant.h"
#include "tool.h"

#define SHELL "/bin/sh"

/* Of include/uapi/linux/prctl.h of kernel 7.0. */
#define PRCTL_RSEQ_SLICE_EXTENSION 79
#define PRCTL_RSEQ_SLICE_EXTENSION_SET 2

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
	"                   library starts, and vfork children; experimental. A kernel that can't is named,\n"
	"                   and ignored. GLIBC_TUNABLES and RSEQKIT_AREA tell both so\n"
	"  -s, --slice      a region of slice.h around whatever locks (pthread mutexes, spin locks) a\n"
	"                   thread holds, so that it isn't preempted meanwhile; with --full-size.\n"
	"                   A kernel that can't is named: it is as with --full-size alone\n"
	"  -w, --watch      the same without requests, to see by a report what they would be good for\n"
	"  -r, --report=FILE  with one of the two: at its end each process appends a line of JSON to\n"
	"                   FILE, which says how often threads were preempted while they held locks\n"
	"  -h, --help       this text\n"
	"\n"
	"A program that registers threads itself, by librseq, is run as it is; with -f, or where its\n"
	"registration would fail beside ours, it is refused.\n"
	"\n"
	"Exit status: the program's own; 126 if it can't be run, 127 if it isn't found; 2 wrong\n"
	"usage, or nothing can be preloaded into it (static, set-user-ID, another or older C library).\n";

/* Whose areas the program is to have. */
enum areas {
	AREAS_AS_IS, /* the C library's */
	AREAS_OWN,   /* those of this library, in full size */
	AREAS_KERNEL /* those that the kernel registers */
};

/* Could it register the threads of a program? Says why not. */
static bool kernel_registers(void)
{
	struct rk_ktls_layout layout = {.size = 0};
	int r = rk_ktls_query_kernel(&layout, sizeof(layout));

	if (r == -E2BIG)
		complain("the kernel's blob has %u bytes, aligned to %u, more than there is room for: run as without --ktls",
			 layout.size, layout.alignment);
	else if (r == -ENXIO)
		complain("this kernel can't register threads by itself, or has no room for that: run as without --ktls");
	else if (r == -ENOTSUP)
		complain("with this C library the kernel isn't asked to register threads: run as without --ktls");
	else if (r != 0)
		complain("a filter or an emulator keeps the kernel from being asked to register threads: run as without --ktls");
	return r == 0;
}

/*
 * Says so where the kernel has no slice extension, or has it off. To switch off what is off changes nothing: a kernel that
 * has it answers 0, or ENXIO in a thread that isn't registered. Source: the kernel's rseq_slice_extension_prctl().
 */
static void warn_of_slices(void)
{
	if (prctl(PRCTL_RSEQ_SLICE_EXTENSION, PRCTL_RSEQ_SLICE_EXTENSION_SET, 0, 0, 0) == 0 || errno == ENXIO)
		return;
	if (errno == EPERM || errno == ENOSYS || errno == EACCES)
		complain("a filter keeps prctl() from the slice extension: with --slice nothing is requested");
	else
		complain("this kernel has no slice extension, or has it off: with --slice nothing is requested");
}

/*
 * Tells the GNU C library to leave rseq alone, after whatever its variable says already, for the last word counts; and
 * this library's copies which areas to use instead. Once is enough: with many of them some versions run into trouble.
 */
static bool choose(enum areas areas)
{
	const char *before = getenv("GLIBC_TUNABLES");
	char *value = NULL;
	bool done = tunables_say_off(before) ||
		    (asprintf(&value, "%s%sglibc.pthread.rseq=0", before ? before : "", before && *before ? ":" : "") >= 0 &&
		     setenv("GLIBC_TUNABLES", value, 1) == 0);

	done = done && setenv("RSEQKIT_AREA", areas == AREAS_OWN ? "own" : "ktls", 1) == 0;
	if (!done)
		complain("out of memory");
	free(value);
	return done;
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
			complain("%s defines __rseq_abi, which all share: areas have the 32 bytes of that%s", where,
				 areas == AREAS_KERNEL ? ", and the kernel isn't asked to register them" : "");
		return true;
	}
	if (registrant == REGISTRANT_PRIVATE) {
		complain("%s registers threads itself, in areas that nobody else sees: in each thread one of us would "
			 "fail; run it without exec", where);
		return false;
	}
	if (areas == AREAS_AS_IS)
		complain("%s has librseq, which registers threads itself: exec leaves that to it, and adds nothing", where);
	else
		complain("%s has librseq, which registers threads itself: %s would give it nothing, and "
			 "take what the C library gives; run it without that",
			 where, areas == AREAS_OWN ? "--full-size (as --slice and --watch)" : "--ktls");
	return areas == AREAS_AS_IS;
}

/* Complains, and returns false, if the library wouldn't get into the program's process, or shouldn't. */
static bool can_preload(const char *program, char *const *arguments, enum areas areas, bool slices)
{
	const char *const libraries[] = {PRELOAD, slices ? PRELOAD_SLICES : NULL, NULL};
	char path[PATH_MAX];
	const char *objection;

	snprintf(path, sizeof(path), "%s", program);
	objection = program_objection(path, arguments, libraries);
	if (objection != NULL)
		complain("nothing can be preloaded into %s: %s", path, objection);
	return objection == NULL && (path[0] == '\0' || allows_registration(path, areas));
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
		complain("%.100s: %s", name, strerror(errno));
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
		complain("out of memory");
	return done;
}

/* What the program is to find in its environment. */
static bool set_up(enum areas areas, const struct slices *slices)
{
	return preload_add(PRELOAD) && (areas == AREAS_AS_IS || choose(areas)) &&
	       (!slices->wanted || (preload_add(PRELOAD_SLICES) && choose_slices(slices)));
}

/* Returns only if the shell can't be run, with the errno. */
static int run_by_shell(const char *path, char *const *arguments)
{
	size_t count = 0;
	const char **all;
	int error = ENOMEM;

	while (arguments[count] != NULL)
		count++;
	all = (const char **)calloc(count + 2, sizeof(*all));
	if (all != NULL) {
		all[0] = SHELL;
		all[1] = path; /* in the place of the program's name */
		memcpy(all + 2, arguments + 1, count * sizeof(*all));
		execv(SHELL, (char *const *)all);
		error = errno;
	}
	free(all);
	return error;
}

/* As execvp(), but each file is looked at before it is tried. */
static int run(char **arguments, enum areas areas, const struct slices *slices)
{
	struct program_search search;
	char path[PATH_MAX];
	int error;

	program_begin(&search, arguments[0]);
	while (program_next(&search, path)) {
		if (!can_preload(path, arguments, areas, slices->wanted) || !set_up(areas, slices))
			return EXIT_USAGE;
		execv(path, arguments);
		error = errno;
		if (error == ENOEXEC) { /* neither ELF nor script: a shell's commands, then */
			if (!can_preload(SHELL, NULL, areas, slices->wanted))
				return EXIT_USAGE;
			error = run_by_shell(path, arguments);
		}
		program_pass_over(&search, error);
	}
	complain("%s: %s", arguments[0], strerror(search.error));
	return search.error == ENOENT || search.error == ENOTDIR ? CHILD_NO_PROGRAM : CHILD_NO_EXEC;
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
			print_help_text(stdout, help);
			return EXIT_CLEAN;
		default:
			return option_misuse("exec");
		}
	}
	if (optind == argc) {
		complain("takes a program to run");
		return option_misuse("exec");
	}
	if (slices.requested && slices.watched) {
		complain("--slice and --watch don't go together");
		return option_misuse("exec");
	}
	slices.wanted = slices.requested || slices.watched;
	if (slices.requested)
		warn_of_slices();
	if (slices.report != NULL && !slices.wanted) {
		complain("--report goes with --slice or --watch");
		return option_misuse("exec");
	}
	return run(argv + optind,
		   ktls && kernel_registers()	     ? AREAS_KERNEL :
		   full_size || slices.wanted ? AREAS_OWN :
						AREAS_AS_IS,
		   &slices);
}
