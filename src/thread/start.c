/* SPDX-License-Identifier: MIT */
/*
 * start.c - registers every thread before its start routine runs. This file interposes pthread_create() and thrd_create().
 * If the libc or the kernel registers threads, both functions pass the call on unchanged.
 *
 *   - librseqkit-preload.so and librseqkit-malloc.so have this file. They register every thread of programs that know
 *     nothing of this library.
 *   - librseqkit.so has this file only if it is built for a libc that has no rseq area (no RSEQ_SIG in <sys/rseq.h>): an
 *     older glibc, or musl. A glibc with an area registers each thread that a registered thread creates. With such a glibc,
 *     librseqkit.so doesn't interpose the program's calls, even with RSEQKIT_AREA=own.
 *   - librseqkit.a has this file with musl, because there the library has to watch the ends of threads (exit.h). With
 *     glibc, librseqkit.a doesn't have this file, because a static program has no next pthread_create() to look up.
 *
 * The names pthread_create and thrd_create are exported without a symbol version. If they had one of librseqkit's versions,
 * the calls of other libraries, such as libstdc++ for std::thread, wouldn't be bound to them.
 *
 * The invariant: a program sees nothing but the registration. Apart from the two functions, the preloaded object exports one
 * thing: with glibc the function rk_ktls_room() (ktls.h), with other libcs the libc's names for the area (preload_symbols.c).
 * If the program itself has a copy of this library, of any version, that copy keeps its own symbols. The copies agree on the
 * area without knowing each other. This file allocates nothing on the program's heap. A malloc() before the start routine, or a
 * free() in the new thread, would give every thread a heap arena, even a thread that never allocates memory.
 *
 * This file doesn't see the starts of some threads:
 *   - threads that are created by modules for which the libc comes first in look-up order, by modules loaded with
 *     RTLD_DEEPBIND, or in other namespaces;
 *   - threads of a module that looks up the next pthread_create() by dlsym(RTLD_NEXT), such as jemalloc's background threads;
 *   - the libc's own helper threads;
 *   - threads of programs that link librseqkit.a with glibc.
 *
 * The first operation of such a thread registers the thread. If another component may register threads itself (strangers.h),
 * this library never registers such threads.
 *
 * The preloaded objects don't use glibc's area if glibc.pthread.rseq=0 stops glibc from registering threads. If the creator
 * of a thread were registered in that area, glibc would register the new thread, too. If that registration is refused, for
 * example by a filter, glibc ends the process. Without the preloaded object such a program runs. Other ways to keep glibc from
 * ending the process don't work:
 *
 *   unregister around pthread_create()          a filter that refuses to register a thread also refuses to unregister
 *   write -1 to the area during the call        the kernel writes the CPU there again at the next preemption
 *   create from a thread without a filter       the new thread would have no filter either
 *   own areas for all copies                    librseqkit.a doesn't see the starts of threads; strangers that can't cope with a
 *                                               refusal after a success rely on glibc to register all threads
 */
#define _GNU_SOURCE
#include <rseqkit/thread.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <threads.h>
#include "exit.h"
#include "os/kernel.h"
#include "thread.h"

#define EXPORTED __attribute__((__visibility__("default")))

typedef int create_posix(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
typedef int create_c11(thrd_t *, thrd_start_t, void *);

/*
 * A slot passes the start routine and its argument to a new thread. A slot is taken before the thread's creation, and released
 * in the thread's first instructions, so few slots are taken at a time. If another thread forks meanwhile, the slots that are
 * taken at that time stay taken in the child.
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
	struct chunk *next; /* chunks are only appended */
	struct slot slots[64];
};

static struct chunk first_chunk;

static create_posix *next_posix;
static create_c11 *next_c11;

/* Returns the chunk after `chunk`, and makes it if there is none. Returns NULL if there is no memory. */
static struct chunk *following(struct chunk *chunk)
{
	struct chunk *next = __atomic_load_n(&chunk->next, __ATOMIC_ACQUIRE), *made;

	if (next != NULL)
		return next;
	made = rk_kernel_map(sizeof(*made));
	if (made == NULL)
		return NULL;
	if (__atomic_compare_exchange_n(&chunk->next, &next, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	rk_kernel_unmap(made, sizeof(*made));
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
 * Runs as the first instructions of a thread. None of these instructions is a cancellation point. Only the thread itself can
 * turn on asynchronous cancellation, which it does later, so the thread isn't cancelled here, and always releases its slot.
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
 * In a static program with musl there is no next pthread_create() to look up. But musl's pthread_create() is an alias of
 * __pthread_create, in the same object of libc.a as pthread_exit(). The reference to pthread_exit() makes the linker take
 * that object. In libc.so, __pthread_create is hidden, so in dynamic programs the weak reference is NULL.
 */
extern create_posix __pthread_create __attribute__((__weak__));
static void (*volatile const bring_in)(void *) __attribute__((__used__)) = pthread_exit;
#define in_this_program __pthread_create
#endif

/*
 * In musl, RTLD_NEXT finds nothing for a module that dlopen() loaded. RTLD_DEFAULT then finds the definition of another
 * module or of the libc.
 */
static void *next_function(const char *name)
{
	void *next = dlsym(RTLD_NEXT, name);

	return next != NULL ? next : dlsym(RTLD_DEFAULT, name);
}

/*
 * Looks up the libc's functions. Runs before main(). If a constructor that runs earlier creates a thread, this function
 * runs in that call.
 */
__attribute__((__constructor__)) static void find_next(void)
{
	bool is_static = in_this_program != NULL;
	void *posix = is_static ? (void *)(uintptr_t)in_this_program : next_function("pthread_create");
	void *c11 = is_static ? NULL : next_function("thrd_create");

	__atomic_store_n(&next_posix, (create_posix *)(uintptr_t)posix, __ATOMIC_RELAXED);
	__atomic_store_n(&next_c11, (create_c11 *)(uintptr_t)c11, __ATOMIC_RELAXED);
}

/*
 * Returns whether calls that create a thread are passed on unchanged. A libc that registers threads registers each thread
 * whose creator is registered. A kernel that registers threads registers every thread.
 */
static bool starts_are_left_alone(void)
{
#ifdef __SANITIZE_THREAD__
	return true; /* ThreadSanitizer prepares a thread after our code runs in it, and instrumented code can't run before */
#elif defined(RK_PRELOADED) || RK_EXIT_MATTERS
	const struct rk_process *p = rk_process_get();
	enum rk_ktls provider = (enum rk_ktls)rk_kind_of(p)->provider;

	return (provider == RK_KTLS_LIBC || provider == RK_KTLS_KERNEL) && rk_area_is_registered(rk_area_of(p));
#else
	return !rk_kind_of(rk_process_get())->only_ours;
#endif
}

/* Prepares this library for the creation of a thread. Returns the libc's pthread_create(). */
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
/* Never called: glibc always has a next thrd_create(). */
#define create_c11_as_posix NULL
#else
/* In musl, POSIX threads and C11 threads are the same. A C11 thread returns its int as a pointer. */
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
 * If the libc has both functions, this function doesn't call pthread_create(), because glibc calls the start routines of the two
 * kinds of threads differently.
 */
EXPORTED int thrd_create(thrd_t *thread, thrd_start_t routine, void *argument)
{
	create_c11 *next;
	struct slot *slot;
	int r;

	(void)ready_to_start();
	next = __atomic_load_n(&next_c11, __ATOMIC_RELAXED);
	/*
	 * If there is no next thrd_create(), the start routine has to be passed in a slot, because pthread_create() takes a
	 * routine of another type.
	 */
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
