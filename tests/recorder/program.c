/* SPDX-License-Identifier: MIT */
/*
 * program.c - a program for the recorder (examples/recorder) to record. It makes a known number of calls, in one of several
 * ways.
 *
 *	program WAY [COUNT [THREADS]]
 *
 * The comments below give the number of calls of aligned_alloc() and of mutex functions. The program makes no other calls of
 * these functions, so the trace must have exactly as many records.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                \
			_exit(99);                                                                                     \
		}                                                                                                      \
	} while (0)

static long count = 100;
static int threads = 2;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static volatile int told, waiting;

/*
 * Pointers to the functions: in an executable at a fixed address they point to entries of the executable's own PLT, and not to
 * the library's functions.
 */
static void *(*volatile by_address)(size_t) = malloc;
static void (*volatile free_by_address)(void *) = free;

static void *aligned(size_t size)
{
	void *volatile memory = aligned_alloc(64, size); /* volatile, so the call isn't optimised away */

	return memory;
}

/*
 * Calls each of these `count` times: aligned_alloc, calloc, realloc, posix_memalign, lock, unlock, trylock. Calls malloc 2 *
 * count times and free 5 * count times. For malloc and for free, `count` of these calls are made through a pointer to the
 * function.
 */
static void *work(void *arg)
{
	for (long i = 0; i < count; i++) {
		void *memory[5] = {aligned(64), malloc(100), calloc(3, 5), by_address(8)};

		memory[3] = realloc(memory[3], 5000);
		CHECK(posix_memalign(&memory[4], 128, 10) == 0);
		pthread_mutex_lock(&mutex);
		CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
		pthread_mutex_unlock(&mutex);
		for (int j = 0; j < 4; j++)
			free(memory[j]);
		free_by_address(memory[4]);
	}
	return arg;
}

/* Runs `threads` threads, and after they have ended, as many again. */
static void run_threads(void)
{
	pthread_t ids[64];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < threads; i++)
			CHECK(pthread_create(&ids[i], NULL, work, NULL) == 0);
		for (int i = 0; i < threads; i++)
			CHECK(pthread_join(ids[i], NULL) == 0);
	}
}

static void wait_for(pid_t pid, int status)
{
	int got;

	CHECK(pid > 0 && waitpid(pid, &got, 0) == pid);
	CHECK(WIFEXITED(got) && WEXITSTATUS(got) == status);
}

/*
 * Forks `threads` children while a thread works. Each child works, and forks a grandchild that runs threads. Children end by
 * exit(), grandchildren by _exit().
 */
static void run_forks(void)
{
	pthread_t id;

	CHECK(pthread_create(&id, NULL, work, NULL) == 0);
	for (int i = 0; i < threads; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			work(NULL);
			pid = fork();
			if (pid == 0) {
				run_threads();
				_exit(6);
			}
			wait_for(pid, 6);
			exit(5);
		}
		wait_for(pid, 5);
	}
	CHECK(pthread_join(id, NULL) == 0);
}

/* The handler runs at any instruction. The mutex that it locks is its own, so no thread holds this mutex. */
static void handle(int signal)
{
	pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
	int before = errno;

	(void)signal;
	CHECK(pthread_mutex_trylock(&own) == 0);
	pthread_mutex_unlock(&own);
	told++;
	errno = before;
}

/* Works until the handler ran at least `count` times. Prints how often it ran. */
static void run_signals(void)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 100}, {0, 100}}, never = {0};

	CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
	while (told < count) {
		free(aligned(64));
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
	}
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
	printf("%d\n", told);
}

static void unlock(void *arg)
{
	pthread_mutex_unlock(arg);
}

static void *wait_to_be_told(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	while (told == 0 || arg == NULL) {
		waiting++;
		pthread_cond_wait(&condition, &mutex);
	}
	pthread_cleanup_pop(1);
	return NULL;
}

/*
 * One wait for a condition is woken, one is cancelled, one times out and one is refused. One unlock and one lock fail. A
 * recursive mutex is locked twice.
 */
static void run_conditions(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t checked, recursive;
	struct timespec soon;
	pthread_t told_one, cancelled;

	CHECK(pthread_create(&told_one, NULL, wait_to_be_told, &mutex) == 0);
	CHECK(pthread_create(&cancelled, NULL, wait_to_be_told, NULL) == 0);
	while (waiting < 2)
		usleep(1000);
	pthread_mutex_lock(&mutex);
	told = 1;
	pthread_cond_broadcast(&condition);
	pthread_mutex_unlock(&mutex);
	CHECK(pthread_join(told_one, NULL) == 0);
	while (waiting < 3) /* waits until the thread that will be cancelled was woken, too, and waits again */
		usleep(1000);
	CHECK(pthread_cancel(cancelled) == 0 && pthread_join(cancelled, NULL) == 0);
	pthread_mutex_lock(&mutex);
	clock_gettime(CLOCK_REALTIME, &soon);
	CHECK(pthread_cond_timedwait(&condition, &mutex, &soon) == ETIMEDOUT);
	soon.tv_nsec = 1000000000; /* refused; the mutex is still held */
	CHECK(pthread_cond_timedwait(&condition, &mutex, &soon) == EINVAL);
	pthread_mutex_unlock(&mutex);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&checked, &attributes);
	CHECK(pthread_mutex_unlock(&checked) == EPERM);
	CHECK(pthread_mutex_lock(&checked) == 0 && pthread_mutex_lock(&checked) == EDEADLK);
	pthread_mutex_unlock(&checked);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &attributes);
	CHECK(pthread_mutex_lock(&recursive) == 0 && pthread_mutex_lock(&recursive) == 0);
	CHECK(pthread_mutex_unlock(&recursive) == 0 && pthread_mutex_unlock(&recursive) == 0);
}

static void *allocate(void *arg)
{
	for (int i = 0; i < 30000; i++) {
		void *volatile memory = malloc(50);

		free(memory);
	}
	return arg;
}

/* Each of `threads` vfork children allocates `count` times on this process's memory, while another thread allocates. */
static void run_vforks(void)
{
	static long i, j; /* static, so that they aren't in registers: both processes change them */
	pthread_t id;

	CHECK(pthread_create(&id, NULL, allocate, NULL) == 0);
	for (i = 0; i < threads; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			for (j = 0; j < count; j++)
				free(aligned(100));
			_exit(4);
		}
		wait_for(pid, 4);
		free(aligned(100));
	}
	CHECK(pthread_join(id, NULL) == 0);
}

static void *write_as_last(void *arg)
{
	usleep(20000);
	free(aligned(64));
	printf("the last thread"); /* only exit() flushes it */
	return arg;
}

static void end_with_last_thread(void)
{
	pthread_t id;

	CHECK(pthread_create(&id, NULL, write_as_last, NULL) == 0);
	pthread_exit(NULL);
}

static int write_as_last_c(void *arg)
{
	(void)write_as_last(arg);
	return 0;
}

static void end_with_last_thread_c(void)
{
	thrd_t id;

	CHECK(thrd_create(&id, write_as_last_c, NULL) == thrd_success);
	pthread_exit(NULL);
}

/* Does what write_as_last() does, and then forbids new descriptors, so that no file can be opened at the end. */
static void end_without_files(void)
{
	struct rlimit none = {0, 0};

	(void)write_as_last(NULL);
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	pthread_exit(NULL);
}

static void *end_with_mutex(void *taken)
{
	CHECK(pthread_mutex_lock(taken) == 0);
	return NULL;
}

/* Locks a mutex whose holder has ended. */
static void take_over(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t robust;
	pthread_t id;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attributes);
	CHECK(pthread_create(&id, NULL, end_with_mutex, &robust) == 0 && pthread_join(id, NULL) == 0);
	CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_consistent(&robust) == 0);
	CHECK(pthread_mutex_unlock(&robust) == 0);
}

/* Makes `count` calls of realloc() that fail. */
static void run_refused(void)
{
	char *memory = malloc(1 << 20);
	volatile size_t too_much = PTRDIFF_MAX;

	for (long i = 0; i < count; i++)
		CHECK(realloc(memory, too_much) == NULL);
	usleep(50000);
	free(memory);
}

/*
 * Closes all descriptors, and opens files that get the descriptors 0 to 9. Prints nothing; the test checks the files' contents.
 */
static void close_all(const char *directory)
{
	char name[4096];

	for (int i = 0; i < 1024; i++)
		close(i);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%s/file-%d", directory, i);
		if (open(name, O_RDWR | O_CREAT | O_TRUNC, 0666) != i)
			_exit(98);
	}
	work(NULL);
	for (int i = 0; i < 10; i++)
		if (write(i, "mine\n", 5) != 5)
			_exit(97);
	usleep(20000);
	work(NULL);
}

static void name_threads(void)
{
	CHECK(pthread_setname_np(pthread_self(), "\"\\\n\t\001\377\303\251</x>") == 0);
	free(aligned(64));
}

static void end(const char *how)
{
	work(NULL);
	if (strcmp(how, "_exit") == 0)
		_exit(3);
	if (strcmp(how, "quick_exit") == 0)
		quick_exit(4);
	usleep(200000); /* the recorder reads the records every millisecond if it isn't delayed */
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "kill") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(how, "exec") == 0)
		execl("/proc/self/exe", "program", "threads", "10", "1", (char *)NULL);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	if (argc > 2)
		count = atol(argv[2]);
	if (argc > 3)
		threads = atoi(argv[3]);
	if (strcmp(way, "threads") == 0)
		run_threads();
	else if (strcmp(way, "forks") == 0)
		run_forks();
	else if (strcmp(way, "signals") == 0)
		run_signals();
	else if (strcmp(way, "conditions") == 0)
		run_conditions();
	else if (strcmp(way, "vforks") == 0)
		run_vforks();
	else if (strcmp(way, "last") == 0)
		end_with_last_thread();
	else if (strcmp(way, "last-c") == 0)
		end_with_last_thread_c();
	else if (strcmp(way, "last-limited") == 0)
		end_without_files();
	else if (strcmp(way, "robust") == 0)
		take_over();
	else if (strcmp(way, "refused") == 0)
		run_refused();
	else if (strcmp(way, "closes") == 0)
		close_all(argv[3]);
	else if (strcmp(way, "names") == 0)
		name_threads();
	else
		end(way);
	return 7;
}
