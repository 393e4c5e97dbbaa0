/* SPDX-License-Identifier: MIT */
/*
 * workers.h - the processes that run the loops of a bench, seen from the tool.
 *
 * The protocol is in bench/worker.c: a line asked, a line answered (or several, for "list"). Every failure of a
 * worker - it can't be found, dies, is silent for too long, answers too much - is complained about here, and is
 * final.
 */
#ifndef RK_TOOL_BENCH_WORKER_H
#define RK_TOOL_BENCH_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What a worker's process is like. */
enum bench_environment {
	BENCH_AS_IS,   /* as this process */
	BENCH_NO_LIBC, /* the libc is told not to register threads */
	BENCH_NO_RSEQ, /* rseq is a system call that doesn't exist */
	/* As this process, and malloc() is that of the allocator (peers.h): */
	BENCH_JEMALLOC,
	BENCH_MIMALLOC,
	BENCH_TCMALLOC,
	BENCH_ENVIRONMENTS
};

/* How a worker is linked. */
enum bench_mode { BENCH_PIE, BENCH_NON_PIE, BENCH_MODES };

struct bench_worker {
	pid_t pid; /* 0: not running */
	int fd;    /* both directions */
	const char *name;
	size_t size; /* of what was received and not yet returned */
	size_t returned;
	char received[4096];
};

/* `preload`: a library that the dynamic linker loads before all others, and what it says about that is lost; or NULL. */
bool bench_worker_start(struct bench_worker *worker, enum bench_mode mode, enum bench_environment environment,
			const char *preload);

/* Sends a request: a printf format without newline. */
bool bench_worker_ask(struct bench_worker *worker, const char *format, ...)
	__attribute__((__format__(__printf__, 2, 3)));

/* The next line of the answer, without its newline, valid until the next call; NULL on failure. */
const char *bench_worker_answer(struct bench_worker *worker);

/* Ends and reaps it; nothing to do for one that isn't running. */
void bench_worker_stop(struct bench_worker *worker);

#endif /* RK_TOOL_BENCH_WORKER_H */
