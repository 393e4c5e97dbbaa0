/* SPDX-License-Identifier: MIT */
/*
 * ordered.c - the parts of a program, one for each macro below (tests/link/order). The program needs libplug.so, which needs
 * libask.so. libask.so therefore comes late in look-up order.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

const char *ask(void);
const char *plug(void);
int owner(void);

#if defined(ASK) /* asks for the C library's area in its constructor, as librseq does */
static const char *answer;

__attribute__((__constructor__)) static void look(void)
{
	answer = dlsym(RTLD_NEXT, "__rseq_offset") != NULL ? "found" : "missed";
}

const char *ask(void)
{
	return answer;
}
#elif defined(PLUG)
const char *plug(void)
{
	return ask();
}
#elif defined(LIBRARY) /* a user of librseqkit */
#include <rseqkit/thread.h>

int owner(void)
{
	return rk_thread_register() == 0 ? (int)rk_thread_owner() : -1;
}
#elif defined(EMBED)
#include <rseqkit/embed.h>

int owner(void)
{
	return rke_thread_register() == 0 ? (int)rke_thread_owner() : -1;
}
#elif defined(MAIN_ALONE)
int main(void)
{
	printf("%s\n", plug());
	return 0;
}
#elif defined(MAIN_STATIC)
int main(void)
{
	printf("owner %d\n", owner());
	return 0;
}
#else
int main(void)
{
	printf("%s, owner %d\n", plug(), owner());
	return 0;
}
#endif
