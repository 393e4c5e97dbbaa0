/* SPDX-License-Identifier: MIT */
/*
 * start_here.c - says that start.c is in this module too: the two are linked together, or neither.
 *
 * The decision asks (plan.c), and start.c asks for the decision. So this file names nothing of start.c, but looks which
 * module the dynamic linker binds pthread_create() to. In this module that is start.c's.
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
/* It comes before the libc. What comes before it, another preloaded object of ours say, passes the calls on. */
bool rk_start_sees_all(void)
{
	return true;
}

bool rk_start_registers_all(void)
{
	return true;
}
#else
/* Another one may come before ours in look-up order. */
bool rk_start_sees_all(void)
{
	static const char here;
	void *bound = dlsym(RTLD_DEFAULT, "pthread_create");
	Dl_info theirs, ours;

	return IS_STATIC_PROGRAM ||
	       (bound != NULL && dladdr(bound, &theirs) != 0 && dladdr(&here, &ours) != 0 && theirs.dli_fbase == ours.dli_fbase);
}
#endif
