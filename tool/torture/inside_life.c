/* SPDX-License-Identifier: MIT */
/*
 * inside_life.c - makes the kernel set a bit in the shared memory when the tool is killed.
 *
 * When a thread ends, the kernel sets FUTEX_OWNER_DIED in each word of the thread's list of robust futexes. The list has one
 * entry, for the word `life` of the shared memory. The invariant: the word is the id of the tool's thread, or the tool has ended.
 * This thread has no other robust futexes.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inside.h"

static struct robust_list entry;
static struct robust_list_head head = {.list = {&head.list}};

void life_begin(struct inside *inside)
{
	uint32_t *word = &inside->shared->life;

	*word = (uint32_t)syscall(SYS_gettid);
	head.futex_offset = (long)((uintptr_t)word - (uintptr_t)&entry);
	entry.next = &head.list;
	head.list.next = &entry;
	(void)syscall(SYS_set_robust_list, &head, sizeof(head));
}

void life_end(void)
{
	head.list.next = &head.list;
}
