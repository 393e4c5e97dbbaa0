/* SPDX-License-Identifier: MIT */
/*
 * test_elsewhere.c - a program with modules that can't be at the addresses for which they are linked. The library must read the
 * tables of such a module (elsewhere.c), and must recognise that the module registers threads.
 */
#define _GNU_SOURCE
#include <link.h>
#include <rseqkit/thread.h>
#include <stdio.h>
#include <string.h>

int lead(void), take(void);

/* Returns 1 for the module with take(), if it has an address and is elsewhere. */
static int is_elsewhere(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	return strstr(info->dlpi_name, "/libelsewhere-t") != NULL && info->dlpi_phdr[0].p_vaddr != 0 && info->dlpi_addr != 0;
}

int main(void)
{
	int is_premise = dl_iterate_phdr(is_elsewhere, NULL) == 1;
	int is_right = rk_thread_prepare() < 0 && rk_thread_reason() == RK_REASON_STRANGER;

	printf("%s 1 - a module isn't at its addresses\n", is_premise ? "ok" : "not ok");
	printf("%s 2 - the library registers no thread\n1..2\n", is_right ? "ok" : "not ok");
	return is_premise && is_right && lead() == 0 && take() == 0 ? 0 : 1;
}
