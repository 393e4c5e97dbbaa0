/* SPDX-License-Identifier: MIT */
/*
 * start_here.c - tells plan.c that start.c, which interposes pthread_create(), is in this module, too. Either both files are
 * linked in, or both are absent.
 *
 * plan.c calls this file, and start.c calls plan.c through process.c. Files must not call each other in a circle, so this file
 * uses no symbol of start.c. It asks the dynamic linker which module has the pthread_create() that calls are bound to. If that
 * is this module, calls run start.c's pthread_create(), because this module has no other one.
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
 * The preloaded object comes before the libc. If another preloaded object of this project comes even before this one, its
 * pthread_create() calls this one.
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
/* Another module's pthread_create() can come before start.c's in the dynamic linker's look-up order. */
bool rk_start_sees_all(void)
{
	static const char here;
	/* A static program can lack dlsym(): other files refer to it weakly. */
	void *bound = IS_STATIC_PROGRAM ? NULL : dlsym(RTLD_DEFAULT, "pthread_create");
	Dl_info theirs, ours;

	return IS_STATIC_PROGRAM ||
	       (bound != NULL && dladdr(bound, &theirs) != 0 && dladdr(&here, &ours) != 0 && theirs.dli_fbase == ours.dli_fbase);
}
#endif
