/* SPDX-License-Identifier: MIT */
/*
 * rcu_bench.c - the object that the benches `rcu` and `rwlock` read, the checks after a slice (one measured run), and the
 * registration of threads with liburcu's flavours (rcu_bench.h).
 */
#include "rcu_bench.h"

#define LEAVES_WITHIN_NS 1000000000

struct bench_rcu_place bench_rcu_place;
struct rk_rcu *bench_rcu;
pthread_rwlock_t bench_rcu_rwlock = PTHREAD_RWLOCK_INITIALIZER;

void *bench_rcu_floor_gate;

static struct bench_rcu_object first = {1};
static uint64_t all_seen;
static bool was_inside;

#if BENCH_HAVE_URCU_FLAVOURS
struct flavour {
	void (*add)(void);
	void (*remove)(void);
};

static pthread_key_t registered;

static void forget_thread(void *flavour)
{
	((const struct flavour *)flavour)->remove();
}

static int create_flavours(void)
{
	return -pthread_key_create(&registered, forget_thread);
}

/*
 * Registers the calling thread with a flavour of liburcu, if it isn't registered yet. A thread runs only one contender in its
 * life, so it needs no second flavour.
 */
static void register_thread(const struct flavour *flavour)
{
	if (pthread_getspecific(registered) != NULL)
		return;
	flavour->add();
	(void)pthread_setspecific(registered, flavour);
}

void bench_rcu_enter_bp(void)
{
	urcu_bp_read_lock();
	urcu_bp_read_unlock();
}

void bench_rcu_enter_mb(void)
{
	static const struct flavour mb = {urcu_mb_register_thread, urcu_mb_unregister_thread};

	register_thread(&mb);
}

void bench_rcu_enter_memb(void)
{
	static const struct flavour memb = {urcu_memb_register_thread, urcu_memb_unregister_thread};

	register_thread(&memb);
}

void bench_rcu_enter_qsbr(void)
{
	static const struct flavour qsbr = {urcu_qsbr_register_thread, urcu_qsbr_unregister_thread};

	register_thread(&qsbr);
	urcu_qsbr_thread_online();
}
#else
static int create_flavours(void)
{
	return 0;
}
#endif

int bench_rcu_create(void)
{
	int r = rk_rcu_create(&bench_rcu, 1);

	bench_rcu_place.object = &first;
	if (r == 0)
		r = bench_slots_create(&bench_rcu_floor_gate);
	return r == 0 ? create_flavours() : r;
}

void bench_rcu_count(uint64_t seen, bool inside)
{
	__atomic_fetch_add(&all_seen, seen, __ATOMIC_RELAXED);
	if (inside)
		__atomic_store_n(&was_inside, true, __ATOMIC_RELAXED);
}

uint64_t bench_sum_rcu(void)
{
	return __atomic_load_n(&all_seen, __ATOMIC_RELAXED);
}

bool bench_settle_rcu(void)
{
	bool settled = !was_inside;

	was_inside = false;
	return settled;
}

/* Returns true if a grace period ends in time. The grace period ends only if no thread is in a section. */
bool bench_settle_rcu_rseqkit(void)
{
	return rk_rcu_synchronize_for(bench_rcu, LEAVES_WITHIN_NS) == 0;
}

bool bench_settle_rcu_rwlock(void)
{
	return pthread_rwlock_trywrlock(&bench_rcu_rwlock) == 0 && pthread_rwlock_unlock(&bench_rcu_rwlock) == 0;
}
