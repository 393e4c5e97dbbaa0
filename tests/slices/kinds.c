/* SPDX-License-Identifier: MIT */
/*
 * kinds.c - uses every kind of mutex, spin locks and condition variables, rightly and wrongly, and prints what each call
 * returns. Under `rseqkit exec --slice` the output must be the same as when the program runs by itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAY(call) printf("%s: %s: %s\n", kind, #call, name_of(call))

static const char *kind = "";

static const char *name_of(int result)
{
	return result == 0 ? "0" : strerrorname_np(result);
}

static struct timespec soon(clockid_t clock, long ms)
{
	struct timespec time;

	clock_gettime(clock, &time);
	time.tv_nsec += ms * 1000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

static pthread_mutex_t *mutex;

/* Tries to lock the mutex in another thread. */
static void *as_stranger(void *arg)
{
	struct timespec real = soon(CLOCK_REALTIME, 5), monotonic = soon(CLOCK_MONOTONIC, 5), wrong = {0, 1000000000};

	SAY(pthread_mutex_trylock(mutex));
	SAY(pthread_mutex_timedlock(mutex, &real));
	SAY(pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &monotonic));
	SAY(pthread_mutex_clocklock(mutex, CLOCK_PROCESS_CPUTIME_ID, &monotonic));
	SAY(pthread_mutex_timedlock(mutex, &wrong));
	return arg;
}

static void *unlock_as_stranger(void *arg)
{
	SAY(pthread_mutex_unlock(mutex));
	return arg;
}

static void in_thread(void *(*run)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL) != 0 || pthread_join(thread, NULL) != 0)
		abort();
}

static void *lock_and_end(void *arg)
{
	SAY(pthread_mutex_lock(mutex));
	return arg;
}

static int locked, unlocked;

static void *lock_and_unlock(void *arg)
{
	locked = pthread_mutex_lock(mutex);
	unlocked = locked == 0 ? pthread_mutex_unlock(mutex) : 0;
	return arg;
}

/* The other thread sleeps, and gets the mutex when this thread unlocks it. */
static void hand_over(void)
{
	pthread_t thread;

	SAY(pthread_mutex_lock(mutex));
	if (pthread_create(&thread, NULL, lock_and_unlock, NULL) != 0)
		abort();
	usleep(20000);
	SAY(pthread_mutex_unlock(mutex));
	if (pthread_join(thread, NULL) != 0)
		abort();
	printf("%s: handed over: %s", kind, name_of(locked));
	printf(", %s\n", name_of(unlocked));
}

struct form {
	const char *name;
	int type, protocol, robust, shared;
};

static void try_form(const struct form *form)
{
	struct timespec past = {1, 0}, real = soon(CLOCK_REALTIME, 5);
	pthread_mutexattr_t attributes;

	kind = form->name;
	pthread_mutexattr_init(&attributes);
	SAY(pthread_mutexattr_settype(&attributes, form->type));
	SAY(pthread_mutexattr_setprotocol(&attributes, form->protocol));
	SAY(pthread_mutexattr_setrobust(&attributes, form->robust));
	SAY(pthread_mutexattr_setpshared(&attributes, form->shared));
	SAY(pthread_mutex_init(mutex, &attributes));
	SAY(pthread_mutex_lock(mutex));
	SAY(pthread_mutex_trylock(mutex));
	if (form->type == PTHREAD_MUTEX_ERRORCHECK || form->type == PTHREAD_MUTEX_RECURSIVE)
		SAY(pthread_mutex_lock(mutex));
	SAY(pthread_mutex_timedlock(mutex, form->type == PTHREAD_MUTEX_RECURSIVE ? &past : &real));
	in_thread(as_stranger);
	if (form->type == PTHREAD_MUTEX_ERRORCHECK || form->robust)
		in_thread(unlock_as_stranger);
	for (int i = 0; i < (form->type == PTHREAD_MUTEX_RECURSIVE ? 4 : 1); i++)
		SAY(pthread_mutex_unlock(mutex));
	if (form->type != PTHREAD_MUTEX_NORMAL && form->type != PTHREAD_MUTEX_ADAPTIVE_NP)
		SAY(pthread_mutex_unlock(mutex));
	SAY(pthread_mutex_timedlock(mutex, &past));
	SAY(pthread_mutex_unlock(mutex));
	hand_over();
	if (form->robust) {
		in_thread(lock_and_end);
		SAY(pthread_mutex_lock(mutex));
		SAY(pthread_mutex_consistent(mutex));
		SAY(pthread_mutex_unlock(mutex));
		in_thread(lock_and_end);
		SAY(pthread_mutex_trylock(mutex));
		SAY(pthread_mutex_unlock(mutex));
		SAY(pthread_mutex_lock(mutex));
		SAY(pthread_mutex_trylock(mutex));
		SAY(pthread_mutex_timedlock(mutex, &real));
	}
	SAY(pthread_mutex_destroy(mutex));
}

static pthread_spinlock_t spin;

static void *spin_as_stranger(void *arg)
{
	SAY(pthread_spin_trylock(&spin));
	return arg;
}

static void try_spin_locks(void)
{
	kind = "spin";
	SAY(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE));
	for (int i = 0; i < 2; i++) {
		SAY(pthread_spin_lock(&spin));
		SAY(pthread_spin_trylock(&spin));
		in_thread(spin_as_stranger);
		SAY(pthread_spin_unlock(&spin));
	}
	SAY(pthread_spin_trylock(&spin));
	SAY(pthread_spin_unlock(&spin));
}

static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int go, cleaned;

static void *wait_for_go(void *arg)
{
	pthread_mutex_lock(mutex);
	while (!go)
		pthread_cond_wait(&condition, mutex);
	go = 0;
	pthread_cond_signal(&condition);
	SAY(pthread_mutex_unlock(mutex));
	return arg;
}

static void clean(void *arg)
{
	cleaned = pthread_mutex_unlock(arg) == 0;
}

static void *wait_to_be_cancelled(void *arg)
{
	pthread_mutex_lock(mutex);
	pthread_cleanup_push(clean, mutex);
	go = 1;
	for (;;)
		pthread_cond_wait(&condition, mutex);
	pthread_cleanup_pop(0);
	return arg;
}

static void try_conditions(void)
{
	struct timespec real = soon(CLOCK_REALTIME, 5), monotonic = soon(CLOCK_MONOTONIC, 5), wrong = {0, -1};
	pthread_mutexattr_t attributes;
	pthread_t thread;
	void *result;

	kind = "condition";
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	SAY(pthread_mutex_init(mutex, &attributes));
	SAY(pthread_cond_timedwait(&condition, mutex, &real)); /* the mutex isn't locked */
	SAY(pthread_mutex_lock(mutex));
	SAY(pthread_cond_timedwait(&condition, mutex, &real));
	SAY(pthread_cond_clockwait(&condition, mutex, CLOCK_MONOTONIC, &monotonic));
	SAY(pthread_cond_timedwait(&condition, mutex, &wrong));
	SAY(pthread_mutex_lock(mutex)); /* the wait has locked it again */
	if (pthread_create(&thread, NULL, wait_for_go, NULL) != 0)
		abort();
	SAY(pthread_mutex_unlock(mutex));
	usleep(20000);
	SAY(pthread_mutex_lock(mutex));
	go = 1;
	SAY(pthread_cond_signal(&condition));
	while (go)
		pthread_cond_wait(&condition, mutex);
	SAY(pthread_mutex_unlock(mutex));
	pthread_join(thread, NULL);
	if (pthread_create(&thread, NULL, wait_to_be_cancelled, NULL) != 0)
		abort();
	for (bool waits = false; !waits; usleep(1000)) {
		pthread_mutex_lock(mutex);
		waits = go;
		pthread_mutex_unlock(mutex);
	}
	SAY(pthread_cancel(thread));
	pthread_join(thread, &result);
	printf("%s: %s, %s\n", kind, result == PTHREAD_CANCELED ? "cancelled" : "ended", cleaned ? "cleaned" : "dirty");
	SAY(pthread_mutex_lock(mutex));
	SAY(pthread_mutex_unlock(mutex));
}

/* A mutex that processes share: a child also wants it. */
static void try_shared(void)
{
	pthread_mutexattr_t attributes;
	int status, *tried = mmap(NULL, sizeof(*tried), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (tried == MAP_FAILED)
		abort();
	kind = "between processes";
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	SAY(pthread_mutex_init(mutex, &attributes));
	SAY(pthread_mutex_lock(mutex));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		bool busy = pthread_mutex_trylock(mutex) == EBUSY;

		__atomic_store_n(tried, 1, __ATOMIC_RELEASE);
		_exit(busy && pthread_mutex_lock(mutex) == 0 ? 0 : 1); /* the child ends with the mutex locked */
	}
	while (!__atomic_load_n(tried, __ATOMIC_ACQUIRE))
		usleep(100);
	usleep(20000); /* until the child sleeps */
	SAY(pthread_mutex_unlock(mutex));
	waitpid(pid, &status, 0);
	printf("%s: child %d\n", kind, status);
	SAY(pthread_mutex_lock(mutex));
	SAY(pthread_mutex_consistent(mutex));
	SAY(pthread_mutex_unlock(mutex));
}

int main(void)
{
	static const struct form forms[] = {
		{"normal", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 0, 0},
		{"adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE, 0, 0},
		{"recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, 0, 0},
		{"checking", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, 0, 0},
		{"inheriting", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 0, 0},
		{"inheriting, recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_INHERIT, 0, 0},
		{"inheriting, checking", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT, 0, 0},
		{"protecting", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_PROTECT, 0, 0},
		{"robust", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, 0},
		{"robust, recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, 0},
		{"robust, checking", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, 0},
		{"robust, inheriting", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST, 0},
		{"shared", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 0, PTHREAD_PROCESS_SHARED},
		{"shared, robust", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED},
	};

	alarm(60);
	mutex = mmap(NULL, sizeof(*mutex), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mutex == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		try_form(&forms[i]);
	try_spin_locks();
	try_conditions();
	try_shared();
	return 0;
}
