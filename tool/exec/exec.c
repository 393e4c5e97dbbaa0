/* SPDX-License-Identifier: MIT */
/*
 * exec.c - `rseqkit exec`: runs a program with librseqkit-preload.so, so that all of its threads are registered.
 *
 * The process of `rseqkit exec` itself executes the program, so there is no additional process. exec changes only LD_PRELOAD and
 * the environment variables that the options need. The dynamic linker can silently ignore a preloaded library, or end the
 * program because of this library. exec therefore checks for both cases before the program starts, and reports them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <rseqkit/ktls.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* The areas that the program gets. */
enum areas {
	AREAS_AS_IS, /* the C library's areas */
	AREAS_OWN,   /* librseqkit's own areas, of full size */
	AREAS_KERNEL /* areas that the kernel registers */
};

/* Can the kernel register the threads of a program? If not, prints why. */
static bool kernel_registers(void)
{
	struct rk_ktls_layout layout = {.size = 0};
	int r = rk_ktls_query_kernel(&layout, sizeof(layout));

	if (r == -E2BIG)
		complain("running without --ktls: the kernel needs %u bytes per thread, aligned to %u, and rseqkit reserves less",
			 layout.size, layout.alignment);
	else if (r == -ENXIO)
		complain("running without --ktls: this kernel can't register this program's threads itself");
	else if (r == -ENOTSUP)
		complain("running without --ktls: rseqkit doesn't use KTLS with this C library");
	else if (r != 0)
		complain("running without --ktls: a filter or an emulator refuses the request");
	return r == 0;
}

/*
 * Sets the environment so that glibc doesn't register threads, and librseqkit uses these areas. glibc uses the last of several
 * rseq tunables, so this function appends one to GLIBC_TUNABLES. If the last one already stops glibc, this function appends
 * nothing, because some versions of glibc fail with many tunables. A setting for which glibc would ignore all others is left out.
 */
static bool choose(enum areas areas)
{
	const char *given = getenv("GLIBC_TUNABLES");
	char *before = NULL, *value = NULL;
	/* Not strdup(): mimalloc exports one, which belongs to another malloc() if another allocator is preloaded, too. */
	bool done = asprintf(&before, "%s", given != NULL ? given : "") >= 0;

	if (done && tunables_remove_faults(before))
		complain("GLIBC_TUNABLES has a setting with two '=', for which some releases of glibc ignore all settings, so it is left out");
	done = done && (tunables_say_off(given, true) ||
			(asprintf(&value, "%s%sglibc.pthread.rseq=0", before, *before != '\0' ? ":" : "") >= 0 &&
			 setenv("GLIBC_TUNABLES", value, 1) == 0));
	done = done && setenv("RSEQKIT_AREA", areas == AREAS_OWN ? "own" : "ktls", 1) == 0;
	if (!done)
		complain("out of memory");
	free(value);
	free(before);
	return done;
}

/*
 * May librseqkit-preload.so be preloaded into this program, although the program may register threads itself? The preloaded
 * library uses the registrations of a librseq that it can see, and shares an exported __rseq_abi. Areas that the library can't
 * see would conflict with its own areas, because in each thread the kernel accepts only the first registration. If the C
 * library registers threads, no other component can.
 */
static bool allows_registration(const char *program, enum areas areas)
{
	struct rk_process_info process = {.libc_registers = 0};
	char where[PATH_MAX];
	enum registrant registrant;
	int own = rk_thread_prepare();

	(void)rk_process_query(&process, sizeof(process));
	/*
	 * In the program, librseqkit will register threads in the same way as in this process, because C library, environment
	 * and filters are the same.
	 */
	if (own == -ENOSYS || own == -EPERM || (process.libc_registers != 0 && areas == AREAS_AS_IS))
		return true;
	registrant = exec_find_registrant(program, where);
	if (registrant == REGISTRANT_NONE)
		return true;
	if (registrant == REGISTRANT_EARLY) {
		if (areas != AREAS_AS_IS)
			complain("%s defines __rseq_abi, which all components share, so areas have only its 32 bytes%s", where,
				 areas == AREAS_KERNEL ? ", and the kernel doesn't register threads itself" : "");
		return true;
	}
	if (registrant == REGISTRANT_PRIVATE) {
		complain("%s registers threads itself, in areas that rseqkit can't share, so in each thread one of the two would "
			 "fail. Run the program without exec.", where);
		return false;
	}
	if (areas == AREAS_AS_IS)
		complain("%s has librseq, which registers threads itself, so librseqkit-preload.so registers none", where);
	else
		complain("%s has librseq, which registers threads itself, so %s would only take the C library's registration "
			 "away. Run the program without that option.",
			 where, areas == AREAS_OWN ? "--full-size" : "--ktls");
	return areas == AREAS_AS_IS;
}

/* If the library can't or mustn't be preloaded into the program, prints why and returns false. */
static bool can_preload(const char *program, char *const *arguments, enum areas areas)
{
	const char *const libraries[] = {PRELOAD, NULL};
	char path[PATH_MAX];
	const char *objection;

	snprintf(path, sizeof(path), "%s", program);
	objection = program_objection(path, arguments, libraries);
	if (objection != NULL)
		complain("nothing can be preloaded into %s: %s", path, objection);
	return objection == NULL && (path[0] == '\0' || allows_registration(path, areas));
}

/* Sets the environment of the program. */
static bool set_up(enum areas areas)
{
	return preload_add(PRELOAD) && (areas == AREAS_AS_IS || choose(areas));
}

/* Executes the file by a shell, as execvp() does. Returns only if the shell can't be executed; the result is the errno. */
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
		all[1] = path; /* replaces the name of the program in `arguments` */
		memcpy(all + 2, arguments + 1, count * sizeof(*all));
		execv(SHELL, (char *const *)all);
		error = errno;
	}
	free(all);
	return error;
}

/* Like execvp(), but checks each file before executing the file. */
static int run(char **arguments, enum areas areas)
{
	struct program_search search;
	char path[PATH_MAX];
	int error;

	program_begin(&search, arguments[0]);
	while (program_next(&search, path)) {
		if (!can_preload(path, arguments, areas) || !set_up(areas))
			return EXIT_USAGE;
		execv(path, arguments);
		error = errno;
		if (error == ENOEXEC) { /* the file is neither ELF nor script, so a shell runs it */
			if (!can_preload(SHELL, NULL, areas))
				return EXIT_USAGE;
			error = run_by_shell(path, arguments);
		}
		program_pass_over(&search, error);
	}
	complain("%s: %s", arguments[0], strerror(search.error));
	return search.error == ENOENT || search.error == ENOTDIR ? CHILD_NO_PROGRAM : CHILD_NO_EXEC;
}

int cmd_exec(const struct command *command, int argc, char **argv)
{
	bool full_size = false, ktls = false;
	int option;

	/* The first argument that isn't an option is the program. All arguments after it are the program's. */
	while ((option = option_next(command, argc, argv)) != -1) {
		switch (option) {
		case 'f':
			full_size = true;
			break;
		case 'k':
			ktls = true;
			break;
		case 'h':
			return option_help(command);
		default:
			return option_misuse(command);
		}
	}
	if (optind == argc) {
		complain("no program given");
		return option_misuse(command);
	}
	return run(argv + optind, ktls && kernel_registers() ? AREAS_KERNEL : full_size ? AREAS_OWN : AREAS_AS_IS);
}
