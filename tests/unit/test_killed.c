/* SPDX-License-Identifier: MIT */
/* Tests vfork children that are killed or stopped while they write to a ring or use a list of nodes (killed.h). */
#include "killed.h"
#include "records.h"

#define NODES 8

static struct rk_ring *ring;
/*
 * `written`: records that were in the ring before the vfork. `ours`: records that write_record() counted, or nodes that
 * pop_two() kept.
 */
static int written, ours;

static int write_stamped(uint64_t number)
{
	char buffer[RECORD_LONGEST];

	return rki_ring_write_slow(ring, buffer, make_record(buffer, 0, number, 100), 1, RK_NO_RSEQ);
}

static void create_ring(void)
{
	struct rk_ring_options options = {.size = 8192};

	CHECK(rk_ring_create(&ring, &options, sizeof(options)) == 0 && write_stamped(0) == 0);
	written = 1;
}

static void write_record(void)
{
	if (write_stamped(1) == 0)
		__atomic_fetch_add(&ours, 1, __ATOMIC_RELAXED);
}

static int count_record(void *count, const struct rk_ring_record *record)
{
	CHECK(is_whole(record));
	++*(int *)count;
	return 0;
}

static int ring_works(void)
{
	int count = 0, sure = written + ours + 1;

	CHECK(write_stamped(2) == 0 && rk_ring_merge(ring, count_record, &count) == 0);
	/*
	 * A killed child may have written its record without counting it in `ours`. A child that wasn't killed has counted its
	 * record.
	 */
	CHECK(count == sure || (count == sure + 1 && !progress->passed));
	written = ours = 0;
	return 0;
}

/* Runs in the vfork child: calls rk_vfork_begin() as the parent has done before, and writes a record. */
static void write_in_bracket(void)
{
	CHECK(rk_vfork_begin() == 0);
	write_record();
	CHECK(rk_vfork_end() == 0);
}

static pthread_t sleeper;
static bool sleeps, awake;

static void *sleep_until_told(void *argument)
{
	CHECK(rk_ring_wait_for(ring, INT64_MAX) == 0);
	__atomic_store_n(&awake, true, __ATOMIC_RELEASE);
	return argument;
}

static void create_ring_with_sleeper(void)
{
	struct rk_ring_options options = {.size = 8192};
	const struct rk_ring_shared *shared;

	CHECK(rk_ring_create(&ring, &options, sizeof(options)) == 0);
	shared = (const struct rk_ring_shared *)rk_percpu_slot(ring, RK_INDEX_RESERVE);
	CHECK(pthread_create(&sleeper, NULL, sleep_until_told, NULL) == 0);
	while ((__atomic_load_n(&shared->waiting, __ATOMIC_ACQUIRE) & 1) == 0)
		usleep(50);
	usleep(1000); /* after this time the thread most likely sleeps */
	written = 0;
	sleeps = true;
}

/*
 * After the kill and a further record, the sleeping thread must be awake, even if the killed child was about to wake
 * it.
 */
static int sleeper_is_told(void)
{
	if (!sleeps || (pid_t)syscall(SYS_gettid) == getpid())
		return 0; /* children lack the sleeping thread, so only the thread that judge_everywhere() creates continues */
	CHECK(write_stamped(2) == 0);
	for (int i = 0; !__atomic_load_n(&awake, __ATOMIC_ACQUIRE) && i < 100000; i++)
		usleep(100);
	sleeps = false;
	return awake && pthread_join(sleeper, NULL) == 0 ? 0 : 1;
}

static struct rk_freelist *list;
static struct rk_freelist_node nodes[NODES];

static void create_list(void)
{
	CHECK(rk_freelist_create(&list) == 0);
	for (int i = 0; i < NODES; i++)
		rki_freelist_push_slow(list, &nodes[i], &nodes[i], RK_NO_RSEQ);
}

static void pop_and_push(void)
{
	struct rk_freelist_node *node = rki_freelist_pop_slow(list, RK_NO_RSEQ);

	if (node != NULL)
		rki_freelist_push_slow(list, node, node, RK_NO_RSEQ);
}

/*
 * Pops two nodes, and pushes the first node back. If the stopped child's pop didn't notice this, it would store the
 * second node as the list's head, although this thread has taken that node (ABA).
 */
static void pop_two(void)
{
	struct rk_freelist_node *first = rki_freelist_pop_slow(list, RK_NO_RSEQ), *second;

	if (first == NULL)
		return; /* the list looks empty: the stopped child holds the claim of the overflow list (rseqkit/freelist.h) */
	second = rki_freelist_pop_slow(list, RK_NO_RSEQ);
	CHECK(second != NULL);
	rki_freelist_push_slow(list, first, first, RK_NO_RSEQ);
	second->next = NULL;
	ours = 1;
}

/*
 * Checks that all nodes are in the list, except the node that pop_two() kept. If the vfork child was killed, one more
 * node can be missing.
 */
static int list_works(void)
{
	struct rk_freelist_node *got[NODES + 1];
	int n = 0, sure = NODES - ours;

	while (n <= NODES && (got[n] = rki_freelist_pop_slow(list, RK_NO_RSEQ)) != NULL)
		n++;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			CHECK(got[i] != got[j]);
	for (int i = 0; i < n; i++)
		rki_freelist_push_slow(list, got[i], got[i], RK_NO_RSEQ);
	return n == sure || (n == sure - 1 && the_killed->meanwhile == NULL) ? 0 : 1;
}

static const struct CMUnitTest tests[] = {
	KILLED(killed_writers_to_a_ring, create_ring, write_record, ring_works, NULL, false, false),
	KILLED(killed_in_a_bracket_of_its_own, create_ring, write_in_bracket, ring_works, NULL, false, false),
	KILLED(killed_in_an_inner_bracket, create_ring, write_record, ring_works, NULL, true, false),
	KILLED(killed_while_it_tells, create_ring_with_sleeper, write_record, sleeper_is_told, NULL, false, false),
	KILLED(killed_users_of_a_freelist, create_list, pop_and_push, list_works, NULL, false, false),
	KILLED(slow_writers_to_a_ring, create_ring, write_record, ring_works, write_record, false, false),
	KILLED(slow_writers_that_fork, create_ring, write_record, ring_works, write_record, true, true),
	KILLED(slow_users_of_a_freelist, create_list, pop_and_push, list_works, pop_two, false, false),
};

RUN(tests)
