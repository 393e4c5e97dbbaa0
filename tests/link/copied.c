/* SPDX-License-Identifier: MIT */
/*
 * copied.c - a program and its plugin, both with inlined code. The linker puts copies of the library's words into the program
 * (copy relocations), if the program isn't position-independent. A plugin that is opened with RTLD_DEEPBIND doesn't read these
 * copies. With -DPLUGIN this is the plugin. Exits with 0 if nothing is lost.
 *
 *	copied [+LIBRARY] PLUGIN    LIBRARY is opened first, without RTLD_DEEPBIND
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <rseqkit.h>
#include <sched.h>
#include <stdio.h>

#define COUNT 100000

static struct rk_counter_static counter = RK_COUNTER_STATIC;

/* Does the lock know that this thread holds it? The inlined code and the library's functions must agree on the thread's number. */
static int knows_holder(struct rk_lock *lock)
{
	int cpu = sched_getcpu(), here;
	cpu_set_t before, one;
	void *held, *data;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_getaffinity(0, sizeof(before), &before) != 0 || sched_setaffinity(0, sizeof(one), &one) != 0)
		return 1;
	if (rk_lock_here(lock, &held) != 0)
		return 0;
	here = rk_lock_cpu_for(lock, cpu, 100000000, &data);
	if (here == 0) { /* without rseq, the thread holds the lock of the overflow index */
		(void)rk_lock_release(lock, data);
		here = rk_lock_cpu_for(lock, RK_INDEX_OVERFLOW, 100000000, &data);
	}
	(void)sched_setaffinity(0, sizeof(before), &before);
	return here == -EDEADLK && rk_lock_release(lock, held) == 0;
}

/* Uses each of the library's words. Returns the number of faults. */
int plugin_use(void);
int plugin_use(void)
{
	struct rk_lock *lock;
	int64_t locked = 0;
	int bad = 0;
	void *data;

	if (rk_lock_create(&lock, sizeof(int64_t)) != 0)
		return 1;
	bad += !knows_holder(lock);
	for (int i = 0; i < COUNT; i++) {
		int cpu = rk_cpu(), cid = rk_cid();

		bad += cpu < -1 || cpu >= rk_cpus_count() || cid < -1 || cid >= rk_cpus_count();
		rk_counter_static_add(&counter, 1);
		bad += rk_lock_here(lock, &data) != 0;
		++*(int64_t *)data;
		bad += rk_lock_release(lock, data) != 0;
	}
	for (int index = RK_INDEX_OVERFLOW, more = 1; more; more = (index = rk_cpus_next(index)) >= 0) {
		bad += rk_lock_cpu(lock, index, &data) != 0;
		locked += *(int64_t *)data;
		bad += rk_lock_release(lock, data) != 0;
	}
	rk_lock_destroy(lock);
	printf("%d faults, %lld counted, %lld under locks\n", bad, (long long)rk_counter_sum(rk_counter_static_get(&counter)),
	       (long long)locked);
	return bad + (rk_counter_sum(rk_counter_static_get(&counter)) != COUNT) + (locked != COUNT);
}

#ifndef PLUGIN
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int plain = argv[i][0] == '+';
		void *plugin = dlopen(argv[i] + plain, RTLD_NOW | (plain ? 0 : RTLD_DEEPBIND));
		int (*use)(void) = plugin != NULL && !plain ? (int (*)(void))dlsym(plugin, "plugin_use") : NULL;

		if (plugin == NULL || (!plain && (use == NULL || use() != 0)))
			return 1;
	}
	return plugin_use() != 0;
}
#endif
