/* SPDX-License-Identifier: MIT */
/*
 * copied.c - a program and its plugin, both with inlined code. The linker puts copies of the library's words into the program
 * (copy relocations), if the program isn't position-independent. A plugin that is opened with RTLD_DEEPBIND doesn't read these
 * copies. With -DPLUGIN this is the plugin. Exits with 0 if nothing is lost.
 *
 *	copied PLUGIN
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <rseqkit.h>
#include <stdio.h>

#define COUNT 100000

static struct rk_counter_static counter = RK_COUNTER_STATIC;

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
		void *plugin = dlopen(argv[i], RTLD_NOW | RTLD_DEEPBIND);
		int (*use)(void) = plugin != NULL ? (int (*)(void))dlsym(plugin, "plugin_use") : NULL;

		if (use == NULL || use() != 0)
			return 1;
	}
	return plugin_use() != 0;
}
#endif
