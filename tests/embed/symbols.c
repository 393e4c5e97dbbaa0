/* SPDX-License-Identifier: MIT */
/*
 * symbols.c - tests what embed.h finds of the symbols of the public TLS protocol, in an executable. Linkers resolve references
 * to missing symbols in different ways.
 *
 * ADOPTER   adopter.c defines __rseq_abi, and nothing defines __rseq_refcount
 * WILD      __rseq_refcount has a value where no memory is, as mold 3.0 leaves a reference to a missing symbol. The value is
 *           aligned, so only a look at the memory shows that it is wild
 */
#define _GNU_SOURCE
#include <rseqkit/embed.h>
#include <stdio.h>

static __thread volatile int used[40] = {1}; /* so that the program has TLS of its own */
static int number, failures;

static void expect(int holds, const char *what)
{
	printf("%s %d - %s\n", holds ? "ok" : "not ok", ++number, what);
	failures += !holds;
}

#ifdef WILD
__asm__(".globl __rseq_refcount\n\t.type __rseq_refcount, %tls_object\n\t.set __rseq_refcount, -0x31234568");
#endif
#ifdef ADOPTER
void *address_of_area(void);
#endif

int main(void)
{
	ptrdiff_t offset;

	used[3] = 2;
#ifdef ADOPTER
	expect(rke_offset_of_area() == (char *)address_of_area() - rke_thread_pointer(), "the area is found");
	expect(rke_early_area(&offset) && rke_area_at(offset) == address_of_area(), "the area is usable");
#else
	expect(rke_offset_of_area() == 0, "no area is found");
	expect(!rke_early_area(&offset), "no area is usable");
#endif
#ifdef WILD
	expect(rke_offset_of_count() != 0, "the count would be found");
#else
	expect(rke_offset_of_count() == 0, "no count is found");
#endif
	expect(rke_early_users() == NULL, "no user is counted");
	printf("1..%d\n", number);
	return failures != 0;
}
