/* SPDX-License-Identifier: MIT */
/*
 * A vfork child that is killed in the middle of what it does, at each instruction of it: its parent, the parent's other
 * threads, forked children and further vfork children find nothing taken that nobody gives back. One that lives and stands
 * still there keeps what it has from other threads.
 */
#define TEST_SECONDS 900 /* each instruction is tried, beside others that do so */
#include "test.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include "records.h"
#include "refuse.h"
#include "urgent.h"

#define INSTRUCTIONS_MAX 3000
#define NODES 8

/* Shared with the processes: where the vfork child is, and whether another thread of its parent has done its part. */
static volatile struct {
	bool inside, done, stands, passed;
} *progress;

struct killed {
	void (*prepare)(void);
	void (*operate)(void);   /* in a vfork child */
	int (*judge)(void);      /* wherever that parent's memory is, or a copy of it: 0 if all is well */
	void (*meanwhile)(void); /* in another thread, while the child stands still. NULL: the child is killed */
	bool inner;              /* there is a bracket around that of the child */
	bool forks;              /* before the child stands still */
};

static const struct killed *the_killed;

static struct rk_ring *ring;
static int written, ours; /* records that are there for sure; of them those by write_record() */

static int write_stamped(uint64_t number)
{
	char buffer[RECORD_LONGEST];

	return rk_ring_write_slow(ring, buffer, make_record(buffer, 0, number, 100), 1, RK_NO_RSEQ);
}

static void create_ring(void)
{
	struct rk_ring_options options = {.size = 8192};

	CHECK(rk_ring_create(&ring, &options) == 0 && write_stamped(0) == 0);
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
	/* The child was killed before it knew. */
	CHECK(count == sure || (count == sure + 1 && !progress->passed));
	written = ours = 0;
	return 0;
}

/* A bracket inside that of its parent. */
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
	CHECK(rk_ring_wait(ring, -1) == 0);
	__atomic_store_n(&awake, true, __ATOMIC_RELEASE);
	return argument;
}

static void create_ring_with_sleeper(void)
{
	struct rk_ring_options options = {.size = 8192};
	const struct rk_ring_shared *shared;

	CHECK(rk_ring_create(&ring, &options) == 0);
	shared = (const struct rk_ring_shared *)rk_percpu_slot(ring, RK_INDEX_RESERVE);
	CHECK(pthread_create(&sleeper, NULL, sleep_until_told, NULL) == 0);
	while ((__atomic_load_n(&shared->waiting, __ATOMIC_ACQUIRE) & 1) == 0)
		usleep(50);
	usleep(1000); /* most likely it sleeps then */
	written = 0;
	sleeps = true;
}

/* The next record wakes it, whoever writes that. */
static int sleeper_is_told(void)
{
	if (!sleeps || (pid_t)syscall(SYS_gettid) == getpid())
		return 0; /* a forked child hasn't got it */
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
		rk_freelist_push_slow(list, &nodes[i], &nodes[i], RK_NO_RSEQ);
}

static void pop_and_push(void)
{
	struct rk_freelist_node *node = rk_freelist_pop_slow(list, RK_NO_RSEQ);

	if (node != NULL)
		rk_freelist_push_slow(list, node, node, RK_NO_RSEQ);
}

/* The head is back, and what is behind it isn't: a pop that had begun before would bring that back. */
static void pop_two(void)
{
	struct rk_freelist_node *first = rk_freelist_pop_slow(list, RK_NO_RSEQ), *second;

	if (first == NULL)
		return; /* who stands still has the claim */
	second = rk_freelist_pop_slow(list, RK_NO_RSEQ);
	CHECK(second != NULL);
	rk_freelist_push_slow(list, first, first, RK_NO_RSEQ);
	second->next = NULL;
	ours = 1;
}

/* But for one that each killed child may have had. */
static int list_works(void)
{
	struct rk_freelist_node *got[NODES + 1];
	int n = 0, sure = NODES - ours;

	while (n <= NODES && (got[n] = rk_freelist_pop_slow(list, RK_NO_RSEQ)) != NULL)
		n++;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			CHECK(got[i] != got[j]);
	for (int i = 0; i < n; i++)
		rk_freelist_push_slow(list, got[i], got[i], RK_NO_RSEQ);
	return n == sure || (n == sure - 1 && the_killed->meanwhile == NULL) ? 0 : 1;
}

static void *pass(void *argument)
{
	while (!progress->stands)
		usleep(50);
	the_killed->meanwhile();
	progress->passed = true;
	return argument;
}

static int nothing(void)
{
	return 0;
}

static void fork_and_stand(int signal)
{
	(void)signal;
	CHECK(in_child(nothing) == 0);
	progress->stands = true;
	while (!progress->passed)
		usleep(50);
}

static int in_vfork_child(void *argument, const void *signals)
{
	(void)signals;
	progress->inside = true;
	the_killed->operate();
	progress->done = argument == NULL;
	return 0;
}

static void *judge_in_thread(void *end)
{
	*(int *)end = the_killed->judge();
	return NULL;
}

static void judge_everywhere(void)
{
	pthread_t thread;
	int pid, end = -1;

	CHECK(in_child(the_killed->judge) == 0);
	CHECK(pthread_create(&thread, NULL, judge_in_thread, &end) == 0 && pthread_join(thread, NULL) == 0 && end == 0);
	CHECK(rk_vfork_run(in_vfork_child, &pid, &pid) == 0 && exit_status_of(pid) == 0);
	CHECK(the_killed->judge() == 0);
}

/* A child of fork has its parent's brackets, and none of the killed child's. */
static int end_brackets(void)
{
	CHECK(!the_killed->inner || rk_vfork_end() == 0);
	CHECK(rk_vfork_end() == 0 && rk_vfork_end() == -EINVAL);
	return the_killed->meanwhile == NULL ? the_killed->judge() : 0;
}

static void run_traced(void)
{
	pthread_t passing;
	volatile pid_t pid;
	int status;

	the_killed->prepare();
	CHECK(signal(SIGUSR1, fork_and_stand) != SIG_ERR);
	if (the_killed->meanwhile != NULL)
		CHECK(pthread_create(&passing, NULL, pass, NULL) == 0);
	CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
	alarm(240);
	raise(SIGSTOP);
	CHECK(!the_killed->inner || rk_vfork_begin() == 0);
	CHECK(rk_vfork_begin() == 0);
	pid = vfork();
	if (pid == 0)
		_exit(in_vfork_child(NULL, NULL));
	CHECK(in_child(end_brackets) == 0);
	CHECK(rk_vfork_end() == 0 && waitpid(pid, &status, 0) == pid);
	if (the_killed->meanwhile != NULL)
		CHECK(pthread_join(passing, NULL) == 0);
	judge_everywhere();
	CHECK(!the_killed->inner || rk_vfork_end() == 0);
	CHECK(rk_vfork_end() == -EINVAL);
	_exit(0);
}

/* Of that process: the vfork child that it has made, stopped. */
static pid_t stopped_child_of(pid_t pid)
{
	unsigned long child;
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL) == 0);
	CHECK(ptrace(PTRACE_CONT, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_VFORK << 8));
	CHECK(ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) == 0);
	CHECK(waitpid((pid_t)child, &status, __WALL) == (pid_t)child && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0);
	return (pid_t)child;
}

/* Its parent's end; *last is set if the operation has no more instructions. */
static int stop_after(int count, bool *last)
{
	pid_t child, pid;
	int status;

	progress->inside = progress->done = progress->stands = progress->passed = false;
	pid = fork();
	if (pid == 0)
		run_traced();
	CHECK(pid > 0);
	child = stopped_child_of(pid);
	begin_steps(child);
	while (!progress->done && (!progress->inside || count-- > 0)) {
		CHECK(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0);
		CHECK(waitpid(child, &status, __WALL) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	}
	*last = progress->done;
	end_steps(child);
	if (the_killed->meanwhile == NULL) {
		CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, __WALL) == child && WIFSIGNALED(status));
	} else if (the_killed->forks) {
		CHECK(ptrace(PTRACE_DETACH, child, NULL, SIGUSR1) == 0);
	} else {
		progress->stands = true;
		while (!progress->passed)
			usleep(50);
		CHECK(ptrace(PTRACE_DETACH, child, NULL, NULL) == 0);
	}
	return exit_status_of(pid);
}

static void everywhere(void **state)
{
	int count = 0, stride = 1 + (int)SLOWNESS() / 2;
	bool last = false;
	cpu_set_t allowed;

	if (SANITIZED)
		SKIP("a sanitizer's runtime takes too many steps");
	the_killed = *state;
	if (the_killed->forks)
		stride *= 5;
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(progress != MAP_FAILED);
	/* A step wakes one of the two processes, and a CPU of an emulator is slow to wake another. */
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	pin(sched_getcpu());
	for (; !last && count < INSTRUCTIONS_MAX; count += stride)
		assert_int_equal(stop_after(count, &last), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
	printf("# %d instructions, one in %d\n", count, stride);
	assert_true(last && count > 50);
	assert_int_equal(munmap((void *)(uintptr_t)progress, sizeof(*progress)), 0);
}

#define KILLED(name, ...) {#name, everywhere, NULL, NULL, (void *)(uintptr_t)&(const struct killed){__VA_ARGS__}}

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
