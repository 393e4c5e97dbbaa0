/* SPDX-License-Identifier: MIT */
/*
 * inspected.c - a program that notices when it is disturbed.
 *
 *	inspected [SECONDS]
 *
 * Some threads count with a per-CPU counter while they get signals. Other threads wait in system calls. There is a thread for
 * each kind of call that an interruption could end early. One more thread starts threads that end at once.
 *
 * The program prints "ready". After SECONDS, or at SIGTERM, it checks that no count and no signal was lost, and that no
 * restarted call returned EINTR. Each kind of wait must have ended at least once. Then it prints "undisturbed" and exits with 0,
 * or reports what went wrong and exits with 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <rseqkit.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define COUNTERS 2
#define WAIT_MS 20

/*
 * After an interruption the kernel restarts some calls by itself. On x86-64 `rseqkit inspect` also restarts the calls that the
 * kernel doesn't restart, see tool/inspect/registers.c. On other machines these calls end with EINTR.
 */
#ifdef __x86_64__
#define ALL_IS_RESTARTED true
#else
#define ALL_IS_RESTARTED false
#endif

static const struct timespec wait_time = {0, WAIT_MS * 1000000L};

static struct rk_counter *counter;
static pthread_t counters[COUNTERS];
static int64_t counted[COUNTERS];
static int stop_waiting, stop_counting;

static struct timespec deadline(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	time.tv_nsec += wait_time.tv_nsec;
	if (time.tv_nsec >= 1000000000L) {
		time.tv_nsec -= 1000000000L;
		time.tv_sec++;
	}
	return time;
}

/* Each function below waits. It returns 0 if the wait ended by its timeout or by its event, otherwise an errno value. */

static int wait_nanosleep(void)
{
	return nanosleep(&wait_time, NULL) == 0 ? 0 : errno;
}

static int wait_clock(void)
{
	struct timespec until = deadline(CLOCK_MONOTONIC);

	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static int wait_epoll(void)
{
	struct epoll_event event;
	int fd = epoll_create1(0);
	int r = epoll_wait(fd, &event, 1, WAIT_MS);
	int error = errno;

	close(fd);
	return r == 0 ? 0 : error;
}

static int wait_poll(void)
{
	return poll(NULL, 0, WAIT_MS) == 0 ? 0 : errno;
}

static int wait_select(void)
{
	struct timeval timeout = {0, WAIT_MS * 1000};

	return select(0, NULL, NULL, NULL, &timeout) == 0 ? 0 : errno;
}

static int wait_semaphore(void)
{
	struct timespec until = deadline(CLOCK_REALTIME);
	sem_t semaphore;

	sem_init(&semaphore, 0, 0);
	return sem_timedwait(&semaphore, &until) == 0 ? EINVAL : errno == ETIMEDOUT ? 0 : errno;
}

static int wait_condition(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
	struct timespec until = deadline(CLOCK_REALTIME);
	int r;

	pthread_mutex_lock(&mutex);
	r = pthread_cond_timedwait(&condition, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	return r == ETIMEDOUT ? 0 : r;
}

static int wait_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &wait_time) >= 0 ? EINVAL : errno == EAGAIN ? 0 : errno;
}

static int wait_sysv(void)
{
	struct sembuf take = {0, -1, 0};
	int id = semget(IPC_PRIVATE, 1, 0600);
	int r = semtimedop(id, &take, 1, &wait_time);
	int error = errno;

	semctl(id, 0, IPC_RMID);
	return r == 0 ? EINVAL : error == EAGAIN ? 0 : error;
}

static int wait_socket(void)
{
	struct timeval timeout = {0, WAIT_MS * 1000};
	char byte;
	int fds[2], error;
	ssize_t r;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		return errno;
	setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	r = recv(fds[0], &byte, 1, 0);
	error = errno;
	close(fds[0]);
	close(fds[1]);
	return r >= 0 ? EINVAL : error == EAGAIN ? 0 : error;
}

static int wait_aio(void)
{
	static unsigned long context; /* only one thread calls this function */

	/* If the kernel has no asynchronous I/O, this function sleeps. */
	if (context == 0 && syscall(SYS_io_setup, 1, &context) != 0)
		return wait_nanosleep();
	return syscall(SYS_io_getevents, context, 1, 1, NULL, &wait_time) == 0 ? 0 : errno;
}

/* wait_event() waits for an event of this eventfd, which write_events() writes. */
static int event_fd;

static int wait_event(void)
{
	uint64_t events;

	return read(event_fd, &events, sizeof(events)) == sizeof(events) ? 0 : errno;
}

static int write_events(void)
{
	uint64_t one = 1;

	nanosleep(&wait_time, NULL);
	return write(event_fd, &one, sizeof(one)) == sizeof(one) ? 0 : errno;
}

/* Real-time signals are queued: the number of handled signals must equal the number sent. */
static long sent, handled;

static int send_signals(void)
{
	const struct timespec pause = {0, 200000};

	for (int i = 0; i < COUNTERS; i++) {
		int r = pthread_kill(counters[i], SIGRTMIN);

		/* While the thread waits for a CPU, the queue can fill up. pthread_kill() then returns EAGAIN. */
		if (r != 0 && r != EAGAIN)
			return r;
		sent += r == 0;
	}
	return nanosleep(&pause, NULL) == 0 ? 0 : errno;
}

static void *end_at_once(void *argument)
{
	return argument;
}

static int start_and_join(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, end_at_once, NULL);

	return r != 0 ? r : pthread_join(thread, NULL);
}

static struct wait {
	const char *name;
	int (*function)(void);
	bool left_alone; /* true: the kernel doesn't restart this call after an interruption */
	long done;
	int error;
} waits[] = {
	{"nanosleep", wait_nanosleep, false, 0, 0},
	{"clock_nanosleep", wait_clock, false, 0, 0},
	{"epoll_wait", wait_epoll, true, 0, 0},
	{"poll", wait_poll, false, 0, 0},
	{"select", wait_select, false, 0, 0},
	{"sem_timedwait", wait_semaphore, false, 0, 0},
	{"pthread_cond_timedwait", wait_condition, false, 0, 0},
	{"sigtimedwait", wait_signal, true, 0, 0},
	{"semtimedop", wait_sysv, true, 0, 0},
	{"recv with a timeout", wait_socket, true, 0, 0},
	{"io_getevents", wait_aio, true, 0, 0},
	{"read", wait_event, false, 0, 0},
	{"write", write_events, false, 0, 0},
	{"signals", send_signals, false, 0, 0},
	{"threads that end at once", start_and_join, false, 0, 0},
};

#define WAITS (sizeof(waits) / sizeof(waits[0]))

/* Waits at least once: on a busy machine, SIGTERM can arrive before this thread runs for the first time. */
static void *wait_often(void *argument)
{
	struct wait *wait = (struct wait *)argument;

	do {
		wait->error = wait->function();
		if (wait->error == EINTR && wait->left_alone && !ALL_IS_RESTARTED)
			wait->error = 0;
		wait->done++;
	} while (!__atomic_load_n(&stop_waiting, __ATOMIC_RELAXED) && wait->error == 0);
	return NULL;
}

static void *count(void *argument)
{
	int64_t *mine = (int64_t *)argument;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	for (; !__atomic_load_n(&stop_counting, __ATOMIC_RELAXED); *mine += 1000)
		for (int i = 0; i < 1000; i++)
			rk_counter_add(counter, 1);
	return NULL;
}

static void count_in_handler(int signal)
{
	(void)signal;
	rk_counter_add(counter, 1);
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
}

static int verify(void)
{
	int64_t expected = __atomic_load_n(&handled, __ATOMIC_RELAXED);
	int failed = 0;

#ifndef __SANITIZE_THREAD__ /* ThreadSanitizer merges several signals into one */
	if (expected != sent) {
		printf("%ld signals were sent, %lld handled\n", sent, (long long)expected);
		failed = 1;
	}
#endif

	for (int i = 0; i < COUNTERS; i++)
		expected += counted[i];
	if (rk_counter_sum(counter) != expected) {
		printf("counted %lld, expected %lld\n", (long long)rk_counter_sum(counter), (long long)expected);
		failed = 1;
	}
	for (size_t i = 0; i < WAITS; i++) {
		if (waits[i].error == 0 && waits[i].done > 0)
			continue;
		printf("%s: %s, after %ld times\n", waits[i].name, strerror(waits[i].error), waits[i].done);
		failed = 1;
	}
	return failed;
}

int main(int argc, char **argv)
{
	struct timespec limit = {argc > 1 ? atoi(argv[1]) : 60, 0};
	struct sigaction action = {.sa_handler = count_in_handler};
	pthread_t threads[WAITS];
	sigset_t blocked, end;

	/*
	 * If a handler ran in a thread that waits, the wait would end with EINTR, even if inspect works correctly. All threads
	 * therefore block signals, except that the threads that count unblock SIGRTMIN.
	 */
	sigfillset(&blocked);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	sigaction(SIGRTMIN, &action, NULL);
	event_fd = eventfd(0, 0);
	if (rk_counter_create(&counter) != 0)
		return 2;
	for (int i = 0; i < COUNTERS; i++)
		pthread_create(&counters[i], NULL, count, &counted[i]);
	for (size_t i = 0; i < WAITS; i++)
		pthread_create(&threads[i], NULL, wait_often, &waits[i]);
	puts("ready");
	fflush(stdout);

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	while (sigtimedwait(&end, NULL, &limit) < 0 && errno != EAGAIN)
		if (errno == EINTR && ALL_IS_RESTARTED)
			puts("main: sigtimedwait saw EINTR");
	__atomic_store_n(&stop_waiting, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < WAITS; i++) {
		uint64_t one = 1;

		(void)!write(event_fd, &one, sizeof(one));
		pthread_join(threads[i], NULL);
	}
	/* The last signals may still be undelivered. Gives them time. */
	nanosleep(&wait_time, NULL);
	__atomic_store_n(&stop_counting, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < COUNTERS; i++)
		pthread_join(counters[i], NULL);
	if (verify() != 0)
		return 1;
	puts("undisturbed");
	return 0;
}
