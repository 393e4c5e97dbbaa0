/* SPDX-License-Identifier: MIT */
/* ready.c - a program that prints "ready" and sleeps for a minute. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	puts("ready");
	fflush(stdout);
	sleep(60);
	return 0;
}
