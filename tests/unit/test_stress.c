/* SPDX-License-Identifier: MIT */
/*
 * Every operation and structure at once, for STRESS_MS milliseconds (1000 if not set; TEST_DIVISOR divides): threads
 * that come and go, that are moved between CPUs, interrupted by handlers that use the same words and counters, fenced
 * by membarrier, and forked around. CPUs may be taken offline and brought back meanwhile.
 *
 * The invariant is that of tally.h: what threads believe they did is what is there.
 */
#include "compound.h"
#ifdef BANKS_H
#include "movers.h"
#endif
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <time.h>

#define WORKERS_MAX 64
#define BATCH 500 /* operations between two looks at what else there is to do */

struct worker {
	struct tally own, handled;
	uint64_t random, handler_random;
	pid_t tid;    /* 0 when there is none */
	int finished; /* a life: for its launcher */
};

static struct worker workers[WORKERS_MAX];
static int worker_count;
static __thread struct worker *volatile me; /* for the handler */
static struct tally total;
static struct rk_percpu *pool, *compound_pool;
static int stop;
static uint64_t moves, signals, fences, forks;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void on_signal(int signo)
{
	struct worker *w = me;

	(void)signo;
	if (w == NULL)
		return; /* a launcher that got a dead worker's number */
	w->handled.handlers++;
	for (int i = 0; i < 8; i++) {
		operate(&w->handled, &w->handler_random);
		operate_compound(&w->handled, &w->handler_random);
	}
}

/* A counter of one's own, from the first add to the last, through whatever memory was somebody else's before. */
static void use_a_counter(struct worker *w)
{
	int64_t value = (int64_t)(draw(&w->random) >> 8), n = (int64_t)(draw(&w->random) % 100);
	struct rk_counter *c = NULL;

	EXPECT(rk_counter_create(&c) == 0);
	if (c == NULL)
		return;
	EXPECT(rk_counter_sum(c) == 0);
	for (int64_t i = 0; i < n; i++)
		rk_counter_add(c, value);
	EXPECT(rk_counter_reset(c) == (int64_t)((uint64_t)n * (uint64_t)value));
	EXPECT(rk_counter_sum(c) == 0);
	EXPECT(rk_counter_destroy(c) == 0);
}

/* Items are handed out as new, whoever wrote what into them before. */
static void use_an_item(struct worker *w)
{
	struct words *item;
	void *allocated = NULL;

	EXPECT(rk_percpu_alloc(pool, &allocated) == 0);
	item = allocated;
	if (item == NULL)
		return;
	for (int i = RK_INDEX_RESERVE; i < 0; i++)
		EXPECT(memcmp(rk_percpu_slot(item, i), &new_words, sizeof(new_words)) == 0);
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		EXPECT(memcmp(rk_percpu_slot(item, cpu), &new_words, sizeof(new_words)) == 0);
	for (int i = 0; i < 20; i++)
		(void)rk_cpu_add(&item->added[i % INDICES], (intptr_t)draw(&w->random));
	memset(rk_percpu_slot(item, RK_INDEX_OVERFLOW), (int)w->random, sizeof(new_words));
	EXPECT(rk_percpu_free(pool, item) == 0);
}

/* Unregistered for a while, as around a vfork: counters go on through the overflow slot, handlers' ones too. */
static void use_the_bracket(struct worker *w)
{
	int r = rk_vfork_begin();

	EXPECT(r == 0 || r == -ENOTSUP);
	for (int i = 0; i < 10; i++) {
		operate(&w->own, &w->random);
		operate_compound(&w->own, &w->random);
	}
	if (r == 0)
		EXPECT(rk_vfork_end() == 0);
}

/* Where registrations are this library's, what it says of the thread must be what the kernel says. */
static void compare_registrations(void)
{
	const volatile struct rk_area *area = rk_thread_area();

	EXPECT(area == NULL || kernel_says_registered(area, process_info().length));
	EXPECT(world_owner() != RK_OWNER_SELF || !RK_HAVE_SECTIONS || area != NULL);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	sigset_t set;

	w->own = w->handled = (struct tally){.lives = 0};
	w->own.lives = 1;
	me = w;
	__atomic_store_n(&w->tid, gettid(), __ATOMIC_RELEASE);
	for (unsigned batches = 1 + draw(&w->random) % 128; batches > 0 && !stopped(); batches--) {
		for (int i = 0; i < BATCH && !stopped(); i++) {
			operate(&w->own, &w->random);
			operate_compound(&w->own, &w->random);
		}
		w->own.taken += (uint64_t)rk_counter_reset(counter);
		use_a_counter(w);
		use_an_item(w);
		if (batches % 4 == 0)
			use_the_bracket(w);
		compare_registrations();
	}
	__atomic_store_n(&w->tid, 0, __ATOMIC_RELEASE);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	me = NULL;
	fold(&total, &w->own);
	fold(&total, &w->handled);
	__atomic_store_n(&w->finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void start(pthread_t *thread, struct worker *w, unsigned life)
{
	int r = -ENOTSUP;

	w->finished = 0;
	if (life % 4 == 1)
		r = create_unregistered(thread, work, w);
	if (r == -ENOTSUP)
		r = pthread_create(thread, NULL, work, w);
	if (r != 0)
		abort();
}

/* Starts one worker after the other: joined or detached, registered by the libc or by nobody yet. */
static void *launch(void *arg)
{
	struct worker *w = arg;
	pthread_t thread;

	for (unsigned life = 0; life == 0 || !stopped(); life++) {
		start(&thread, w, life);
		if (life % 2 == 0) {
			pthread_join(thread, NULL);
			continue;
		}
		pthread_detach(thread);
		while (!__atomic_load_n(&w->finished, __ATOMIC_ACQUIRE))
			usleep(200);
	}
	return NULL;
}

/* A CPU of a group that only lets some be used, or one offline: the kernel says no, or moves the thread elsewhere. */
static void move(pid_t tid, uint64_t *random)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = rk_cpus_next(-1); cpu >= 0 && cpu < CPU_SETSIZE; cpu = rk_cpus_next(cpu))
		if (draw(random) % 4 == 0)
			CPU_SET(cpu, &set);
	moves += sched_setaffinity(tid, sizeof(set), &set) == 0;
}

static void fence(uint64_t *random)
{
	int one = draw(random) % 2 == 0;

	fences += syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, one ? MEMBARRIER_CMD_FLAG_CPU : 0,
			  one ? any_cpu(random) : 0) == 0;
}

/* Moves, signals and fences, as fast as it gets the processor. */
static void *agitate(void *arg)
{
	uint64_t random = 88172645463325252;

	(void)arg;
	(void)rk_thread_prepare();
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
	while (!stopped()) {
		uint64_t what = draw(&random) % 16;
		pid_t tid = __atomic_load_n(&workers[draw(&random) % (unsigned)worker_count].tid, __ATOMIC_ACQUIRE);

		/* It may be gone by now, and its number another thread's of this process. */
		if (tid != 0 && what < 8)
			move(tid, &random);
		else if (tid != 0 && what < 15)
			signals += syscall(SYS_tgkill, getpid(), tid, SIGUSR1) == 0;
		else
			fence(&random);
		if (draw(&random) % 16 == 0)
			usleep(50);
	}
	return NULL;
}

#ifdef BANKS_H
static void relocate_compound(void *bank, ptrdiff_t distance)
{
	struct compound *slot = bank;

	for (int i = 0; i < INDICES; i++)
		slot->through[i] += distance;
}

static void start_movers(pthread_t *movers)
{
	moved[0] = (struct moved){(char *)shared - BANKS_HEADER, as_item(pool), NULL};
	moved[1] = (struct moved){(char *)compound - BANKS_HEADER, as_item(compound_pool), relocate_compound};
	for (int i = 0; i < MOVERS; i++)
		assert_int_equal(pthread_create(&movers[i], NULL, keep_moving, &stop), 0);
}

static void end_movers(const pthread_t *movers)
{
	for (int i = 0; i < MOVERS; i++)
		assert_int_equal(pthread_join(movers[i], NULL), 0);
	printf("# %llu banks moved, %llu times another owner was there; %llu times closed\n",
	       (unsigned long long)moved_banks, (unsigned long long)moves_refused, (unsigned long long)total.closed);
	assert_true(moved_banks > 0);
	for (int i = 0; i < 2; i++) {
		move_all_home(&moved[i]);
		assert_int_equal((rk_percpu_free)(i == 0 ? pool : compound_pool, moved[i].spares), 0);
	}
}
#else
#define MOVERS 1
#define start_movers(movers) ((void)(movers))
#define end_movers(movers) ((void)(movers))
#define reopen_all() ((void)0)
#endif

/* The only thread of its process: all is still, whatever the others were in the middle of. */
static int fork_child(void)
{
	uint64_t random = 4101842887655102017, added[INDICES], counted = (uint64_t)rk_counter_sum(counter);
	struct tally t = {.lives = 0};
	struct worker w = {.random = random};

	alarm(60);
	wrong = 0;
	reopen_all();
	for (int i = 0; i < INDICES; i++)
		added[i] = sum_of(&shared->added[i], false);
	for (int i = 0; i < 100; i++) {
		operate(&t, &random);
		operate_compound(&t, &random);
	}
	use_a_counter(&w);
	use_an_item(&w);
	for (int i = 0; i < INDICES; i++)
		CHECK(sum_of(&shared->added[i], false) == added[i] + t.added[i]);
	CHECK((uint64_t)rk_counter_sum(counter) == counted + t.counted);
	CHECK(wrong == 0);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t duration_ms(void)
{
	const char *ms = getenv("STRESS_MS"), *divisor = getenv("TEST_DIVISOR");

	return (ms == NULL ? 1000 : strtoull(ms, NULL, 10)) / (divisor == NULL ? 1 : strtoull(divisor, NULL, 10));
}

static void set_up(void)
{
	struct rk_percpu_options options = {sizeof(new_words), 0, &new_words, RK_PERCPU_DEBUG};
	struct rk_percpu_options compounds = {.item_size = sizeof(struct compound)};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	void *item;

	assert_int_equal(rk_percpu_create(&pool, &options), 0);
	assert_int_equal(rk_percpu_alloc(pool, &item), 0);
	shared = item;
	assert_int_equal(rk_percpu_create(&compound_pool, &compounds), 0);
	assert_int_equal(rk_percpu_alloc(compound_pool, &item), 0);
	compound = item;
	set_up_compound();
	assert_int_equal(rk_counter_create(&counter), 0);
	sigaction(SIGUSR1, &action, NULL);
	worker_count = get_nprocs() + 2 < WORKERS_MAX ? get_nprocs() + 2 : WORKERS_MAX;
}

static void run(void)
{
	pthread_t launchers[WORKERS_MAX], agitator, movers[MOVERS];
	uint64_t end = now_ms() + duration_ms();

	for (int i = 0; i < worker_count; i++) {
		workers[i].random = 2463534242 + (uint64_t)i;
		workers[i].handler_random = 362436069 + (uint64_t)i;
		assert_int_equal(pthread_create(&launchers[i], NULL, launch, &workers[i]), 0);
	}
	assert_int_equal(pthread_create(&agitator, NULL, agitate, NULL), 0);
	start_movers(movers);
	do {
		EXPECT(in_child(fork_child) == 0);
		forks++;
		usleep(10000);
	} while (now_ms() < end);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < worker_count; i++)
		assert_int_equal(pthread_join(launchers[i], NULL), 0);
	assert_int_equal(pthread_join(agitator, NULL), 0);
	end_movers(movers);
}

static void report(void)
{
	static const char *const names[INDICES] = {"rk_cpu", "rk_cid", "rk_at"};

	printf("# %llu ms, %d workers at a time: %llu lives, %llu handlers; %llu moves, %llu signals, %llu fences, "
	       "%llu forks\n",
	       (unsigned long long)duration_ms(), worker_count, (unsigned long long)total.lives,
	       (unsigned long long)total.handlers, (unsigned long long)moves, (unsigned long long)signals,
	       (unsigned long long)fences, (unsigned long long)forks);
	for (int i = 0; i < INDICES; i++)
		printf("# %s: %llu adds, %llu swaps\n", names[i], (unsigned long long)total.adds[i],
		       (unsigned long long)total.swapped[i]);
	printf("# %llu popped, %llu stacked and %llu unstacked, %llu logged\n", (unsigned long long)total.popped,
	       (unsigned long long)(total.stacked + total.unstacked), (unsigned long long)total.unstacked,
	       (unsigned long long)total.logged);
	printf("# not done: %llu aborted, %llu unequal, %llu on another CPU, %llu without rseq\n",
	       (unsigned long long)total.aborted, (unsigned long long)total.unequal,
	       (unsigned long long)total.elsewhere, (unsigned long long)total.refused);
	fflush(stdout);
}

static void exact_whatever_happens(void **state)
{
	(void)state;
	set_up();
	run();
	report();
	check_compound(&total);
	assert_int_equal(wrong, 0);
	assert_int_equal(total.popped > 0 && total.unstacked > 0 && total.logged > 0 && total.through > 0,
			 RK_HAVE_SECTIONS && world_has_rseq());
	for (int i = 0; i < INDICES; i++) {
		bool possible = RK_HAVE_SECTIONS && world_has_rseq() &&
				(i != BY_CID || rk_area_valid >= RK_FIELD_END_MM_CID);

		assert_true(sum_of(&shared->added[i], false) == total.added[i]);
		/* Half a word of each number is there. */
		assert_int_equal(sum_of(&shared->swapped[i], true) & LOW, total.swapped[i] & LOW);
		assert_int_equal(total.adds[i] > 0 && total.swapped[i] > 0, possible);
	}
	assert_true(total.taken + (uint64_t)rk_counter_sum(counter) == total.counted);
	assert_int_equal(rk_counter_destroy(counter), 0);
	assert_int_equal(rk_percpu_free(compound_pool, compound), 0);
	assert_int_equal(rk_percpu_destroy(compound_pool), 0);
	assert_int_equal(rk_percpu_free(pool, shared), 0);
	assert_int_equal(rk_percpu_destroy(pool), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(exact_whatever_happens),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm((unsigned)(240 + duration_ms() / 1000));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
