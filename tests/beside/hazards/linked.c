/* SPDX-License-Identifier: MIT */
/*
 * linked.c - a program that is linked with a library that exports words: variables with the place of its area. The program opens
 * further copies of that library. With -DNAIVE the library is words.c, otherwise rseqkit.
 *
 *	linked [COPY...]
 *	linked copied        exits with 0 if the words are in the program, as copies that the linker made
 */
#ifdef NAIVE
#include "words.h"
#endif
#include "naive.h"
#include <dlfcn.h>

#ifdef NAIVE
#define WORDS_ADDRESS (&naive_size)

/* Uses the words as any user does. If this code isn't position-independent, the linker makes copies of them in the program. */
static void begin(void)
{
	printf("%td, %u\n", naive_offset, naive_size);
}

static bool works(void)
{
	return naive_works();
}
#else
#define WORDS_ADDRESS (&rk_area_offset)

static struct rk_counter *counter;

static void begin(void)
{
	CHECK(rk_counter_create(&counter) == 0);
}

/* Checks that the words agree with the library's functions, and that the library counts right. */
static bool works(void)
{
	struct rk_process_info info = process_info();
	int64_t before = rk_counter_sum(counter);

	for (int i = 0; i < 1000; i++)
		rk_counter_add(counter, 1);
	return info.offset == rk_area_offset && info.valid == rk_area_valid && rk_thread_area() == area_here() &&
	       kernel_says_registered(area_here(), info.length) && rk_counter_sum(counter) == before + 1000;
}
#endif

extern const char __executable_start[], _end[];

static bool is_in_program(const volatile void *address)
{
	return (uintptr_t)address >= (uintptr_t)__executable_start && (uintptr_t)address < (uintptr_t)_end;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "copied") == 0)
		return is_in_program(WORDS_ADDRESS) ? RIGHT : WRONG;
	begin();
	CHECK(works());
	for (int i = 1; i < argc; i++) {
		if (dlopen(argv[i], RTLD_NOW | RTLD_LOCAL) == NULL) {
			printf("%s\n", dlerror());
			return USAGE;
		}
		if (!works())
			return WRONG;
	}
	return RIGHT;
}
