/* SPDX-License-Identifier: MIT */
/*
 * workers.h - starts the processes that run the loops of a bench (the workers), and communicates with them.
 *
 * bench/worker.c describes the protocol: a request is one line, and its answer is one line (several lines for "list"). A
 * worker fails if its executable can't be found, or if the worker dies, doesn't answer in time, or answers too much. The
 * functions of this file print a message about the failure. A failed worker isn't used again.
 */
#ifndef RK_TOOL_BENCH_WORKER_H
#define RK_TOOL_BENCH_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The environment of a worker's process. */
enum bench_environment {
	BENCH_AS_IS,   /* like this process */
	BENCH_NO_LIBC, /* the C library doesn't register threads */
	BENCH_NO_RSEQ, /* the rseq system call returns ENOSYS */
	/* like this process, but with malloc() of another allocator (peers.h): */
	BENCH_JEMALLOC,
	BENCH_MIMALLOC,
	BENCH_TCMALLOC,
	BENCH_ENVIRONMENTS
};

/* The kind of a worker's executable. */
enum bench_mode { BENCH_PIE, BENCH_NON_PIE, BENCH_MODES };

struct bench_worker {
	pid_t pid; /* 0 if the worker isn't running */
	int fd;    /* the socket, for both directions */
	const char *name;
	size_t size; /* bytes in `received` */
	size_t returned; /* the number of bytes of the last returned line, which is at the beginning of `received` */
	char received[4096];
};

/*
 * Starts a worker. `preload` is a library that the dynamic linker loads before all others, or NULL. With a library, the
 * worker's stderr is discarded, so that no message of the dynamic linker is shown.
 */
bool bench_worker_start(struct bench_worker *worker, enum bench_mode mode, enum bench_environment environment,
			const char *preload);

/* Sends a request. `format` is as for printf(), and has no newline. Returns false if the worker fails. */
bool bench_worker_ask(struct bench_worker *worker, const char *format, ...)
	__attribute__((__format__(__printf__, 2, 3)));

/* Returns the next line of the answer without its newline, valid until the next call; NULL on failure. */
const char *bench_worker_answer(struct bench_worker *worker);

/* Ends and reaps the worker, if the worker is running. */
void bench_worker_stop(struct bench_worker *worker);

#endif /* RK_TOOL_BENCH_WORKER_H */
