/* SPDX-License-Identifier: MIT */
/*
 * test_stacks.c - tests threads on stacks that the program supplies, with addresses and sizes as odd as the libc accepts. The
 * rseq area is in the TLS of a module that dlopen() loaded. In each thread this area must be aligned and registered.
 */
#define _GNU_SOURCE
#include "test.h"
#include <dlfcn.h>
#include <sys/mman.h>
#include "../coexist/copy.h"

static const struct copy *copy;
static struct rk_counter *counter;
static int64_t ran;

static void *on_odd_stack(void *arg)
{
	struct rk_process_info info;

	CHECK(copy->prepare() == 0 && copy->query(&info, sizeof(info)) == 0);
	CHECK((uintptr_t)copy->area() % 64 == 0);
	CHECK(kernel_says_registered(copy->area(), info.length));
	copy->add(counter, 1);
	ran++;
	return arg;
}

static int on_stacks(void)
{
	const size_t size = 1 << 20;
	char path[4096], *memory;
	copy_function *function;
	void *handle;

	snprintf(path, sizeof(path), "%s/%s", getenv("MODULES"), getenv("COPY_A"));
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CHECK(handle != NULL);
	*(void **)&function = dlsym(handle, "copy_of_rseqkit");
	copy = function();
	CHECK(copy->create(&counter) == 0);
	memory = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	for (size_t i = 0; i < 512; i += i % 16 == 0 ? 1 : 7 + i % 3) {
		size_t odd = SANITIZED ? i / 8 * 8 : i; /* AddressSanitizer accepts only multiples of 8 */
		pthread_attr_t attributes;
		pthread_t thread;

		CHECK(pthread_attr_init(&attributes) == 0);
		CHECK(pthread_attr_setstack(&attributes, memory + odd, size - odd % 48) == 0);
		CHECK(pthread_create(&thread, &attributes, on_odd_stack, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
		pthread_attr_destroy(&attributes);
	}
	CHECK(ran > 50 && copy->sum(counter) == ran);
	return 0;
}

static void odd_stacks(void **state)
{
	(void)state;
	assert_int_equal(in_child(on_stacks), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(odd_stacks),
};

RUN(tests)
