/* SPDX-License-Identifier: MIT */
/* ready.c - a program that does nothing: it says "ready", and lasts for a minute. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	puts("ready");
	fflush(stdout);
	sleep(60);
	return 0;
}
