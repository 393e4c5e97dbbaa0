/* SPDX-License-Identifier: MIT */
/*
 * bracket.h - for tests of two copies of the library in one process. One copy opens a bracket by its rk_vfork_begin(), and ends
 * it by its rk_vfork_end(). The other copy must see that the bracket is open.
 */
#ifndef TESTS_COEXIST_BRACKET_H
#define TESTS_COEXIST_BRACKET_H

#include "test.h"
#include "load.h"

static const struct copy *opener, *other;
static struct rk_counter *counter;

static void load_pair(const char *first, const char *second)
{
	void *handle;

	opener = load_copy_of_rseqkit(first, LOCAL, &handle);
	other = load_copy_of_rseqkit(second, LOCAL, &handle);
	CHECK(opener != NULL && other != NULL);
	CHECK(opener->prepare() == 0 && other->prepare() == 0 && kernel_says_any());
	CHECK(other->create(&counter) == 0);
}

static void load_shared_and_hidden(void)
{
	load_pair("copy-shared.so", "copy-static-a.so");
}

/* Checks that inside the bracket the thread stays unregistered, and that an add by the other copy is counted. */
static void check_closed(void)
{
	CHECK(!kernel_says_any());
	CHECK(other->prepare() == -EAGAIN && other->reg() == -EAGAIN);
	CHECK(other->reason() == RK_REASON_VFORK && other->owner() == RK_OWNER_NONE && other->area() == NULL);
	other->add(counter, 1);
	CHECK(!kernel_says_any());
}

static void check_open(void)
{
	CHECK(kernel_says_any());
	CHECK(opener->prepare() == 0 && other->prepare() == 0 && other->area() != NULL && other->area() == opener->area());
}

#endif
