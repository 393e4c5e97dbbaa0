/* SPDX-License-Identifier: MIT */
/*
 * start.c - the starts of threads: registers every thread before its start routine. pthread_create() and thrd_create() are
 * interposed. Where the libc registers threads, both pass the call on unchanged.
 *
 *   - librseqkit-preload.so and librseqkit-malloc.so have this file. They register every thread of programs that know
 *     nothing of this library.
 *   - librseqkit.so has it only where the libc has no area (<sys/rseq.h>): with an older glibc and with musl. A glibc that
 *     has one registers each thread that a registered thread creates. So there a program's calls are left alone even with
 *     RSEQKIT_AREA=own.
 *   - librseqkit.a has it with musl, where threads' ends have to be watched (exit.h). With glibc it doesn't: a static
 *     program has no next pthread_create() to look up.
 *
 * Both names are exported without a version. Other libraries, like the one with std::thread, wouldn't see a definition
 * under a version of ours.
 *
 * The invariant: a program sees nothing but the registration. The preloaded object exports nothing else but room (ktls.h)
 * or, for a libc that lacks them, the libc's names for the area (preload_symbols.c). So a copy of the library that the
 * program brings itself keeps its own symbols, in any version. The copies agree on the area without knowing of each other.
 * This file allocates nothing on the program's heap. A malloc() before the start routine, or a free() in it, would give
 * every thread a heap arena, and the thread may never have asked for one.
 *
 * Some threads are out of reach:
 *   - threads of modules for which the libc comes first in look-up order, of modules with RTLD_DEEPBIND, and of other
 *     namespaces;
 *   - the libc's own helper threads;
 *   - threads of programs that link librseqkit.a with glibc.
 *
 * Their first operation registers them. If there are signs of strangers, they are never registered.
 *
 * The preloaded objects keep out of glibc's area while its tunable is off. Once a creator is registered there, glibc
 * registers the new thread. If that is refused, for example by a filter, glibc ends the process. Without us such a program
 * runs. Other ways don't work:
 *
 *   unregister around pthread_create()          the filter that refuses the one call refuses the other
 *   write -1 to the area meanwhile              the kernel writes the CPU there again at the next preemption
 *   create from a thread without a filter       the new thread would have none either
 *   own areas for all copies                    the archive has no part in threads' starts, and strangers that can't cope with
 *                                               a refusal after a success rely on glibc to register these
 */
#define _GNU_SOURCE
#include <rseqkit/thread.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <threads.h>
#include "exit.h"
#include "process.h"

#define EXPORTED __attribute__((__visibility__("default")))

typedef int create_posix(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
typedef int create_c11(thrd_t *, thrd_start_t, void *);

/*
 * The start routine and argument of a new thread, on their way to it. A slot is taken before the thread's creation and
 * released in the thread's first instructions, so few slots are taken at a time. If another thread forks meanwhile, such
 * slots stay taken in the child.
 */
struct slot {
	union {
		void *(*posix)(void *);
		thrd_start_t c11;
	} routine;
	void *argument;
	bool taken;
};

struct chunk {
	struct chunk *next; /* only ever appended */
	struct slot slots[64];
};

static struct chunk first_chunk;

static create_posix *next_posix;
static create_c11 *next_c11;

/* Returns the chunk after this one, and makes it if there is none. NULL without memory. Keeps errno. */
static struct chunk *following(struct chunk *chunk)
{
	struct chunk *next = __atomic_load_n(&chunk->next, __ATOMIC_ACQUIRE), *made;
	int saved = errno;

	if (next != NULL)
		return next;
	made = mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	errno = saved;
	if (made == MAP_FAILED)
		return NULL;
	if (__atomic_compare_exchange_n(&chunk->next, &next, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	(void)munmap(made, sizeof(*made));
	errno = saved;
	return next;
}

static struct slot *take_start(void *argument)
{
	for (struct chunk *chunk = &first_chunk; chunk != NULL; chunk = following(chunk)) {
		for (size_t i = 0; i < sizeof(chunk->slots) / sizeof(chunk->slots[0]); i++) {
			struct slot *slot = &chunk->slots[i];

			if (__atomic_load_n(&slot->taken, __ATOMIC_RELAXED) ||
			    __atomic_exchange_n(&slot->taken, true, __ATOMIC_ACQUIRE))
				continue;
			slot->argument = argument;
			return slot;
		}
	}
	return NULL;
}

static void release_start(struct slot *slot)
{
	__atomic_store_n(&slot->taken, false, __ATOMIC_RELEASE);
}

/*
 * The first instructions of a thread. None of them is a cancellation point. Only the thread itself can turn on asynchronous
 * cancellation, which it can do only later. So the slot is always released.
 */
static struct slot arrive(void *argument)
{
	struct slot copy = *(struct slot *)argument;

	release_start(argument);
	rk_exit_watch();
	(void)rk_thread_prepare();
	return copy;
}

static void *start_posix(void *argument)
{
	struct slot slot = arrive(argument);

	return slot.routine.posix(slot.argument);
}

static int start_c11(void *argument)
{
	struct slot slot = arrive(argument);

	return slot.routine.c11(slot.argument);
}

#ifdef __GLIBC__
static create_posix *const in_this_program = NULL;
#else
/*
 * In a static program of musl there is no next pthread_create() to look up. There pthread_create() is an alias of this
 * symbol, in the object that pthread_exit() brings in. In libc.so the symbol is hidden.
 */
extern create_posix __pthread_create __attribute__((__weak__));
static void (*volatile const bring_in)(void *) __attribute__((__used__)) = pthread_exit;
#define in_this_program __pthread_create
#endif

/* To musl, a module that was loaded late has no next module. The global definition is then another module's, or the libc's. */
static void *next_of(const char *name)
{
	void *next = dlsym(RTLD_NEXT, name);

	return next != NULL ? next : dlsym(RTLD_DEFAULT, name);
}

/* Looks up the libc's functions. Runs before main(), or at the first call by a constructor that runs before this one. */
__attribute__((__constructor__)) static void find_next(void)
{
	bool is_static = in_this_program != NULL;
	void *posix = is_static ? (void *)(uintptr_t)in_this_program : next_of("pthread_create");
	void *c11 = is_static ? NULL : next_of("thrd_create");

	__atomic_store_n(&next_posix, (create_posix *)(uintptr_t)posix, __ATOMIC_RELAXED);
	__atomic_store_n(&next_c11, (create_c11 *)(uintptr_t)c11, __ATOMIC_RELAXED);
}

/*
 * Returns whether a creation is passed on unchanged. A libc that registers threads registers those with a registered
 * creator. A kernel that registers threads registers all.
 */
static bool starts_are_left_alone(void)
{
#ifdef __SANITIZE_THREAD__
	return true; /* its runtime starts a thread after us, and code that it instruments can't run before that */
#elif defined(RK_PRELOADED) || RK_EXIT_MATTERS
	enum rk_owner owner = rk_thread_owner();

	return owner == RK_OWNER_LIBC || owner == RK_OWNER_KERNEL;
#else
	return rk_process_get()->where != RK_WHERE_OWN;
#endif
}

/* Returns the libc's pthread_create(), after the preparations for the first thread. */
static create_posix *ready_to_start(void)
{
	create_posix *next = __atomic_load_n(&next_posix, __ATOMIC_RELAXED);

	if (next == NULL) {
		find_next();
		next = next_posix;
	}
	rk_exit_prepare();
	return next;
}

EXPORTED int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
			    void *(*routine)(void *), void *restrict argument)
{
	create_posix *next = ready_to_start();
	struct slot *slot;
	int r;

	if (starts_are_left_alone())
		return next(thread, attributes, routine, argument);
	slot = take_start(argument);
	if (slot == NULL)
		return EAGAIN;
	slot->routine.posix = routine;
	r = next(thread, attributes, start_posix, slot);
	if (r != 0)
		release_start(slot);
	return r;
}

#ifdef __GLIBC__
/* Never needed: there always is a next thrd_create(). */
#define create_c11_as_posix NULL
#else
/* To musl both kinds of threads are one. A C11 thread returns its int as a pointer. */
static void *start_c11_as_posix(void *argument)
{
	struct slot slot = arrive(argument);

	return (void *)(intptr_t)slot.routine.c11(slot.argument);
}

static int create_c11_as_posix(thrd_t *thread, thrd_start_t routine, void *slot)
{
	int r;

	(void)routine;
	r = next_posix(thread, NULL, start_c11_as_posix, slot);
	return r == 0 ? thrd_success : r == EAGAIN ? thrd_nomem : thrd_error;
}
#endif

/*
 * Doesn't call pthread_create() where the libc has both functions: glibc tells the two kinds of threads apart by how they
 * return.
 */
EXPORTED int thrd_create(thrd_t *thread, thrd_start_t routine, void *argument)
{
	create_c11 *next;
	struct slot *slot;
	int r;

	(void)ready_to_start();
	next = __atomic_load_n(&next_c11, __ATOMIC_RELAXED);
	/* Without a next function, only a slot can pass the start routine on. */
	if (next != NULL && starts_are_left_alone())
		return next(thread, routine, argument);
	if (next == NULL)
		next = create_c11_as_posix;
	slot = take_start(argument);
	if (slot == NULL)
		return thrd_nomem;
	slot->routine.c11 = routine;
	r = next(thread, start_c11, slot);
	if (r != thrd_success)
		release_start(slot);
	return r;
}
