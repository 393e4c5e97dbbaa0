/* SPDX-License-Identifier: MIT */
/*
 * string.c - the functions of <string.h> that this library calls, for its shared objects. Each shared object has its own hidden
 * copy of this file, so these calls leave the object as little as calls of other functions of the library do.
 *
 * Otherwise a call would reach the first definition in look-up order. A program with a sanitizer's runtime inside the
 * executable has definitions of its own, which crash before the runtime is initialised. But the constructors of a preloaded
 * object run before that. In a new thread the preloaded object's code runs first, too, before the runtime knows the thread
 * (thread/start.c). Compilers also make such calls by themselves, to copy a structure or to fill it with zeros. They call the
 * functions by these names, so the definitions have these names.
 *
 * The static library doesn't have this file, because a program has only one definition of each name. There the
 * constructors run after the runtime's. Builds with sanitizers don't have it either, because the sanitizer watches these calls.
 *
 * The invariant: no function of this file calls another one. Compilers recognise loops that copy, fill or measure memory, and
 * replace them by calls of these functions. Each loop therefore has an empty assembly statement, which no such loop has.
 */
#include <stddef.h>
#include <stdint.h>

#define LOCAL __attribute__((__visibility__("hidden"), __used__))
#define KEEP_LOOP() __asm__("" ::: "memory")

/* A compiler moves such a block by single instructions. */
typedef uint64_t block __attribute__((__vector_size__(16), __aligned__(1), __may_alias__));

LOCAL void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	size_t i = 0;

	for (; size - i >= sizeof(block); i += sizeof(block)) {
		*(block *)((char *)to + i) = *(const block *)((const char *)from + i);
		KEEP_LOOP();
	}
	for (; i < size; i++) {
		((char *)to)[i] = ((const char *)from)[i];
		KEEP_LOOP();
	}
	return to;
}

LOCAL void *memmove(void *to, const void *from, size_t size)
{
	const char *source = from;
	char *target = to;

	for (size_t i = 0; (uintptr_t)to - (uintptr_t)from >= size && i < size; i++) {
		target[i] = source[i];
		KEEP_LOOP();
	}
	for (size_t i = size; (uintptr_t)to - (uintptr_t)from < size && i > 0; i--) {
		target[i - 1] = source[i - 1];
		KEEP_LOOP();
	}
	return to;
}

LOCAL void *memset(void *at, int byte, size_t size)
{
	uint64_t half = (unsigned char)byte * (UINT64_MAX / 255);
	block filled = {half, half};
	size_t i = 0;

	for (; size - i >= sizeof(block); i += sizeof(block)) {
		*(block *)((char *)at + i) = filled;
		KEEP_LOOP();
	}
	for (; i < size; i++) {
		((char *)at)[i] = (char)byte;
		KEEP_LOOP();
	}
	return at;
}

LOCAL int memcmp(const void *one, const void *other, size_t size)
{
	const unsigned char *a = one, *b = other;

	for (size_t i = 0; i < size; i++) {
		if (a[i] != b[i])
			return a[i] - b[i];
		KEEP_LOOP();
	}
	return 0;
}

LOCAL size_t strlen(const char *text)
{
	size_t i = 0;

	for (; text[i] != '\0'; i++)
		KEEP_LOOP();
	return i;
}

LOCAL size_t strnlen(const char *text, size_t most)
{
	size_t i = 0;

	for (; i < most && text[i] != '\0'; i++)
		KEEP_LOOP();
	return i;
}

LOCAL int strcmp(const char *one, const char *other)
{
	size_t i = 0;

	for (; one[i] != '\0' && one[i] == other[i]; i++)
		KEEP_LOOP();
	return (unsigned char)one[i] - (unsigned char)other[i];
}

LOCAL char *strchr(const char *text, int character)
{
	for (; *text != (char)character; text++) {
		if (*text == '\0')
			return NULL;
		KEEP_LOOP();
	}
	return (char *)(uintptr_t)text;
}

LOCAL char *strrchr(const char *text, int character)
{
	const char *found = NULL;

	for (;; text++) {
		if (*text == (char)character)
			found = text;
		if (*text == '\0')
			return (char *)(uintptr_t)found;
		KEEP_LOOP();
	}
}
