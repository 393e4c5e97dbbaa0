/* SPDX-License-Identifier: MIT */
/*
 * checks.h - what the parts of this program share: what a thread is asked, what was found, and what the supervisor is
 * told of it.
 */
#ifndef CHECKS_H
#define CHECKS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define SIGNATURE 0x53053053

/* rseq(2) */
#define FLAG_UNREGISTER (1 << 0)
#define FLAG_GET_LAYOUT (1 << 16)
#define FLAG_SET_OFFSET (1 << 17)
#define FLAG_SET_KTLS_SIG (1 << 18)
#define FLAG_SET_THREAD (1 << 19)

extern const ptrdiff_t __rseq_offset;
extern const unsigned int __rseq_size;

/* What the supervisor is told, to hold it against what it saw. */
struct report {
	long images;	/* programs started: the calls of the C library's start are made so many times */
	long detached;	/* threads that ended detached: each calls rseq(2) once */
	long refused;	/* threads that could not be made by clone3: each calls rseq(2) once */
	long failed;
};
extern struct report report;

extern char self[];	/* a path that leads to this program, wherever it runs */
extern char path[4096];	/* this program's own */

/* judge.c: looks for KTLS in the vDSO, and unless it is the supervisor that asks, at where the blob is. */
void look_at_kernel(_Bool with_blob);
_Bool has_ktls(void);

/* What is wrong with the calling thread, or NULL. The first may be called by signal handlers; the second moves to each CPU. */
const char *wrong_here(void);
const char *wrong(void);

/* Of threads that nobody joins, between forget() and noted(): how many looked, and what was wrong first. */
void forget(void);
void note(const char *what);
int looked(void);
const char *noted(int wanted);
const char *noted_any(void);

void *thread(void *unused); /* a thread that looks, and returns what is wrong */
const char *in_thread(const pthread_attr_t *attributes, void *(*function)(void *));
void wait_for_ends(void); /* until only the calling thread is left */

/* kinds.c, children.c: NULL, what is wrong, or "# SKIP" with the reason. */
const char *test_this(void);
const char *test_joined(void);
const char *test_stack(void);
const char *test_scheduled(void);
const char *test_c11(void);
const char *test_detached(void);
const char *test_detached_later(void);
const char *test_cancelled(void);
const char *test_timer(void);
const char *test_signals(void);
const char *many_detached(int threads);
const char *test_fork(void);
const char *test_fork_of_thread(void);
const char *test_vfork(void);
const char *test_exec(void);
const char *test_exec_of_thread(void);
const char *test_spawn(void);
const char *test_system(void);
const char *test_popen(void);
const char *test_sandbox(void);

/* supervisor.c: has this program run the tests, and holds the calls of rseq(2) against what they report. */
int supervised(int tests);

#endif /* CHECKS_H */
