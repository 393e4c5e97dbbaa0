/* SPDX-License-Identifier: MIT */
/*
 * hazards.c - shows each hazard that rseq has for components that share a process, in two halves. "without the cure": a naive
 * component, written in this directory, suffers harm. "with it": in the same situation a component that uses this library suffers
 * none. Each row of the table is one half: a command of this directory and its expected ending (naive.h).
 *
 *	hazards [--brief] WORLD...
 *
 * With --brief a row runs only in one world, the first of the given worlds that the row names. --brief also sets BRIEF=1 in the
 * environment, so that programs that run at full speed make fewer rounds.
 *
 * Worlds: the libc registers threads (libc); the libc's tunable is off and this library registers the libc's area (off); this
 * library registers an area of its own (own). Other tests show both halves of these hazards:
 *
 *	musl: a detached thread ends registered         tests/musl/run (naive.c), tests/unit/test_exit.c
 *	a filter that kills for rseq, late registration tests/unit/test_norseq.c: cases unprepared and prepared
 *	an adopter's last user unregisters our thread   tests/beside/coexist/test_adopter.c; mutant "adopter's count not raised"
 *	sections of inline functions of C++             groups
 */
#include "naive.h"
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/mman.h>

enum { LIBC = 1, OFF = 2, OWN = 4, ALL = 7 };
enum { ABORTED = 128 + SIGABRT, CRASHED = 128 + SIGSEGV, DEADLOCKED = 128 + SIGPROF };

#define WORDS_MAX 16
#define SECONDS_MAX 300 /* for one program, in case it hangs */

static const struct row {
	const char *name;
	int worlds;
	int ending;          /* enum ending, or 128 + the signal */
	const char *command; /* each % is replaced by the world's suffix of file names */
	int guarded;         /* if not 0: the ending on a kernel that kills for stores to the ids even in legacy mode */
} rows[] = {
	{"static TLS at a late dlopen: without the cure, a module with 128-aligned TLS is refused", OFF, UNLOADABLE,
	 "modules load ./naive-128.so", 0},
	{"static TLS at a late dlopen: with it, a copy with 64-aligned TLS is loaded", OWN, RIGHT,
	 "modules load ./a%.so", 0},
	{"two private areas in a thread: without the cure, the second is refused, another one in another thread", OFF,
	 REFUSED, "modules two ./naive-small.so ./naive-large.so", 0},
	{"two private areas in a thread: with it, two copies share one", OFF | OWN, RIGHT,
	 "modules two ./a%.so ./b%.so", 0},
	{"area in dynamic TLS: without the cure, the kernel writes into the heap after dlclose, or kills for the heap's "
	 "use", OFF, WRITTEN, "modules tls ./naive-large.so ./naive-small.so", CRASHED},
	{"area in dynamic TLS: with it, the area stays the thread's after dlclose", OFF | OWN, RIGHT,
	 "modules tls ./a%.so ./naive-small.so", 0},
	{"dlclose while rseq_cs points into the module: without the cure, SIGSEGV", ALL, CRASHED,
	 "modules sections ./naive-large.so", 0},
	{"dlclose while rseq_cs points into the module: with it, a module that holds a copy stays", ALL, RIGHT,
	 "modules sections ./a%.so", 0},
	{"dlclose of a module with inlined operations only: without the cure, SIGSEGV", LIBC | OFF, CRASHED,
	 "modules sections ./unloadable.so", 0},
	{"dlclose of a module with inlined operations only: with it, the constructor that they bring, it stays", LIBC | OFF,
	 RIGHT, "modules sections ./pinned.so", 0},
	{"dlclose of a module with inlined operations only: with it, pkg-config's -z nodelete, it stays", LIBC | OFF,
	 RIGHT, "modules sections ./nodelete.so", 0},

	{"foreign signature: without the cure, the first abort is SIGSEGV", OFF, CRASHED,
	 "modules signature ./naive-small.so", 0},
	{"foreign signature: with it, recognised, and nothing lost by the fallback", OFF, RIGHT,
	 "modules signature ./a.so", 0},
	{"zero-initialised foreign area: without the cure, adopted for all threads, it loses increments", OFF, LOST,
	 "modules zero", 0},
	{"zero-initialised foreign area: with it, never adopted, and nothing lost", OFF | OWN, RIGHT,
	 "modules zero ./a%.so", 0},

	/* In the following rows, except those at full speed, a signal arrives at every instruction. */
	{"mm_cid in an unregistered thread: without the cure, increments are lost", ALL, LOST, "interrupted% id-naive", 0},
	{"mm_cid in an unregistered thread: with it, the answer is that there is no rseq", ALL, RIGHT,
	 "interrupted% id-ours", 0},
	{"another component unregisters the area: without the cure, a component that asked once loses increments", ALL, LOST,
	 "interrupted% unregistered-naive", 0},
	{"another component unregisters the area: with it, nothing is lost, whichever instruction is interrupted", ALL, RIGHT,
	 "interrupted% unregistered-ours", 0},
	{"another component unregisters the area: with it, nothing is lost at full speed", ALL, RIGHT, "interrupted% toggled", 0},
	{"lock in an overflow path: without the cure, a handler on the same thread waits for ever", ALL, DEADLOCKED,
	 "interrupted% overflow-naive", 0},
	{"lock in an overflow path: with it, no instruction minds a handler", ALL, RIGHT, "interrupted% overflow-ours", 0},
	/* If the libc registers, no component registers lazily, so the following rows don't run in the world libc. */
	{"lazy registration in a handler: without the cure, by a lock, it waits for ever", OFF | OWN, DEADLOCKED,
	 "interrupted% lazy-locked", 0},
	{"lazy registration in a handler: without the cure, by taking EBUSY for a failure, abort", OFF | OWN, ABORTED,
	 "interrupted% lazy-strict", 0},
	{"lazy registration in a handler: with it, no instruction minds a handler", OFF | OWN, RIGHT,
	 "interrupted% lazy-ours", 0},

	{"vfork child on its parent's area: without the cure, the wrong CPU", ALL, WRONG, "children% cpu", 0},
	{"vfork child on its parent's area: with it, the bracket, the right one", ALL, RIGHT, "children% cpu cure", 0},
	{"vfork child on its parent's area: without the cure, increments are lost", ALL, LOST, "children% lost", 0},
	{"vfork child on its parent's area: with it, the bracket, none is", ALL, RIGHT, "children% lost cure", 0},
	{"vfork child registers the shared area: without the cure, in legacy mode, harmless unless the ids are guarded",
	 ALL, RIGHT, "children% register", CRASHED},
	{"vfork child registers the shared area: without the cure, in optimised mode, the parent dies", ALL, CRASHED,
	 "children% register-full", 0},
	{"vfork child registers the shared area: with it, the bracket, refused, and the parent goes on", ALL, RIGHT,
	 "children% register cure", 0},
	{"vfork child registers the shared area: with it, in optimised mode", ALL, RIGHT, "children% register-full cure",
	 0},
	{"mm_cid in memory that processes share: without the cure, increments are lost", ALL, LOST, "children% shared", 0},
	{"mm_cid in memory that processes share: with it, by CPU, none is", ALL, RIGHT, "children% shared cure", 0},

	{"symbol interposition: without the cure, a second copy, RTLD_LOCAL, overwrites the first one's words", OFF, WRONG,
	 "with-words ./second-words.so", 0},
	{"symbol interposition: with it, copies agree, whose words they bind to or not", OFF | OWN, RIGHT,
	 "with-ours% ./second%.so ./a%.so ./b%.so", 0},
	{"words set by a constructor: where nothing was copied, fine", OFF, RIGHT, "with-constant", 0},
	{"copy relocation of a naive library's words: there is one", OFF, RIGHT, "with-words-fixed copied", 0},
	{"words set by a constructor, with a copy relocation: without the cure, SIGSEGV", OFF, CRASHED,
	 "with-constant-fixed", 0},
	{"copy relocation of our words: there is one", OFF | OWN, RIGHT, "with-ours-fixed% copied", 0},
	{"words set by a constructor, with a copy relocation: with it, they arrive", OFF | OWN, RIGHT,
	 "with-ours-fixed% ./second%.so ./a%.so", 0},
};

static const struct world {
	const char *name, *suffix;
	int bit, registers;
} worlds[] = {{"libc", "", LIBC, 1}, {"off", "", OFF, 0}, {"own", "-own", OWN, 0}};

static const char *inherited; /* the value of GLIBC_TUNABLES that this program was started with */

/* Splits a command into words, and replaces each %. */
static void split(const char *command, const char *suffix, char *room, size_t size, char *words[WORDS_MAX])
{
	size_t at = 0;
	int count = 0;

	for (; *command != '\0' && at + strlen(suffix) + 1 < size; command++) {
		if (*command == '%')
			at += (size_t)snprintf(room + at, size - at, "%s", suffix);
		else
			room[at++] = *command;
	}
	room[at] = '\0';
	for (char *word = strtok(room, " "); word != NULL && count < WORDS_MAX - 1; word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
}

static _Noreturn void become(const struct world *world, const char *command, int out)
{
	char room[512], tunables[512], *words[WORDS_MAX];

	split(command, world->suffix, room, sizeof(room), words);
	snprintf(tunables, sizeof(tunables), "%s%sglibc.pthread.rseq=%d", inherited, *inherited != '\0' ? ":" : "",
		 world->registers);
	setenv("GLIBC_TUNABLES", tunables, 1);
	unsetenv("LD_PRELOAD");
	setpgid(0, 0);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execv(words[0], words);
	printf("%s: %s\n", words[0], strerror(errno));
	fflush(stdout);
	_exit(127);
}

/* Runs the command in a world. Returns its ending, as exit_status_of() does; its output goes to `out`. */
static int ending_of(const struct world *world, const char *command, int out)
{
	struct timespec limit = {.tv_sec = SECONDS_MAX};
	sigset_t chld;
	pid_t pid;
	int status;

	CHECK(ftruncate(out, 0) == 0 && lseek(out, 0, SEEK_SET) == 0);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &chld, NULL) == 0);
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_UNBLOCK, &chld, NULL);
		become(world, command, out);
	}
	if (sigtimedwait(&chld, NULL, &limit) < 0)
		dprintf(out, "longer than %d s\n", (int)limit.tv_sec);
	kill(-pid, SIGKILL); /* the program's descendants, and the program itself if it is late */
	status = exit_status_of(pid);
	sigtimedwait(&chld, NULL, &(struct timespec){0}); /* SIGCHLD of a late program */
	return status;
}

/* Returns the last line of a program's output. If `print` is set, also prints all lines, each after "# ". */
static const char *said(int out, bool print)
{
	static char text[8192], last[512];
	ssize_t size = pread(out, text, sizeof(text) - 1, 0);

	text[size > 0 ? size : 0] = '\0';
	last[0] = '\0';
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (print)
			printf("# %s\n", line);
		snprintf(last, sizeof(last), "%s", line);
	}
	return last;
}

/* Runs one row and prints the result as TAP. If the program reports that it can't run here, the row is skipped. */
static bool half(int number, const struct row *row, const struct world *world, int expected, int out)
{
	int ending = ending_of(world, row->command, out);
	bool right = ending == expected || ending == CANNOT;

	printf("%sok %d - %s: %s", right ? "" : "not ", number, world->name, row->name);
	if (ending == CANNOT)
		printf(" # SKIP %s", said(out, false));
	printf("\n");
	if (!right) {
		said(out, true);
		printf("# %s: ended with %d, expected %d\n", row->command, ending, expected);
	}
	fflush(stdout);
	return right;
}

/* Changes to this program's directory, which contains the programs and modules. */
static void go_home(void)
{
	char path[PATH_MAX] = "";

	CHECK(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	CHECK(chdir(dirname(path)) == 0);
}

static const struct world *world_of(const char *name)
{
	for (size_t w = 0; w < sizeof(worlds) / sizeof(worlds[0]); w++)
		if (strcmp(worlds[w].name, name) == 0)
			return &worlds[w];
	return NULL;
}

int main(int argc, char **argv)
{
	int out = memfd_create("out", MFD_CLOEXEC), number = 0, failed = 0, done = 0;
	bool brief = argc > 1 && strcmp(argv[1], "--brief") == 0;

	if (brief)
		CHECK(setenv("BRIEF", "1", 1) == 0);
	else
		CHECK(unsetenv("BRIEF") == 0);
	inherited = getenv("GLIBC_TUNABLES") != NULL ? getenv("GLIBC_TUNABLES") : "";
	CHECK(out >= 0);
	go_home();
	for (int w = 1 + brief; w < argc; w++) {
		const struct world *world = world_of(argv[w]);
		bool guarded;

		if (world == NULL)
			return USAGE;
		guarded = ending_of(world, "children% guarded", out) == CRASHED;
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			if ((rows[i].worlds & world->bit) && !(brief && (rows[i].worlds & done)))
				failed += !half(++number, &rows[i], world,
						guarded && rows[i].guarded ? rows[i].guarded : rows[i].ending, out);
		done |= world->bit;
	}
	printf("1..%d\n", number);
	return number == 0 || failed != 0;
}
