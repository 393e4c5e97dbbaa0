/* SPDX-License-Identifier: MIT */
/*
 * case.c - runs one case of the matrix of processes, which the script `matrix` makes. A case says how a copy of the library is
 * loaded, which other component is in the process, and where the copy is first used. After the first use all parts work under
 * load. The results go to standard output, and `matrix` judges them.
 *
 *	case [MODULE] [second=MODULE] [namespace] [global] [pause]
 *
 * Without a MODULE the copy is in the program, or in a module that is linked to the program. MATRIX_USE in the environment says
 * where the copy is first used: main, thread, constructor, handler or destructor.
 *
 * If another component is linked, MATRIX_OTHER says when this component enters: `before` the copy, `after` the copy, or as a
 * `worker`. A worker enters before the copy in every thread except the initial thread, and never enters in that thread.
 *
 * A part is the copy and code that uses it (part.h). Every thread opens brackets (rk_vfork_begin() to rk_vfork_end()), with each
 * copy in turn. In the bracket all parts work again, in this process and in a child. Inside the bracket, they register no thread,
 * and no add is lost.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../neighbours/neighbour.h"
#include "quiet.h"
#include "slowness.h"
#include "part.h"

enum { THREADS = 4, ADDS = 300000, BRACKETS = 8, PARTS_MAX = 2 };

/* Some variants of this program are linked without matrix_part or neighbour_calls. */
#if defined(MATRIX_PLAIN)
#pragma weak matrix_part
#endif
#if defined(MATRIX_NONE)
#pragma weak neighbour_calls
#endif
extern part_function matrix_part;

static const struct part *parts[PARTS_MAX];
static int nparts, wrong;
static int64_t expected[PARTS_MAX], handled[PARTS_MAX];
static const char *use, *other;
static int64_t adds_per_thread;
static pthread_key_t key;

#define EXPECT(condition)                                                                                              \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "case: line %d: %s\n", __LINE__, #condition);                                  \
			__atomic_store_n(&wrong, 1, __ATOMIC_RELAXED);                                                 \
		}                                                                                                      \
	} while (0)

static void add(int part, int64_t times)
{
	for (int64_t i = 0; i < times; i++)
		parts[part]->copy->add(parts[part]->counter, 1);
	__atomic_fetch_add(&expected[part], times, __ATOMIC_RELAXED);
}

static void use_all(int64_t times)
{
	for (int i = 0; i < nparts; i++)
		add(i, times);
}

static void on_signal(int signo)
{
	int saved = errno;

	(void)signo;
	for (int i = 0; i < nparts; i++) {
		bool counted = parts[i]->copy->reg() == 0;

		parts[i]->copy->add(parts[i]->counter, 1);
		__atomic_fetch_add(&handled[i], 1, __ATOMIC_RELAXED);
		if (counted)
			EXPECT(parts[i]->copy->unreg() == 0);
	}
	errno = saved;
}

/* The reports of the copies in a thread, after the copies and the other component have worked in it. */
struct found {
	enum rk_owner owner;
	enum rk_reason reason;
	bool other_is_fast;
};

/* Asks the kernel whether the calling thread is registered. */
static bool is_registered(void)
{
	return syscall(quiet_rseq(), (void *)-4096UL, 32, 0, RK_SIGNATURE) == -1 && errno == EINVAL;
}

/*
 * Components that know brackets register no thread in a bracket. Components that don't know brackets must not be called in a
 * bracket.
 */
static bool other_knows_brackets(void)
{
#if defined(MATRIX_EARLY) || defined(MATRIX_EMBEDDED)
	return other != NULL;
#else
	return false;
#endif
}

/* Lets all parts work inside a bracket: the thread's registration doesn't change, and no add is lost. */
static void take_turns(bool registered)
{
	EXPECT(is_registered() == registered);
	for (int i = 0; i < nparts; i++) {
		EXPECT(parts[i]->copy->prepare() != 0 && parts[i]->copy->reg() != 0);
		EXPECT(is_registered() == registered);
		add(i, 3);
		EXPECT(is_registered() == registered);
	}
	if (other_knows_brackets() && neighbour_calls()->enter() == 0)
		EXPECT(neighbour_calls()->leave());
	EXPECT(is_registered() == registered);
}

static bool child_takes_turns(void)
{
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		take_turns(false);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/*
 * rk_vfork_begin() undoes the thread's registration, and rk_vfork_end() restores it. A registration on an area that the library
 * can't use stays during the bracket.
 */
static void bracket(int number)
{
	const struct copy *opener = parts[number % nparts]->copy;
	bool before = is_registered(), inside = before && opener->area() == NULL;
	enum rk_owner owner = opener->owner();

	EXPECT(opener->vfork_begin() == 0);
	take_turns(inside);
	EXPECT(child_takes_turns());
	take_turns(inside);
	EXPECT(opener->vfork_end() == 0);
	EXPECT(is_registered() == before);
	for (int i = 0; i < nparts; i++)
		EXPECT(parts[i]->copy->owner() == owner);
}

static void enter_other(void)
{
	if (other != NULL)
		(void)neighbour_calls()->enter();
}

static void look(struct found *found)
{
	found->owner = parts[0]->copy->owner();
	found->reason = parts[0]->copy->reason();
	found->other_is_fast = other != NULL && neighbour_calls()->is_fast();
	for (int i = 1; i < nparts; i++) {
		EXPECT(parts[i]->copy->owner() == found->owner);
		EXPECT(parts[i]->copy->area() == parts[0]->copy->area());
	}
}

/*
 * Uses all parts for the first time in a thread, or in a handler if MATRIX_USE=handler. MATRIX_OTHER says whether the other
 * component enters before or after this use. Then opens the first bracket.
 */
static void live(struct found *found, bool worker)
{
	if (other != NULL && (strcmp(other, "before") == 0 || (worker && strcmp(other, "worker") == 0)))
		enter_other();
	if (strcmp(use, "handler") == 0)
		raise(SIGUSR1);
	else
		use_all(10);
	if (other != NULL && strcmp(other, "after") == 0)
		enter_other();
	EXPECT(other == NULL || !neighbour_calls()->is_fast() || neighbour_calls()->work());
	bracket(0);
	EXPECT(other == NULL || !neighbour_calls()->is_fast() || neighbour_calls()->work());
	look(found);
}

static void leave(void)
{
	for (int i = 0; i < nparts; i++)
		EXPECT(parts[i]->copy->users() == 0);
	EXPECT(other == NULL || !neighbour_calls()->is_fast() || neighbour_calls()->leave());
}

static void in_destructor(void *found)
{
	live(found, true);
	leave();
}

static void *run_destructor_case(void *found)
{
	pthread_setspecific(key, found);
	return NULL;
}

static void *run_thread(void *found)
{
	live(found, true);
	for (int64_t i = adds_per_thread; i > 0; i--) {
		bool counted = parts[0]->copy->reg() == 0;

		use_all(1);
		if (counted)
			EXPECT(parts[0]->copy->unreg() == 0);
		if (i % (adds_per_thread / BRACKETS + 1) == 0)
			bracket((int)(i / (adds_per_thread / BRACKETS + 1)));
	}
	leave();
	return NULL;
}

static void load_part(const char *module, bool in_namespace, bool global)
{
	part_function *function = matrix_part;
	void *handle;

	if (module != NULL) {
#ifdef __GLIBC__
		handle = in_namespace ? dlmopen(LM_ID_NEWLM, module, RTLD_NOW) :
#else
		(void)in_namespace;
		handle =
#endif
				      dlopen(module, RTLD_NOW | (global ? RTLD_GLOBAL : RTLD_LOCAL));
		if (handle == NULL) {
			fprintf(stderr, "case: %s\n", dlerror());
			exit(2);
		}
		*(void **)&function = dlsym(handle, "matrix_part");
	}
	if (function == NULL || function()->counter == NULL)
		exit(2);
	parts[nparts] = function();
	expected[nparts] = parts[nparts]->in_constructor;
	nparts++;
}

static void start_and_join(void *(*run)(void *), struct found found[THREADS])
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		EXPECT(pthread_create(&threads[i], NULL, run, &found[i]) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 1; i < THREADS; i++)
		EXPECT(found[i].owner == found[0].owner && found[i].reason == found[0].reason &&
		       found[i].other_is_fast == found[0].other_is_fast);
}

static void storm(long microseconds)
{
	struct itimerval interval = storm_interval(microseconds);

	setitimer(ITIMER_REAL, &interval, NULL);
}

static int ready[2], go_on[2];

static void *wait_to_be_seen(void *found)
{
	char byte = 0;

	live(found, true);
	if (write(ready[1], &byte, 1) != 1 || read(go_on[0], &byte, 1) != 1)
		wrong = 1;
	leave();
	return NULL;
}

/* Adds one thread and waits for a line on standard input, so that `rseqkit inspect` can look. */
static void pause_for_inspection(void)
{
	struct found found;
	pthread_t thread;
	char byte = 0;

	EXPECT(pipe(ready) == 0 && pipe(go_on) == 0);
	EXPECT(pthread_create(&thread, NULL, wait_to_be_seen, &found) == 0);
	EXPECT(read(ready[0], &byte, 1) == 1);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	(void)getchar();
	EXPECT(write(go_on[1], &byte, 1) == 1);
	pthread_join(thread, NULL);
}

static bool has(int argc, char **argv, const char *word)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const char *module = argc > 1 && argv[1][0] == '/' ? argv[1] : NULL;
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct found initial, threads[THREADS];
	bool exact = true;

	use = getenv("MATRIX_USE");
	other = getenv("MATRIX_OTHER");
	if (use == NULL)
		return 2;
	/* If the case is inspected, only the owners are judged, so a small load is enough. */
	adds_per_thread = (has(argc, argv, "pause") ? ADDS / 30 : ADDS) / SLOWNESS();
	load_part(module, has(argc, argv, "namespace"), has(argc, argv, "global"));
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "second=", 7) == 0)
			load_part(argv[i] + 7, false, false);
	pthread_key_create(&key, in_destructor);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGALRM, &action, NULL);

	if (strcmp(use, "main") == 0 || strcmp(use, "handler") == 0)
		live(&initial, false);
	start_and_join(strcmp(use, "destructor") == 0 ? run_destructor_case : run_thread, threads);
	if (strcmp(use, "main") != 0 && strcmp(use, "handler") != 0)
		live(&initial, false);
	storm(100);
	start_and_join(run_thread, threads);
	storm(0);
	look(&initial);
	if (has(argc, argv, "pause"))
		pause_for_inspection();
	leave();
	for (int i = 0; i < nparts; i++) {
		int64_t sum = parts[i]->copy->sum(parts[i]->counter);

		exact = exact && sum == expected[i] + handled[i];
		fprintf(stderr, "# part %d: %lld, expected %lld\n", i, (long long)sum,
			(long long)(expected[i] + handled[i]));
	}
	printf("initial %d %d %d threads %d %d %d exact %d right %d\n", (int)initial.owner, (int)initial.reason,
	       initial.other_is_fast, (int)threads[0].owner, (int)threads[0].reason, threads[0].other_is_fast, exact,
	       !wrong);
	return exact && !wrong ? 0 : 1;
}
