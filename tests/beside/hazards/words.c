/* SPDX-License-Identifier: MIT */
/*
 * words.c - a naive library that exports the place of its area in two variables (the words), which its constructor sets. With
 * -DCONSTANT the words are const, like those of the libc, and the constructor first makes their page writable.
 */
#include "words.h"
#include "naive.h"
#include <sys/mman.h>

static __thread struct naive_area tls __attribute__((__tls_model__("initial-exec"))) = {
	.area = {.cpu_id = UINT32_MAX},
};

WORD ptrdiff_t naive_offset = 0;
WORD unsigned naive_size = 0;

#ifdef CONSTANT
/* This library's own definition of the word, even if the exported symbol is bound to another definition. */
extern const unsigned here __attribute__((__alias__("naive_size"), __visibility__("hidden")));

static void make_writable(void)
{
	uintptr_t page = (uintptr_t)&here & -4096UL;

	/* These pages can also contain code. */
	CHECK(mprotect((void *)page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
}
#else
static void make_writable(void) {}
#endif

__attribute__((__constructor__)) static void publish(void)
{
	make_writable();
	*(volatile ptrdiff_t *)(uintptr_t)&naive_offset = (char *)&tls - rk_thread_pointer();
	*(volatile unsigned *)(uintptr_t)&naive_size = naive_rseq(&tls, 32, 0, RK_SIGNATURE) == 0 ? 32 : 0;
}

bool naive_works(void)
{
	const volatile struct rk_area *area = rk_area_at(*(volatile WORD ptrdiff_t *)&naive_offset);

	return *(volatile WORD unsigned *)&naive_size != 0 && (int32_t)area->cpu_id >= 0;
}
