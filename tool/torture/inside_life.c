/* SPDX-License-Identifier: MIT */
/*
 * inside_life.c - lets the kernel tell the agents when the tool is killed.
 *
 * The kernel walks a thread's list of robust futexes when the thread ends. The list has one entry, for a word of the shared
 * memory. The invariant: the word has the number of the tool's thread, or the tool has ended. This thread has no other robust
 * futexes.
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
