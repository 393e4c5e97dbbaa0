/* SPDX-License-Identifier: MIT */
/*
 * number.c - thread numbers. A forked child can tell from a number whether the thread with this number is in the child, or is
 * elsewhere: fork didn't copy it. Brackets (bracket.h) have numbers, too. A number has these parts:
 *
 *   | flag | of a bracket | copy of this library: 23 bits | 39 bits: 1, 2, 3, ... |
 *
 * A thread draws its number once, from a counter that only grows, and keeps the number in the thread block of this copy of the
 * library (area.h). A forked child inherits the counter, so the numbers that the child draws are higher than all numbers that
 * the parent's threads had at the fork. At most one lower number belongs to a thread of the child. That thread is the child's
 * first thread, the thread that forked.
 *
 * The invariant: in a forked child, numbers above `first` belong to the child's threads. Below `first`, only `initial` is the
 * number of a thread of the child. Both words are on a page that the kernel fills with zeros in each forked child
 * (MADV_WIPEONFORK). The first thread that finds 0 in `first` draws a number for it, before any thread of the child draws its
 * own number.
 *
 * The number of the child's first thread is in that thread's block, and no other thread can read it there. The libc runs fork
 * handlers in the first thread, and in_child() stores the thread's number in `initial`. After a fork that runs no handlers,
 * `initial` is unknown until the first thread calls a function of this file. Until then no thread counts as elsewhere.
 *
 * If another copy of this library in the process drew a number, this file can't tell where its thread is, because that copy has
 * a page of its own.
 *
 * A vfork child has its parent's number.
 *
 *   numbers   1  2  3  4  5  6 | 7  8  9 ...
 *                     ^          | drawn in the child: its threads
 *               `initial`: the   ^
 *               one that forked  `first`
 *               all others below `first` are elsewhere: what they claimed is free
 *
 * In doubt, a thread doesn't count as elsewhere. Taking a claim (holder.h) from a living holder would lead to wrong stores.
 * Leaving a claim with a holder that is elsewhere does no harm.
 */
#define _GNU_SOURCE
#include "number.h"

#include <pthread.h>
#include <sys/mman.h>
#include "os/kernel.h"
#include "area.h"

#define NUMBER (((uint64_t)1 << 39) - 1)
#define COPY (~NUMBER & ~RK_NUMBER_BRACKET & ~RK_NUMBER_FLAG)
#define NO_NUMBER UINT64_MAX /* `initial` in a child whose first thread had no number at the fork */
#define DRAWING UINT64_MAX /* `first` while a thread draws it */

struct page {
	uint64_t first;   /* 0 in a forked child, until a thread draws it */
	uint64_t initial; /* the number of the process's first thread, if it is below `first`; 0: unknown */
};

static struct page *numbers; /* NULL until it is made */
static bool hopeless;        /* the kernel doesn't know MADV_WIPEONFORK */
static uint64_t next_number = 2; /* the first number is 2, because `first` is 1 in the process that made the page */

/*
 * Makes the page. Returns NULL if there is no memory, or if the kernel doesn't know MADV_WIPEONFORK. In a new page `first` is
 * 1, so no thread counts as elsewhere. The page is therefore also right if it is made late, after numbers were drawn.
 */
static struct page *make_page(void)
{
	struct page *made, *expected = NULL;
	size_t size = rk_page_size();
	long r;

	made = rk_kernel_map(size);
	if (made == NULL)
		return NULL;
	r = RK_SYSCALL(SYS_madvise, made, size, MADV_WIPEONFORK);
	if (r < 0) {
		if (r != -ENOMEM && r != -EAGAIN) /* a kernel before 4.14, or a filter */
			__atomic_store_n(&hopeless, true, __ATOMIC_RELAXED);
		rk_kernel_unmap(made, size);
		return NULL;
	}
	made->first = 1;
	if (__atomic_compare_exchange_n(&numbers, &expected, made, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	rk_kernel_unmap(made, size);
	return expected;
}

static struct page *get_page(void)
{
	struct page *p = __atomic_load_n(&numbers, __ATOMIC_ACQUIRE);

	return p != NULL || __atomic_load_n(&hopeless, __ATOMIC_RELAXED) ? p : make_page();
}

/*
 * Returns `first`, and draws it if necessary. No thread of this process draws a number before `first` is stored. The processes
 * that this process was forked from drew their `first` earlier, and the processes forked from it draw theirs later. Each of
 * these processes therefore has another `first`. If a signal handler forks after this thread has drawn a number here, the
 * number is the parent's. In the child `first` isn't DRAWING, so the number isn't stored there.
 */
static uint64_t first_number(struct page *p)
{
	uint64_t first = __atomic_load_n(&p->first, __ATOMIC_ACQUIRE);

	while (RKI_UNLIKELY(first == 0 || first == DRAWING)) {
		uint64_t next = first == 0 ? DRAWING : __atomic_fetch_add(&next_number, 1, __ATOMIC_RELAXED);

		if (__atomic_compare_exchange_n(&p->first, &first, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			first = next;
	}
	return first;
}

/* Stores the calling thread's number in `initial`. Call this only in the process's first thread. */
static void tell_initial(struct page *p, uint64_t number)
{
	if (__atomic_load_n(&p->initial, __ATOMIC_RELAXED) != number)
		__atomic_store_n(&p->initial, number, __ATOMIC_RELEASE);
}

/*
 * Returns whether the calling thread is the process's first thread. Returns false in a vfork child: the child is also the
 * first thread of a process, but runs in its parent's memory.
 */
static bool is_initial(void)
{
	long thread = RK_SYSCALL(SYS_gettid);

	return thread > 0 && thread == RK_SYSCALL(SYS_getpid) && rk_kernel_is_vfork_child() == 0;
}

uint64_t rk_number_draw(void)
{
	static const char here;
	uint64_t copy = (uint64_t)((uintptr_t)&here >> 12) << 39 & COPY;

	return copy | (__atomic_fetch_add(&next_number, 1, __ATOMIC_RELAXED) & NUMBER);
}

/* Draws the thread's number. If a signal handler draws a number meanwhile, the thread gets the handler's number. */
static uint64_t draw(struct page *p)
{
	uint64_t none = 0, drawn;

	/*
	 * If the conditions below hold, this thread is the first thread of a child and had no number at the fork. Therefore no
	 * number below `first` belongs to a thread of this process, and `initial` gets a value that is no thread's number. If a
	 * handler has stored `initial` meanwhile, the exchange changes nothing.
	 */
	if (p != NULL && first_number(p) != 1 && __atomic_load_n(&p->initial, __ATOMIC_RELAXED) == 0 && is_initial())
		(void)__atomic_compare_exchange_n(&p->initial, &none, NO_NUMBER, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	none = 0;
	drawn = rk_number_draw();
	return __atomic_compare_exchange_n(&rk_block.number, &none, drawn, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ? drawn : none;
}

uint64_t rk_number_mine(void)
{
	struct page *p = get_page();
	uint64_t number = __atomic_load_n(&rk_block.number, __ATOMIC_RELAXED);

	if (RKI_UNLIKELY(number == 0))
		number = draw(p);
	/* A thread that runs in this process and has a number below `first` is the process's first thread. */
	if (p != NULL && RKI_UNLIKELY((number & NUMBER) < first_number(p)))
		tell_initial(p, number);
	return number;
}

bool rk_number_is_foreign(uint64_t number)
{
	return ((number ^ __atomic_load_n(&rk_block.number, __ATOMIC_RELAXED)) & COPY) != 0;
}

bool rk_number_is_elsewhere(uint64_t number)
{
	struct page *p = __atomic_load_n(&numbers, __ATOMIC_ACQUIRE);
	uint64_t initial;

	if (rk_number_is_foreign(number) || p == NULL || (number & NUMBER) >= first_number(p))
		return false;
	initial = __atomic_load_n(&p->initial, __ATOMIC_ACQUIRE);
	return initial != 0 && initial != number;
}

uint64_t rk_number_process(void)
{
	struct page *p = get_page();

	return p != NULL ? first_number(p) : RK_NUMBER_FLAG | (uint64_t)RK_SYSCALL(SYS_getpid);
}

bool rk_number_is_wiped(void)
{
	return get_page() != NULL;
}

bool rk_number_is_hopeless(void)
{
	return get_page() == NULL && __atomic_load_n(&hopeless, __ATOMIC_RELAXED);
}

static void in_child(void)
{
	struct page *p = __atomic_load_n(&numbers, __ATOMIC_ACQUIRE);
	uint64_t number = __atomic_load_n(&rk_block.number, __ATOMIC_RELAXED);

	if (p == NULL)
		return;
	(void)first_number(p);
	tell_initial(p, number != 0 ? number : NO_NUMBER);
}

__attribute__((__constructor__(RK_FIRST_OF_ALL))) static void begin_numbers(void)
{
	(void)pthread_atfork(NULL, NULL, in_child);
}
