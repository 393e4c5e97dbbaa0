/* SPDX-License-Identifier: MIT */
/* no_pread.c - a stand-in for files that can't be read. Preloaded, it fails each pread(). */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

ssize_t pread(int fd, void *to, size_t size, off_t at)
{
	(void)fd;
	(void)to;
	(void)size;
	(void)at;
	errno = EIO;
	return -1;
}
