/* SPDX-License-Identifier: MIT */
/*
 * preload.c - librseqkit-preload.so: registers every thread of a program that knows nothing of this library.
 *
 * The initial thread is registered by the library's constructor, which is linked into this object, every other thread
 * before its start routine: pthread_create() and thrd_create() are interposed. Where the libc registers, both pass
 * the call on untouched.
 *
 * The invariant: a program sees nothing but the registration. No symbol but those two is exported, so a copy of the
 * library that the program brings itself, of whatever version, keeps its own symbols; copies agree on the libc's area
 * without knowing of each other. Nothing is allocated on the program's heap: a malloc() before the start routine, or
 * a free() in it, would give every thread a heap arena that it may never have asked for.
 */
#define _GNU_SOURCE
#include <rseqkit/thread.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <threads.h>

#define EXPORTED __attribute__((__visibility__("default")))

typedef int create_posix(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
typedef int create_c11(thrd_t *, thrd_start_t, void *);

/*
 * What a new thread is to do, on its way there. A slot is taken from before the thread's creation until its first
 * instructions, so few are taken at a time; those on their way in other threads during a fork() stay taken in the
 * child.
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

/* The chunk behind this one, made if need be; NULL without memory. errno stays. */
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
	munmap(made, sizeof(*made));
	return next;
}

static struct slot *take_slot(void *argument)
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

static void release_slot(struct slot *slot)
{
	__atomic_store_n(&slot->taken, false, __ATOMIC_RELEASE);
}

/*
 * The first instructions of a thread. None is a cancellation point, and asynchronous cancellation is something that
 * only the thread itself can turn on, later: the slot is always released.
 */
static struct slot arrive(void *argument)
{
	struct slot copy = *(struct slot *)argument;

	release_slot(argument);
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

/* The libc's functions: looked up before main(), or by the first call of a constructor that runs before this one. */
__attribute__((__constructor__)) static void find_next(void)
{
	void *posix = dlsym(RTLD_NEXT, "pthread_create");
	void *c11 = dlsym(RTLD_NEXT, "thrd_create");

	__atomic_store_n(&next_posix, (create_posix *)(uintptr_t)posix, __ATOMIC_RELAXED);
	__atomic_store_n(&next_c11, (create_c11 *)(uintptr_t)c11, __ATOMIC_RELAXED);
}

/* A libc that registers threads does so if their creator is registered. */
static bool libc_will_register(void)
{
	return rk_thread_owner() == RK_OWNER_LIBC;
}

EXPORTED int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
			    void *(*routine)(void *), void *restrict argument)
{
	create_posix *next = __atomic_load_n(&next_posix, __ATOMIC_RELAXED);
	struct slot *slot;
	int r;

	if (next == NULL) {
		find_next();
		next = next_posix;
	}
	if (libc_will_register())
		return next(thread, attributes, routine, argument);
	slot = take_slot(argument);
	if (slot == NULL)
		return EAGAIN;
	slot->routine.posix = routine;
	r = next(thread, attributes, start_posix, slot);
	if (r != 0)
		release_slot(slot);
	return r;
}

/* Not by way of pthread_create(): the libc tells the threads of the two apart, by how they return. */
EXPORTED int thrd_create(thrd_t *thread, thrd_start_t routine, void *argument)
{
	create_c11 *next = __atomic_load_n(&next_c11, __ATOMIC_RELAXED);
	struct slot *slot;
	int r;

	if (next == NULL) {
		find_next();
		next = next_c11;
	}
	if (libc_will_register())
		return next(thread, routine, argument);
	slot = take_slot(argument);
	if (slot == NULL)
		return thrd_nomem;
	slot->routine.c11 = routine;
	r = next(thread, start_c11, slot);
	if (r != thrd_success)
		release_slot(slot);
	return r;
}
