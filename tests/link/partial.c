/* SPDX-License-Identifier: MIT */
/*
 * partial.c - a library that contains a part of librseqkit.a, counters and claims, and exports this part (-DLIBRARY), and a program
 * that is linked with it. The program opens a plugin (copied.c with -DPLUGIN). The plugin calls these functions of the library, and
 * all other functions of librseqkit.so. A claim gives the thread a number. Exits with 0 if nothing is lost.
 *
 *	partial PLUGIN
 */
#include <dlfcn.h>
#include <rseqkit/counter.h>
#include <rseqkit/remote.h>
#include <stddef.h>

int partial_count(void);

#ifdef LIBRARY
static struct rk_counter_static counter = RK_COUNTER_STATIC;

int partial_count(void)
{
	static struct rk_claim claim;

	if (rk_claim_take_try(&claim) != 0 || rk_claim_release(&claim) != 0)
		return 0;
	rk_counter_static_add(&counter, 1);
	return rk_counter_sum(rk_counter_static_get(&counter)) == 1;
}
#else
int main(int argc, char **argv)
{
	void *plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	int (*use)(void) = plugin != NULL ? (int (*)(void))dlsym(plugin, "plugin_use") : NULL;

	return !partial_count() || use == NULL || use() != 0;
}
#endif
