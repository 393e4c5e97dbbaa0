/* SPDX-License-Identifier: MIT */
/*
 * librseq_user.c - a program that registers its initial thread with librseq or librseq's stand-in. If the registration is
 * refused, the program prints "refused" and fails. Otherwise it prints "registered" and ends, if it has no argument. If it has
 * an argument, it starts a second thread, which librseq doesn't register, prints "ready", and sleeps for a minute.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include "../beside/neighbours/librseq.h"

static void *sleep_long(void *argument)
{
	sleep(60);
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int r = rseq_register_current_thread();

	(void)argv;
	if (argc == 1 || r != 0) {
		puts(r == 0 ? "registered" : "refused");
		return r != 0;
	}
	pthread_create(&thread, NULL, sleep_long, NULL);
	puts("ready");
	fflush(stdout);
	sleep(60);
	return 0;
}
