/* SPDX-License-Identifier: MIT */
/*
 * leftovers.c - tests the area's slice control word after unlocks. It runs under `rseqkit exec --slice`, on kernels that grant
 * time. After a thread's last unlock neither a request nor a grant must be left. Before the last unlock the thread must not give
 * time back.
 *
 * This must be true for every order of unlocking, and also if calls between the unlocks fail or make system calls. With
 * rseq_debug=1 the kernel kills the process for a mistake.
 */
#include "../unit/test.h"
#include "../unit/refuse.h"
#include <sys/prctl.h>

#define GRANTED 0x100u
#define GRANTS 10

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER, robust, checking;

static uint32_t control(void)
{
	return rk_thread_area()->slice_ctrl;
}

/* Loops until time is granted; if `longer`, also until the grant has expired. Returns false if no time was granted. */
static bool work(bool longer)
{
	for (int i = 0; i < 1000000 && control() != GRANTED; i++)
		continue;
	if (control() != GRANTED)
		return false;
	while (longer && control() == GRANTED)
		continue;
	return true;
}

static void take(pthread_mutex_t *mutex)
{
	CHECK(pthread_mutex_lock(mutex) == 0);
}

static void give_back(pthread_mutex_t *mutex)
{
	CHECK(pthread_mutex_unlock(mutex) == 0);
}

static bool one(bool longer)
{
	bool granted;

	take(&first);
	granted = work(longer);
	(void)getppid();
	give_back(&first);
	return granted;
}

static bool robust_inside(bool longer)
{
	bool granted;

	take(&first);
	granted = work(longer);
	take(&robust);
	give_back(&robust);
	take(&robust);
	(void)getppid();
	give_back(&robust);
	give_back(&first);
	return granted;
}

static bool refused_inside(bool longer)
{
	bool granted;

	take(&checking);
	granted = work(longer);
	CHECK(pthread_mutex_lock(&checking) == EDEADLK);
	(void)getppid();
	give_back(&checking);
	return granted;
}

/* Unlocks first the mutex that was locked first. After this unlock the thread still has the rest of the grant. */
static bool first_goes_first(bool longer)
{
	bool granted;

	take(&first);
	take(&other);
	granted = work(longer);
	give_back(&first);
	if (granted && !longer)
		CHECK(control() == GRANTED || control() == 0); /* 0 if the grant has expired */
	give_back(&other);
	return granted;
}

static bool wait_refused(bool longer)
{
	static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
	const struct timespec wrong = {0, -1};
	bool granted;

	take(&first);
	granted = work(longer);
	CHECK(pthread_cond_timedwait(&condition, &first, &wrong) == EINVAL);
	(void)getppid();
	give_back(&first);
	return granted;
}

static void nothing_is_left(void **state)
{
	bool (*const ways[])(bool) = {one, robust_inside, refused_inside, first_goes_first, wait_refused};
	pthread_mutexattr_t attributes;
	pid_t self = getpid(), pid;

	(void)state;
	if (rk_slice_enable() != 0)
		SKIP("no slice extension here");
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	CHECK(pthread_mutex_init(&checking, &attributes) == 0);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	CHECK(pthread_mutex_init(&robust, &attributes) == 0);
	pin(sched_getcpu());
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == self)
			continue;
		_exit(0);
	}
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
		for (int longer = 0; longer < 2; longer++)
			for (int granted = 0; granted < GRANTS;) {
				granted += ways[way](longer);
				assert_int_equal(control(), 0);
			}
	kill(pid, SIGKILL);
	assert_int_equal(exit_status_of(pid), 128 + SIGKILL);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_left)};

RUN(tests)
