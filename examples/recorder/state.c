/* SPDX-License-Identifier: MIT */
/*
 * state.c - begins and ends a recording.
 *
 * The recording begins at the first call after the C library has set `environ`, at the latest in the recorder's constructor.
 * Calls in the constructors of the program and its libraries are therefore recorded, except those in the C library's own
 * constructor. The reader (reader.c) starts in the recorder's constructor; until then records wait in the rings. The recording
 * ends when the program ends: at the end of exit(), in _exit(), in quick_exit(), or with its last thread.
 *
 * Invariant: recorder.ring isn't NULL from the beginning of a recording to its end. The ring is never destroyed, because a
 * thread that has read the pointer can still be writing. In the child of a fork the recording begins again, in the same rings.
 */
#define _GNU_SOURCE
#include "trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <unistd.h>

struct recorder recorder;
__thread struct recorder_thread mine __attribute__((__tls_model__("initial-exec")));

enum { BEFORE, BEGUN };
static int phase;

static size_t size_told(void)
{
	const char *text = secure_getenv(ENVIRONMENT_SIZE);
	size_t size = text == NULL ? 0 : strtoul(text, NULL, 10);

	return size == 0 ? SIZE_DEFAULT : size;
}

/* If no file is given, nothing is recorded. */
static int begin(void)
{
	const char *file = secure_getenv(ENVIRONMENT_FILE);
	char *process = secure_getenv(ENVIRONMENT_PROCESS);
	struct rk_ring_options options = {.size = size_told()};
	struct rk_ring *ring;
	int r;

	if (file == NULL || *file == '\0' || strlen(file) >= sizeof(recorder.file))
		return 0;
	complain_prepare();
	strcpy(recorder.file, file);
	recorder.process = getpid();
	recorder.is_own_file = process != NULL && strtol(process, NULL, 10) == recorder.process;
	/* If this process executes another program, that program mustn't open FILE again: a FIFO's reader has ended by then. */
	if (recorder.is_own_file)
		*process = '-';
	r = rk_counter_create(&recorder.made);
	if (r == 0)
		r = rk_ring_create(&ring, &options, sizeof(options));
	if (r < 0)
		return r;
	threads_count();
	recorder.born = clock_begin();
	__atomic_store_n(&recorder.ring, ring, __ATOMIC_RELEASE);
	return 0;
}

/*
 * The C library sets `environ` in its own constructor. The dynamic linker allocates before that. If several threads call this
 * function at the same time, one begins the recording. The calls that other threads make until it has begun aren't recorded.
 */
static void begin_once(void)
{
	int before = BEFORE, error = errno;

	if (environ == NULL || !__atomic_compare_exchange_n(&phase, &before, BEGUN, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	mine.is_own = true;
	before = begin();
	mine.is_own = false;
	if (before < 0)
		complain("no rings", -before);
	errno = error;
}

enum way way_found(void)
{
	if (!next_found() || mine.is_own)
		return WAY_OWN;
	if (RKI_UNLIKELY(__atomic_load_n(&phase, __ATOMIC_RELAXED) == BEFORE))
		begin_once();
	return __atomic_load_n(&recorder.ring, __ATOMIC_ACQUIRE) != NULL && mine.silent == 0 ? WAY_RECORD : WAY_PASS;
}

static void start_reader(void)
{
	int r;

	if (recorder.ring == NULL)
		return;
	r = reader_start();
	if (r == 0)
		return;
	__atomic_store_n(&recorder.ring, NULL, __ATOMIC_RELEASE);
	complain("no thread to read the rings", -r);
}

/* The rings have the parent's records, which the reader skips. */
static void begin_in_child(void)
{
	if (recorder.ring == NULL)
		return;
	mine = (struct recorder_thread){0};
	threads_count();
	recorder.process = getpid();
	recorder.is_child = true;
	recorder.is_own_file = false;
	recorder.made_before = rk_counter_sum(recorder.made);
	recorder.born = clock_begin();
	start_reader();
}

__attribute__((__constructor__)) static void begin_in_constructor(void)
{
	(void)way_found();
	if (recorder.ring == NULL)
		return;
	start_reader();
	mine.is_own = true;
	(void)pthread_atfork(NULL, NULL, begin_in_child);
	(void)at_quick_exit(recorder_end);
	mine.is_own = false;
}

/* Does nothing in a vfork child, or in a child of a raw system call. Such a child has no recording of its own. */
__attribute__((__destructor__)) void recorder_end(void)
{
	struct event event = {.kind = EVENT_EXIT};

	if (phase == BEFORE || mine.is_own || recorder.process != getpid())
		return;
	record(&event);
	__atomic_store_n(&recorder.ring, NULL, __ATOMIC_RELEASE);
	reader_finish();
}
