/* SPDX-License-Identifier: MIT */
/* checks.h - the interface between the files of this program: the checks of a thread, the tests, and the supervisor. */
#ifndef CHECKS_H
#define CHECKS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define SIGNATURE 0x53053053

/* flags of rseq(2), and the commands that its last argument has with FLAG_KTLS */
#define FLAG_UNREGISTER (1 << 0)
#define FLAG_KTLS (1 << 2)
#define KTLS_GET_LAYOUT 1
#define KTLS_SET_OFFSET 2
#define KTLS_SET_SIG 3
#define KTLS_SET_THREAD 4

extern const ptrdiff_t __rseq_offset;
extern const unsigned int __rseq_size;

/* The report that the supervisor compares with its counts. */
struct report {
	long images;	/* programs that were started; the C library makes the same calls of rseq(2) at the start of each */
	long detached;	/* threads that ended detached: each calls rseq(2) once */
	long refused;	/* threads made after clone3 had failed: each calls rseq(2) once */
	long failed;
};
extern struct report report;

extern char self[];	/* a path that names this program in each process that runs it */
extern char path[4096];	/* this program's real path */

/* judge.c: looks for KTLS in the vDSO, and if `with_blob`, asks the kernel for the blob's offset. */
void look_at_kernel(_Bool with_blob);
_Bool has_ktls(void);

/*
 * Each function returns a fault of the calling thread as text, or NULL. wrong_here() checks on the thread's CPU, and is
 * async-signal-safe. wrong() checks on each CPU.
 */
const char *wrong_here(void);
const char *wrong(void);

/* These functions keep the results of threads that aren't joined. */
void forget(void);		/* forgets all results */
void note(const char *what);	/* adds the result of one check: a fault, or NULL */
int looked(void);		/* returns the number of checks */
const char *noted(int wanted);	/* like noted_any(); also returns a fault if the number of checks isn't `wanted` */
const char *noted_any(void);	/* returns a fault that was noted, or NULL */

void *thread(void *unused); /* a start routine: checks its own thread, and returns a fault or NULL */
const char *in_thread(const pthread_attr_t *attributes, void *(*function)(void *));
void wait_for_ends(void); /* returns when only the calling thread is left */

/* The tests of kinds.c and children.c. Each test returns NULL, a fault as text, or "# SKIP" with the reason. */
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

/* supervisor.c: runs the tests in a child, and compares the calls of rseq(2) with the child's report. */
int supervised(int tests);

#endif /* CHECKS_H */
