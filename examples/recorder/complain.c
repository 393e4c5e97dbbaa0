/* SPDX-License-Identifier: MIT */
/*
 * complain.c - messages to the program's user.
 *
 * Invariant: nothing is written to a file that the program opened. The program may have closed its standard error, and opened
 * another file with the same descriptor. Standard error is therefore compared with the file that it was at the beginning.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct stat at_first;

void complain_prepare(void)
{
	if (fstat(STDERR_FILENO, &at_first) < 0)
		at_first = (struct stat){0};
}

void complain(const char *what, int error)
{
	char text[sizeof(recorder.file) + 256];
	struct stat now;
	int length;

	if (at_first.st_ino == 0 || fstat(STDERR_FILENO, &now) < 0 || now.st_dev != at_first.st_dev ||
	    now.st_ino != at_first.st_ino)
		return;
	length = snprintf(text, sizeof(text), "recorder: %s: %s: %s\n", recorder.file, what, strerrordesc_np(error));
	if (length > 0)
		(void)!write(STDERR_FILENO, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}
