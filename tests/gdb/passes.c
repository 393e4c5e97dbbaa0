/* SPDX-License-Identifier: MIT */
/*
 * passes.c - a program with a critical section, for tests of the debugger's commands. It uses the libc's area and doesn't link
 * librseqkit, so the commands are tested on a program as other projects write it.
 *
 *	passes          runs the section twice: to its end, and to the exit that leaves it early
 *	passes threads  first runs the section in a second thread, which ends its registration and sleeps
 *	passes module   loads the module that is the second argument, runs its section, and unloads it
 *	passes wait     waits in its function sleep_here(), outside any section
 */
#ifndef NO_MODULES /* static programs load none */
#include <dlfcn.h>
#endif
#include <pthread.h>
#include <rseqkit/arch/arch.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../../src/os/thread_pointer.h"
#include "quiet.h"
#define STORE store
#include "store.h"

static long word;

/* The kernel clears rseq_cs at some later time. Tests need a known value, and unloading a module needs 0. */
static void forget_section(void)
{
	*(volatile uint64_t *)(rk_thread_pointer() + __rseq_offset + 8) = 0;
}

static int run(void)
{
	int end = store(&word, 0, 1);

	end = 10 * end + store(&word, 0, 1);
	forget_section();
	return end;
}

static void *unregister(void *done)
{
	run();
	syscall(quiet_rseq(), rk_thread_pointer() + __rseq_offset, 32, 1, RK_SIGNATURE);
	sem_post((sem_t *)done);
	sleep(60);
	return NULL;
}

__attribute__((__noinline__)) static void sleep_here(void)
{
	sleep(60);
}

__attribute__((__noinline__)) void ready(int result)
{
	__asm__ volatile("" : : "r"(result));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	pthread_t thread;
	sem_t done;
	int result;

	if (strcmp(what, "threads") == 0) {
		sem_init(&done, 0, 0);
		pthread_create(&thread, NULL, unregister, &done);
		sem_wait(&done);
		word = 0;
	}
#ifndef NO_MODULES
	if (strcmp(what, "module") == 0 && argc > 2) {
		void *module = dlopen(argv[2], RTLD_NOW);
		int (*function)(long *, long, long);

		if (module == NULL)
			return 2;
		*(void **)&function = dlsym(module, "pass_in_module");
		function(&word, 5, 6);
		forget_section();
		dlclose(module);
		ready(0);
	}
#endif
	result = run();
	ready(result);
	if (strcmp(what, "wait") == 0) {
		puts("waits");
		fflush(stdout);
		sleep_here();
	}
	printf("%d\n", result);
	return 0;
}
