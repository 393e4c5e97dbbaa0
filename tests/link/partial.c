/* SPDX-License-Identifier: MIT */
/*
 * partial.c - a program and a library (-DLIBRARY) with copies of librseqkit. A copy of librseqkit.a exports only the functions that
 * its module uses, and other modules call these functions instead of those in librseqkit.so. The library uses counters and claims,
 * and with -DLOCKS also locks. A claim gives the thread a number in the library's copy. The program opens a plugin (copied.c with
 * -DPLUGIN), or takes locks itself (-DOWN). Exits with 0 if nothing is lost.
 *
 *	partial [PLUGIN]
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <rseqkit/counter.h>
#include <rseqkit/lock.h>
#include <rseqkit/remote.h>
#include <sched.h>
#include <stddef.h>

int partial_count(void);

/* Does the lock know that this thread holds it? The inlined code and the functions must agree on the thread's number. */
static int knows_holder(void)
{
#if defined(LOCKS) || defined(OWN)
	int cpu = sched_getcpu(), again;
	struct rk_lock *lock;
	void *held, *data;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0 || rk_lock_create(&lock, sizeof(int)) != 0 || rk_lock_here(lock, &held) != 0)
		return 0;
	again = rk_lock_here_for(lock, 100000000, &data);
	return again == -EDEADLK && rk_lock_release(lock, held) == 0 && rk_lock_destroy(lock) == 0;
#else
	return 1;
#endif
}

#ifdef LIBRARY
static struct rk_counter_static counter = RK_COUNTER_STATIC;

int partial_count(void)
{
	static struct rk_claim claim;

	if (rk_claim_take_try(&claim) != 0 || rk_claim_release(&claim) != 0)
		return 0;
	rk_counter_static_add(&counter, 1);
	return knows_holder() && rk_counter_sum(rk_counter_static_get(&counter)) == 1;
}
#else
int main(int argc, char **argv)
{
	void *plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	int (*use)(void) = plugin != NULL ? (int (*)(void))dlsym(plugin, "plugin_use") : NULL;

	return !partial_count() || !knows_holder() || (argc == 2 && (use == NULL || use() != 0));
}
#endif
