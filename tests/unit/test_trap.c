/* SPDX-License-Identifier: MIT */
/*
 * Tests filters that answer system calls by SECCOMP_RET_TRAP, as the sandboxes of browsers do: a handler of SIGSYS
 * stores the result. If SIGSYS is blocked at such a call, the kernel ends the process.
 *
 * In children, the filter answers each call that the library makes, or may make, while signals are blocked. The library must
 * work without these calls.
 */
#include "test.h"
#include <sys/ucontext.h>
#include "refuse.h"

static struct rk_rcu *rcu;
static struct rk_rwlock *rwlock;
static struct rk_lock *lock;
static struct rk_ref ref;
static struct rk_counter_group *group;
static struct rk_cache *cache;
static int released, called;
static volatile int traps;
static void (*volatile in_handler)(void);

static void on_trap(int signo, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)signo;
	(void)info;
	traps++;
#if defined(__x86_64__)
	interrupted->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
#elif defined(__aarch64__)
	interrupted->uc_mcontext.regs[0] = (uint64_t)-ENOSYS;
#else
	(void)interrupted;
#endif
	if (in_handler != NULL)
		in_handler();
}

static void handle_traps(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};

	CHECK(sigaction(SIGSYS, &action, NULL) == 0);
}

static void count_release(struct rk_ref *of)
{
	(void)of;
	released++;
}

static void count_call(struct rk_rcu_call *call)
{
	(void)call;
	called++;
}

static void *made(void *context)
{
	return context;
}

static void unmade(void *context, void *object)
{
	(void)context;
	(void)object;
}

static void create(void)
{
	struct rk_cache_options options = {.construct = made, .destruct = unmade, .context = &rcu};

	CHECK(rk_rcu_create(&rcu, 0) == 0);
	CHECK(rk_rwlock_create(&rwlock, 0) == 0);
	CHECK(rk_lock_create(&lock, 8) == 0);
	CHECK(rk_ref_init(&ref, count_release) == 0);
	CHECK(rk_counter_group_create(&group, NULL, 2) == 0);
	CHECK(rk_cache_create(&cache, &options, sizeof(options)) == 0);
}

/* Without a fence, a call is allowed to return -EHOSTUNREACH. But the call must return, and must lose nothing. */
static bool is_done_or_unfenced(int r)
{
	return r == 0 || r == -EHOSTUNREACH;
}

static void use(void)
{
	struct rk_rcu_call call;
	struct rk_rwlock_section *section;
	struct rk_rcu_section *read;
	int64_t values[2];
	void *data;
	int r;

	CHECK(is_done_or_unfenced(rk_rcu_synchronize(rcu)));
	CHECK(rk_rcu_defer(rcu, &call, count_call) == 0);
	r = rk_rcu_barrier(rcu);
	CHECK(is_done_or_unfenced(r) && (r != 0 || called == 1));
	rk_rcu_read_lock(rcu, &read);
	rk_rcu_read_unlock(rcu, read);
	r = rk_rwlock_write_lock(rwlock);
	CHECK(is_done_or_unfenced(r));
	if (r == 0)
		CHECK(rk_rwlock_write_unlock(rwlock) == 0);
	CHECK(rk_rwlock_read_lock(rwlock, &section) == 0);
	rk_rwlock_read_unlock(rwlock, section);
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		r = rk_lock_cpu(lock, cpu, &data);
		CHECK(is_done_or_unfenced(r));
		if (r == 0)
			CHECK(rk_lock_release(lock, data) == 0);
	}
	CHECK(rk_lock_here(lock, &data) >= 0 && rk_lock_release(lock, data) == 0);
	rk_counter_group_add(group, 1, 3);
	r = rk_counter_group_read(group, values, 2);
	CHECK(r >= 0 && values[1] == 3);
	r = rk_ref_kill(&ref);
	CHECK(is_done_or_unfenced(r) && released == (r == 0));
	rk_cache_put(cache, &rcu);
	CHECK(rk_cache_get(cache) == &rcu);
}

/* Creates and uses all structures under the filter. For some filters, a new thread runs this function too. */
static void *create_and_use(void *unused)
{
	(void)unused;
	create();
	use();
	return NULL;
}

static int under_the_filter(int call)
{
	pthread_t thread;

	handle_traps();
	filter_calls(call, call, SECCOMP_RET_TRAP, 0);
	create_and_use(NULL);
	CHECK(rk_thread_register() != 0 || rk_thread_unregister() == 0);
	released = called = 0;
	/*
	 * If the filter answers a call that isn't one of these two, the test creates no thread. The libc needs such a
	 * call to create a thread, or makes the call while it blocks signals itself.
	 */
	if (call == SYS_membarrier || call == SYS_rt_sigprocmask) {
		CHECK(pthread_create(&thread, NULL, create_and_use, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	return 0;
}

static int in_use_before(int call)
{
	handle_traps();
	create();
	rk_counter_group_add(group, 0, 1);
	filter_calls(call, call, SECCOMP_RET_TRAP, 0);
	use();
	return 0;
}

static void each_call_is_trapped(void **state)
{
	static const int calls[] = {SYS_membarrier, SYS_rseq, SYS_rt_sigprocmask, SYS_futex, SYS_get_robust_list, SYS_gettid,
				    SYS_getpid, SYS_sched_setaffinity, SYS_sched_getaffinity, SYS_madvise, SYS_openat};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		printf("# %d\n", calls[i]);
		assert_int_equal(in_child_with(under_the_filter, calls[i]), 0);
		assert_int_equal(in_child_with(in_use_before, calls[i]), 0);
	}
}

/* Runs in a handler, in the middle of a grace period that the interrupted thread has begun. */
static void use_in_handler(void)
{
	struct rk_rwlock_section *section;
	int r;

	in_handler = NULL;
	rk_counter_group_add(group, 1, 1);
	CHECK(rk_rcu_poll(rcu, rk_rcu_start(rcu)) <= 0);
	r = rk_rcu_synchronize(rcu);
	CHECK(r == -EDEADLK || r == -EHOSTUNREACH);
	CHECK(rk_rwlock_read_lock(rwlock, &section) == 0);
	rk_rwlock_read_unlock(rwlock, section);
}

static int handler_in_a_period(void)
{
	struct rk_rcu_section *section;
	int64_t values[2];
	bool was_called;

	handle_traps();
	create();
	rk_rcu_read_lock(rcu, &section);
	rk_rcu_read_unlock(rcu, section);
	filter_calls(SYS_membarrier, SYS_membarrier, SECCOMP_RET_TRAP, 0);
	in_handler = use_in_handler;
	CHECK(is_done_or_unfenced(rk_rcu_synchronize(rcu)));
	was_called = in_handler == NULL;
	in_handler = NULL; /* the next call begins no period */
	CHECK(!WITH_RSEQ() || was_called);
	CHECK(rk_counter_group_read(group, values, 2) >= 0);
	CHECK(values[1] == was_called);
	return 0;
}

static void a_handler_is_refused_what_is_held(void **state)
{
	(void)state;
	assert_int_equal(in_child(handler_in_a_period), 0);
}

/*
 * A handler answers each system call that the thread makes to get registered. The handler itself uses rseq before the
 * thread is registered.
 */
static void count_in_handler(void)
{
	CHECK(traps < 100); /* if the handler's own calls were trapped too, there would be no end of traps */
	rk_counter_group_add(group, 1, 1);
	CHECK(rk_thread_prepare() < 0);
}

static int handler_in_a_registration(int call)
{
	volatile void *area = (volatile void *)(uintptr_t)rk_thread_area();
	int64_t values[2];

	handle_traps();
	CHECK(rk_counter_group_create(&group, NULL, 2) == 0);
	CHECK(area == NULL || syscall(quiet_rseq(), area, 32, 1, RK_SIGNATURE) == 0 ||
	      syscall(quiet_rseq(), area, 33, 1, RK_SIGNATURE) == 0);
	in_handler = count_in_handler;
	filter_calls(call, call, SECCOMP_RET_TRAP, 0);
	rk_counter_group_add(group, 0, 1);
	CHECK(world_owner() != RK_OWNER_SELF || traps > 0);
	CHECK(rk_thread_prepare() < 0);
	in_handler = NULL;
	CHECK(rk_counter_group_read(group, values, 2) >= 0);
	CHECK(values[0] == 1 && values[1] == traps);
	return 0;
}

static void a_handler_leaves_its_thread_unregistered(void **state)
{
	(void)state;
	NEEDS_RSEQ();
	assert_int_equal(in_child_with(handler_in_a_registration, SYS_rseq), 0);
#ifdef __GLIBC__ /* with musl, the library recognises a vfork child by its thread id, without get_robust_list */
	assert_int_equal(in_child_with(handler_in_a_registration, SYS_get_robust_list), 0);
#endif
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_call_is_trapped),
	cmocka_unit_test(a_handler_is_refused_what_is_held),
	cmocka_unit_test(a_handler_leaves_its_thread_unregistered),
};

RUN(tests)
