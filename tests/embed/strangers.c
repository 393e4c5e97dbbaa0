/* SPDX-License-Identifier: MIT */
/*
 * strangers.c - a program with the example library `hits` (examples/embed), which contains embed.h, and with a component that
 * registers threads itself (neighbour.c). The component registers the first thread. In all other threads `hits` comes first.
 * Exits with 0 only if the component registered each thread.
 *
 * usage: strangers [PLUGIN]    PLUGIN is a file to load that has `hits`, if the program doesn't have it
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include "../../examples/embed/hits.h"

extern int neighbour_enter(void) __attribute__((weak));
#pragma weak hits_enter
#pragma weak hits_owner

static int (*enter)(void), (*neighbour)(void);
static const char *(*owner)(void);

static void *work(void *registered)
{
	int entered = enter();

	printf("hits: %d, %s\n", entered, owner());
	*(int *)registered += neighbour();
	entered = enter();
	printf("later: %d, %s\n", entered, owner());
	return NULL;
}

/* Finds the functions in the plugin, and in preloaded objects. */
static int find(const char *file)
{
	void *plugin = file != NULL ? dlopen(file, RTLD_NOW) : NULL, *preloaded = dlsym(RTLD_DEFAULT, "neighbour_enter");

	neighbour = neighbour_enter != NULL ? neighbour_enter : (int (*)(void))(intptr_t)preloaded;
	enter = plugin != NULL ? (int (*)(void))(intptr_t)dlsym(plugin, "hits_enter") : hits_enter;
	owner = plugin != NULL ? (const char *(*)(void))(intptr_t)dlsym(plugin, "hits_owner") : hits_owner;
	return neighbour != NULL && enter != NULL && owner != NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int i, registered = 0;

	if (!find(argc > 1 ? argv[1] : NULL) || !neighbour())
		return 2;
	for (i = 0; i < 3; i++) {
		if (pthread_create(&thread, NULL, work, &registered) != 0)
			return 2;
		pthread_join(thread, NULL);
	}
	printf("%d of 3 threads are registered by the neighbour\n", registered);
	return registered == 3 ? 0 : 1;
}
