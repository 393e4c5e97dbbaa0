/* SPDX-License-Identifier: MIT */
/*
 * slices.c - librseqkit-slices.so, which `rseqkit exec --slice` preloads. In an unmodified program, it makes a thread request
 * a longer time slice (rseqkit/slice.h) while the thread holds pthread mutexes or spin locks. The time from a thread's first
 * lock until it holds no lock any more is called a region.
 *
 * A thread that waits for its first lock requests no time. So the thread first makes the request, and then tries the lock. If
 * the attempt fails, the thread clears the request, and then waits for the lock. A condition wait also clears the request,
 * because it unlocks the mutex.
 *
 * The program gets the result of the libc's function. If the attempt fails because another thread has the lock, the program
 * gets the result of the wait. Otherwise it gets the attempt's result, which equals that of a wait; attempt_at() has exceptions.
 *
 * A thread remembers the latest few locks that it holds. Another thread can unlock such a lock, or code can initialise the
 * lock anew while it is held. The first thread then remembers the lock until it takes the lock again, or until newer locks
 * replace it. Meanwhile its region doesn't end, and granted time ends only by a preemption.
 *
 * The invariant: as long as a lock is remembered, there is a request, or granted time that the thread gives up after its last
 * unlock. While a thread waits for its first lock, there is neither a request nor granted time. A signal handler can lock and
 * unlock its own locks between any two instructions. So a lock is remembered before the request, and forgotten after it.
 *
 * With RSEQKIT_SLICES=watch no time is requested. Events are counted with and without this setting (slices_report.h).
 */
#define _GNU_SOURCE
#include <rseqkit/slice.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "slices_held.h"
#include "slices_report.h"
#include "os/thread_pointer.h"
#include "slice/slice.h"

#define EXPORTED __attribute__((__visibility__("default")))
#define NOT_TRIED (-1)

/* The libc's functions, in the order of the names in find_libc_locks(). */
static struct {
	int (*mutex_lock)(pthread_mutex_t *);
	int (*mutex_unlock)(pthread_mutex_t *);
	int (*mutex_trylock)(pthread_mutex_t *);
	int (*mutex_timedlock)(pthread_mutex_t *, const struct timespec *);
	int (*spin_lock)(pthread_spinlock_t *);
	int (*spin_trylock)(pthread_spinlock_t *);
	int (*spin_unlock)(pthread_spinlock_t *);
	int (*mutex_clocklock)(pthread_mutex_t *, clockid_t, const struct timespec *);
	int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *);
	int (*cond_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	int (*cond_clockwait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
} next;

static bool is_watch_only;
static bool is_found; /* all members of `next` are set */
static bool is_ready; /* this library's constructor has run; until then, calls are passed on unchanged */

static __thread struct {
	struct slices_held held;
	bool is_looking;
} mine __attribute__((__tls_model__("initial-exec")));

static bool is_granted(void)
{
	return mine.held.requested && rk_slice_is_granted(rk_area_at(rk_area_offset));
}

/*
 * Clears this thread's request. If there is none, stores nothing: a signal handler has possibly just made a request of its
 * own.
 */
static void give_back_time(void)
{
	if (!mine.held.requested)
		return;
	mine.held.requested = 0;
	rk_slice_end(1);
}

/*
 * Requests time, unless slice_ctrl in the thread's struct rseq still has a request or a grant. If slice_ctrl is 0 after a
 * request, the kernel has cleared it, for example in a wait. The kernel possibly still remembers a grant. So rk_slice_end() is
 * called before the new request.
 */
static void request(void)
{
	if (is_watch_only || (mine.held.requested && rk_area_at(rk_area_offset)->slice_ctrl != 0))
		return;
	give_back_time();
	if (!rk_slice_begin())
		return;
	mine.held.requested = 1;
	if (slices_count(&mine.held) == 0) /* a signal handler took the places of all locks just now */
		give_back_time();
}

/* Returns whether the mutex is possibly recursive. The thread remembers a recursive mutex as often as it took the mutex. */
static bool is_recursive(const pthread_mutex_t *mutex)
{
#ifdef __GLIBC__
	return mutex != NULL && (__atomic_load_n(&mutex->__data.__kind, __ATOMIC_RELAXED) & 3) == PTHREAD_MUTEX_RECURSIVE;
#else
	return mutex != NULL;
#endif
}

static void begin_region(const volatile void *lock)
{
	unsigned place = slices_place(&mine.held, NULL);

	/* slices_place() found the last places first, so the oldest locks have these. */
	if (place == 0)
		place = SLICES_HELD_MAX - mine.held.taken_over++ % SLICES_HELD_MAX;
	mine.held.locks[place - 1] = lock;
	request();
	if (slices_count(&mine.held) == 1)
		rk_report_mark();
}

/* Call this when the lock was acquired. Drops an older entry for the same lock, which is stale unless the mutex is recursive. */
static void got(const volatile void *lock, const pthread_mutex_t *mutex)
{
	unsigned place = is_recursive(mutex) ? 0 : slices_place(&mine.held, lock);

	for (unsigned i = 0; i + 1 < place; i++)
		if (mine.held.locks[i] == lock)
			mine.held.locks[i] = NULL;
}

static void leave(const volatile void *lock, bool was_held)
{
	unsigned place = slices_place(&mine.held, lock);

	if (place == 0)
		return;
	if (slices_count(&mine.held) == 1) {
		if (was_held)
			rk_report_region(is_granted());
		give_back_time();
	}
	mine.held.locks[place - 1] = NULL;
	if (mine.held.requested && slices_count(&mine.held) == 0) /* a signal handler made this request just now */
		give_back_time();
}

/* Call this before the thread waits for a lock. The lock is remembered, but not held yet. */
static void wait_begins(int result)
{
	if (slices_count(&mine.held) == 1)
		give_back_time();
	if (result == EBUSY)
		rk_report_count(RK_TALLY_WAITS);
}

/* Call this after a wait. `is_region`: a region begins, because the wait was for the thread's first lock, or for a condition. */
static void wait_ends(bool is_region)
{
	request();
	if (is_region)
		rk_report_mark();
}

static bool is_taken(int result)
{
	return result == 0 || result == EOWNERDEAD;
}

/* Records how an attempt or a wait ended. Returns the result for the program. */
static int end_failed(const volatile void *lock, const pthread_mutex_t *mutex, int result)
{
	if (is_taken(result))
		got(lock, mutex);
	else
		leave(lock, false);
	return result;
}

/* Tries the lock, and waits if another thread has it. */
#define TAKE(lock, mutex, attempt, wait)                                                                               \
	do {                                                                                                           \
		int result_;                                                                                           \
                                                                                                                       \
		if (!have_libc_locks())                                                                                      \
			return wait;                                                                                   \
		begin_region(lock);                                                                                           \
		result_ = attempt;                                                                                     \
		if (result_ == EBUSY || result_ == NOT_TRIED) {                                                        \
			wait_begins(result_);                                                                          \
			result_ = wait;                                                                                \
			if (is_taken(result_))                                                                         \
				wait_ends(slices_count(&mine.held) == 1);                                                   \
		}                                                                                                      \
		return end_failed(lock, mutex, result_);                                                                   \
	} while (0)

#define TRY(lock, mutex, attempt)                                                                                      \
	do {                                                                                                           \
		if (!have_libc_locks())                                                                                      \
			return attempt;                                                                                \
		begin_region(lock);                                                                                           \
		return end_failed(lock, mutex, attempt);                                                                   \
	} while (0)

#define GIVE_BACK(lock, unlock)                                                                                        \
	do {                                                                                                           \
		int result_ = (have_libc_locks(), unlock);                                                                   \
                                                                                                                       \
		if (result_ == 0)                                                                                      \
			leave(lock, true);                                                                             \
		return result_;                                                                                        \
	} while (0)

/*
 * Waits for a condition. Clears the request while the mutex is still held. If the libc's function fails without a system
 * call, time that was granted already is given up later. If the thread is cancelled in the wait, it then holds the mutex and
 * has no request.
 */
#define WAIT(wait)                                                                                                     \
	do {                                                                                                           \
		int result_;                                                                                           \
                                                                                                                       \
		if (!have_libc_locks() || slices_count(&mine.held) == 0)                                                           \
			return wait;                                                                                   \
		rk_report_region(is_granted());                                                                        \
		rk_report_count(RK_TALLY_CONDITIONS);                                                                  \
		if (mine.held.requested)                                                                                    \
			RKI_AREA_STORE_BYTE(28, 0);                                                                    \
		result_ = wait;                                                                                        \
		wait_ends(true);                                                                                       \
		if (result_ == ENOTRECOVERABLE)                                                                        \
			leave(mutex, false);                                                                           \
		return result_;                                                                                        \
	} while (0)

/*
 * Tries to lock the mutex, or returns NOT_TRIED if the thread has to call the waiting function directly. With glibc this
 * applies to robust mutexes, and to mutexes that change priorities. If a robust mutex can't be recovered any more, an attempt
 * to lock it leaves another state than a wait for it. glibc's public header has the member __kind, and nptl/pthreadP.h has its
 * bits.
 */
static int attempt_at(pthread_mutex_t *mutex)
{
#ifdef __GLIBC__
	if (__atomic_load_n(&mutex->__data.__kind, __ATOMIC_RELAXED) & (16 | 32 | 64))
		return NOT_TRIED;
#endif
	return next.mutex_trylock(mutex);
}

/*
 * Finds the libc's function. glibc's functions of conditions also have an older symbol version, which must not be called here.
 *
 * <dlfcn.h> declares that dlsym() never calls functions of this file (leaf). But dlsym() possibly calls the allocator, and the
 * allocator can take a lock. Because of the declaration, gcc 15 left out the store to mine.is_looking. Calls through variables
 * ignore the declaration.
 */
static void *next_lock_function(const char *name)
{
	void *(*volatile by_name)(void *, const char *) = dlsym;
	void *found = NULL;

#ifdef __GLIBC__
	void *(*volatile by_version)(void *, const char *, const char *) = dlvsym;

	if (strncmp(name, "pthread_cond_", 13) == 0)
		found = by_version(RTLD_NEXT, name, "GLIBC_2.3.2");
#endif
	return found != NULL ? found : by_name(RTLD_NEXT, name);
}

/*
 * Looks the libc's functions up before main(). If a constructor that runs earlier takes a lock, this function runs in that
 * call. If a function isn't found, the dynamic linker allocates memory for a message, and the allocator can take a mutex. So
 * the functions of mutexes are looked up first, and each of them can be used as soon as it is found.
 */
static void find_libc_locks(void)
{
	static const char *const names[] = {
		"pthread_mutex_lock", "pthread_mutex_unlock", "pthread_mutex_trylock", "pthread_mutex_timedlock",
		"pthread_spin_lock", "pthread_spin_trylock", "pthread_spin_unlock", "pthread_mutex_clocklock",
		"pthread_cond_wait", "pthread_cond_timedwait", "pthread_cond_clockwait",
	};
	void *found;

	_Static_assert(sizeof(names) / sizeof(names[0]) * sizeof(found) == sizeof(next), "a name for each");
	mine.is_looking = true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		found = next_lock_function(names[i]);
		memcpy((char *)&next + i * sizeof(found), &found, sizeof(found));
	}
	mine.is_looking = false;
	__atomic_store_n(&is_found, true, __ATOMIC_RELEASE);
}

/*
 * Returns whether this library's constructor has run. If not, makes sure that the libc's functions are found. If several
 * threads call this function at the same time, each of them looks the functions up, and finds the same addresses.
 */
static bool have_libc_locks(void)
{
	if (RKI_LIKELY(__atomic_load_n(&is_ready, __ATOMIC_ACQUIRE)))
		return true;
	if (!__atomic_load_n(&is_found, __ATOMIC_ACQUIRE) && !mine.is_looking)
		find_libc_locks();
	return false;
}

/* Forgets all locks. Other fork handlers can initialise held locks anew in the child. Such locks are never unlocked. */
static void start_in_child(void)
{
	for (unsigned i = 0; i < SLICES_HELD_MAX; i++)
		mine.held.locks[i] = NULL;
	give_back_time();
	rk_report_start_in_child();
}

__attribute__((__constructor__)) static void start(void)
{
	const char *mode = secure_getenv("RSEQKIT_SLICES");

	find_libc_locks();
	(void)rk_process_init();
	is_watch_only = mode != NULL && strcmp(mode, "watch") == 0;
	rk_report_start(is_watch_only);
	(void)pthread_atfork(NULL, NULL, start_in_child);
	__atomic_store_n(&is_ready, true, __ATOMIC_RELEASE);
}

EXPORTED int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	TAKE(mutex, mutex, attempt_at(mutex), next.mutex_lock(mutex));
}

EXPORTED int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	TRY(mutex, mutex, next.mutex_trylock(mutex));
}

EXPORTED int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict time)
{
	TAKE(mutex, mutex, attempt_at(mutex), next.mutex_timedlock(mutex, time));
}

#ifdef __GLIBC__
EXPORTED int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time)
{
	/* An unknown clock is an error even if the call needn't wait. */
	if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)
		return have_libc_locks(), next.mutex_clocklock(mutex, clock, time);
	TAKE(mutex, mutex, attempt_at(mutex), next.mutex_clocklock(mutex, clock, time));
}
#endif

EXPORTED int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	GIVE_BACK(mutex, next.mutex_unlock(mutex));
}

EXPORTED int pthread_spin_lock(pthread_spinlock_t *lock)
{
	TAKE(lock, NULL, next.spin_trylock(lock), next.spin_lock(lock));
}

EXPORTED int pthread_spin_trylock(pthread_spinlock_t *lock)
{
	TRY(lock, NULL, next.spin_trylock(lock));
}

EXPORTED int pthread_spin_unlock(pthread_spinlock_t *lock)
{
	GIVE_BACK(lock, next.spin_unlock(lock));
}

EXPORTED int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex)
{
	WAIT(next.cond_wait(condition, mutex));
}

EXPORTED int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
				    const struct timespec *restrict time)
{
	WAIT(next.cond_timedwait(condition, mutex, time));
}

#ifdef __GLIBC__ /* other C libraries lack this function, and programs can test for it */
EXPORTED int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
				    const struct timespec *time)
{
	WAIT(next.cond_clockwait(condition, mutex, clock, time));
}
#endif
