/* SPDX-License-Identifier: MIT */
/*
 * start_here.c - says that start.c is in this module too: the two are linked together, or neither.
 *
 * The decision calls this file (plan.c), and start.c needs the decision. So this file uses no symbol of start.c. It looks
 * which module the dynamic linker binds pthread_create() to. In this module, the only pthread_create() is start.c's.
 */
#define _GNU_SOURCE
#include "start.h"

#include <dlfcn.h>
#include <pthread.h>

#ifdef __GLIBC__
#define IS_STATIC_PROGRAM false
#else
extern int __pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) __attribute__((__weak__));
#define IS_STATIC_PROGRAM (__pthread_create != NULL)
#endif

#ifdef RK_PRELOADED
/*
 * The preloaded object comes before the libc. A module before it, such as another preloaded object of ours, passes the
 * calls on.
 */
bool rk_start_sees_all(void)
{
	return true;
}

bool rk_start_registers_all(void)
{
	return true;
}
#else
/* Another definition may come before ours in look-up order. */
bool rk_start_sees_all(void)
{
	static const char here;
	void *bound = dlsym(RTLD_DEFAULT, "pthread_create");
	Dl_info theirs, ours;

	return IS_STATIC_PROGRAM ||
	       (bound != NULL && dladdr(bound, &theirs) != 0 && dladdr(&here, &ours) != 0 && theirs.dli_fbase == ours.dli_fbase);
}
#endif
