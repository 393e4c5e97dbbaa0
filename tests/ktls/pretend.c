/* SPDX-License-Identifier: MIT */
/*
 * pretend.c - answers the KTLS commands of rseq(2), which only kernels with the patches in kernel/ have.
 *
 * Preload it into programs that make system calls with the C library's syscall(), as this library does. A test on any kernel
 * can therefore check the library's decisions. Threads are registered when they request it; only a real kernel with KTLS
 * registers threads that make no request.
 *
 * PRETEND_KTLS can be "size=N" or "alignment=N" and sets the size or alignment, in bytes, of the blob. The blob is the memory in
 * which a kernel with KTLS keeps data of a thread. With "foreign", registration fails with EBUSY in all threads except the
 * initial thread, as a kernel with KTLS refuses it in a thread that has its creator's thread pointer. Kernels before 6.3 refuse
 * to register an area of FEATURE_SIZE bytes; pretend.c returns their error.
 *
 * Compiled with REFUSED, the commands that set the blob's offset from the thread pointer fail with EPERM. In a real process a
 * seccomp filter can make them fail. An environment variable can't choose this, because librseqkit-preload.so sets the offset
 * before the C library knows the environment.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "raw.h"

#define EXPORTED __attribute__((__visibility__("default")))
#define FEATURE_SIZE 33 /* more than 32, as in all kernels for which the patches are written */
#define ALIGNMENT 64
#define RSEQ_OFFSET 64
#define AUXV_FEATURE_SIZE 27 /* AT_RSEQ_FEATURE_SIZE of include/uapi/linux/auxvec.h */
#define AUXV_ALIGN 28
#define RAW_EBUSY 16
#define RAW_ENXIO 6
#ifndef REFUSED
#define REFUSED 0
#endif

static bool has_offset, has_signature;
static int64_t offset;
static uint32_t signature;

EXPORTED int pretend_asked; /* how often threads requested registration */

typedef unsigned long get(unsigned long);

static unsigned long real_auxiliary(unsigned long type)
{
	get *next = (get *)(uintptr_t)dlsym(RTLD_NEXT, "getauxval");

	return next != NULL ? next(type) : 0;
}

EXPORTED unsigned long getauxval(unsigned long type)
{
	bool ours = (type == AUXV_FEATURE_SIZE || type == AUXV_ALIGN) && real_auxiliary(type) != 0;

	return !ours ? real_auxiliary(type) : type == AUXV_ALIGN ? ALIGNMENT : FEATURE_SIZE;
}

static const char *choice(void)
{
	const char *value = getenv("PRETEND_KTLS");

	return value != NULL ? value : "";
}

static bool is_foreign(void)
{
	return strcmp(choice(), "foreign") == 0 && RAW3(SYS_gettid, 0, 0, 0) != RAW3(SYS_getpid, 0, 0, 0);
}

static long register_thread(void)
{
	pretend_asked++;
	if (!has_offset || !has_signature)
		return -RAW_ENXIO;
	if (is_foreign())
		return -RAW_EBUSY;
	return RAW4(quiet_rseq(), raw_thread_pointer() + offset + RSEQ_OFFSET, FEATURE_SIZE, 0, signature);
}

static long answer(void *argument, uint32_t command)
{
	struct {
		uint32_t size, alignment;
		uint64_t rseq_offset;
	} layout = {128, ALIGNMENT, RSEQ_OFFSET};

	switch (command) {
	case RAW_KTLS_GET_LAYOUT:
		if (strncmp(choice(), "size=", 5) == 0)
			layout.size = (uint32_t)strtoul(choice() + 5, NULL, 10);
		if (strncmp(choice(), "alignment=", 10) == 0)
			layout.alignment = (uint32_t)strtoul(choice() + 10, NULL, 10);
		memcpy(argument, &layout, sizeof(layout));
		return 0;
	case RAW_KTLS_SET_SIG:
		memcpy(&signature, argument, sizeof(signature));
		has_signature = true;
		return 0;
	case RAW_KTLS_SET_OFFSET:
	case RAW_KTLS_SET_OFFSET_AUTO:
		if (REFUSED)
			return -RAW_EPERM;
		if (has_offset)
			return -RAW_EBUSY;
		memcpy(&offset, argument, sizeof(offset));
		has_offset = true;
		return 0;
	case RAW_KTLS_SET_THREAD: return register_thread();
	default: return -RAW_EINVAL;
	}
}

EXPORTED long syscall(long number, ...)
{
	long argument[6], result;
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_rseq && (int)argument[2] == RAW_KTLS && real_auxiliary(AUXV_FEATURE_SIZE) != 0)
		result = answer((void *)(uintptr_t)argument[0], (uint32_t)argument[3]);
	else
		result = raw_call6(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}
