/* SPDX-License-Identifier: MIT */
/*
 * main.c - a server on the loopback interface, which shows its statistics at /metrics. The main thread accepts connections and
 * waits for signals. The workers (worker.h) do the rest.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "worker.h"

#define THREADS_MAX 64
#define CONNECTIONS_DEFAULT 10000
#define ACCEPTS 64    /* at most this many connections are accepted before the next check for signals */
#define PAUSE_MS 50   /* the wait before the next try, after file descriptors or memory ran out */

struct options {
	long port, threads, connections, timeout_ms;
};

static struct worker workers[THREADS_MAX];
static long threads;
static int64_t given; /* the number of connections that were given to workers until now */

static int fail(const char *what, int error)
{
	fprintf(stderr, "server: %s: %s\n", what, strerror(error));
	return 1;
}

static bool take_number(const char *text, long least, long most, long *number)
{
	char *end;

	errno = 0;
	*number = strtol(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *number >= least && *number <= most;
}

static bool take_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {{"port", required_argument, NULL, 'p'},
					      {"threads", required_argument, NULL, 't'},
					      {"connections", required_argument, NULL, 'c'},
					      {"timeout-ms", required_argument, NULL, 'm'},
					      {NULL, 0, NULL, 0}};
	bool right = true;
	int option;

	while (right && (option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case 'p':
			right = take_number(optarg, 0, 65535, &options->port);
			break;
		case 't':
			right = take_number(optarg, 1, THREADS_MAX, &options->threads);
			break;
		case 'c':
			right = take_number(optarg, 1, 1000000, &options->connections);
			break;
		case 'm':
			right = take_number(optarg, 1, 3600000, &options->timeout_ms);
			break;
		default:
			right = false;
		}
	}
	if (right && optind == argc)
		return true;
	fprintf(stderr, "usage: %s [--port N] [--threads N] [--connections N] [--timeout-ms N]\n"
			"  --port         a port of the loopback interface; 0: any free port, which is printed (default 8080)\n"
			"  --threads      worker threads, 1 to 64 (default: the number of CPUs)\n"
			"  --connections  open at once; others get the answer 503 (default 10000, or what open files allow)\n"
			"  --timeout-ms   for each request, each answer, and the time in between (default 30000)\n", argv[0]);
	return false;
}

/* Raises the limit of files as far as possible. Returns the new limit, at most 1,000,000. */
static long raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur < 1000000 ? (long)limit.rlim_cur : 1000000;
}

/* Returns a listening socket and stores its port, or returns a negative errno. */
static int listen_at(long *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -errno;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* Connections inherit TCP_NODELAY: data are sent at once. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	*port = ntohs(address.sin_port);
	return fd;
}

static int64_t open_connections(void)
{
	int64_t open = given;

	for (long i = 0; i < threads; i++)
		open -= __atomic_load_n(&workers[i].ended, __ATOMIC_ACQUIRE);
	return open;
}

/* Answers that there is no room for the connection. Doesn't wait for the client. */
static void refuse(int fd)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	char request[4096];
	ssize_t received, sent = send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);

	shutdown(fd, SHUT_WR);
	received = recv(fd, request, sizeof(request), 0); /* if input stayed unread, close() would reset the connection */
	statistics_add(BYTES_RECEIVED, received > 0 ? received : 0);
	statistics_add(BYTES_SENT, sent > 0 ? sent : 0);
	statistics_add(CONNECTIONS_REFUSED, 1);
	close(fd);
}

/*
 * Accepts some connections. Returns false if there are no file descriptors or no memory for more connections. In this case don't
 * try again at once.
 */
static bool accept_some(int listener, int64_t most)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
			return false;
		if (fd < 0 && errno == EAGAIN)
			return true;
		if (fd < 0) /* the client has broken the connection already */
			continue;
		if (open_connections() >= most) {
			refuse(fd);
			continue;
		}
		statistics_add(CONNECTIONS_ACCEPTED, 1); /* before a worker can count that it was closed */
		if (worker_give(&workers[given % threads], fd) == 0) {
			given++;
			continue;
		}
		statistics_add(CLOSED_BROKEN, 1);
		close(fd);
	}
	return true;
}

/* Accepts connections until a signal arrives. */
static void accept_all(int listener, int signals, int64_t most)
{
	struct pollfd files[2] = {{signals, POLLIN, 0}, {listener, POLLIN, 0}};
	bool room = true;

	while (files[0].revents == 0) {
		/* If there is no room, poll() returns after PAUSE_MS. Until then clients wait in the kernel's queue. */
		int ready = poll(files, room ? 2 : 1, room ? -1 : PAUSE_MS);

		if (ready < 0 || files[0].revents != 0)
			continue;
		room = accept_some(listener, most);
		if (!room)
			statistics_add(ACCEPT_PAUSES, 1);
	}
}

static void report(void)
{
	struct statistics statistics;
	struct rusage usage;
	int64_t responses = 0;

	statistics_read(&statistics);
	for (int i = 0; i < STATUSES; i++)
		responses += statistics.counts[RESPONSES + i];
	getrusage(RUSAGE_SELF, &usage);
	printf("server: ended: %" PRId64 " requests, %" PRId64 " responses, %" PRId64 " aborted, %" PRId64
	       " connections, %" PRId64 " refused; CPU time %ld.%06ld s user, %ld.%06ld s system\n",
	       statistics.counts[REQUESTS], responses, statistics.counts[REQUESTS_ABORTED],
	       statistics.counts[CONNECTIONS_ACCEPTED], statistics.counts[CONNECTIONS_REFUSED], (long)usage.ru_utime.tv_sec,
	       (long)usage.ru_utime.tv_usec, (long)usage.ru_stime.tv_sec, (long)usage.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
	struct options options = {8080, sysconf(_SC_NPROCESSORS_ONLN), 0, 30000};
	int listener, signals, r;
	long files, others;
	sigset_t ending;

	if (options.threads > THREADS_MAX)
		options.threads = THREADS_MAX;
	if (!take_options(argc, argv, &options))
		return 2;
	files = raise_files();
	others = 16 + 2 * options.threads; /* the number of open files that aren't connections */
	if (options.connections == 0)
		options.connections = files - others < CONNECTIONS_DEFAULT ? files - others : CONNECTIONS_DEFAULT;
	if (options.connections < 1)
		return fail("the limit of files is too low", EMFILE);
	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ending, NULL); /* the workers inherit the mask */
	signals = signalfd(-1, &ending, SFD_CLOEXEC);
	if (signals < 0)
		return fail("signalfd", errno);
	r = statistics_create();
	if (r < 0)
		return fail("statistics", -r);
	listener = listen_at(&options.port);
	if (listener < 0)
		return fail("listening", -listener);
	for (threads = 0; threads < options.threads; threads++) {
		r = worker_start(&workers[threads], (uint64_t)options.timeout_ms * 1000000);
		if (r < 0)
			return fail("starting a thread", -r);
	}
	printf("server: statistics by %s; http://127.0.0.1:%ld/ with %ld threads for %ld connections\n", statistics_kind,
	       options.port, threads, options.connections);
	fflush(stdout);
	accept_all(listener, signals, options.connections);
	close(listener);
	for (long i = 0; i < threads; i++)
		worker_stop(&workers[i]);
	for (long i = 0; i < threads; i++)
		worker_join(&workers[i]);
	close(signals);
	report();
	statistics_destroy();
	return 0;
}
