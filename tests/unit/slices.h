/* SPDX-License-Identifier: MIT */
/*
 * slices.h - checks whether the kernel has the slice extension, and counts the system calls that the library makes for the
 * extension. With this extension, a thread in a critical section can request a short delay of its preemption.
 */
#ifndef SLICES_H
#define SLICES_H

#include "calls.h"
#include <sys/auxv.h>
#include <sys/prctl.h>

#define PRCTL_SLICE 79 /* PR_RSEQ_SLICE_EXTENSION of include/uapi/linux/prctl.h */
#define SLICE_GET 1
#define SLICE_SET 2
#define SYS_SLICE_YIELD 471

/*
 * `switched_on`: calls of the library that enable the extension. `yields`: calls of rseq_slice_yield(2). `yielded_in_time`:
 * those of them that returned 1.
 */
static int switched_on, yields, yielded_in_time;
static volatile uint32_t *faked; /* if not NULL, called() clears this word at rseq_slice_yield(2), as the kernel would */

static long called(long number, const long arguments[6])
{
	long r;

	if (number == SYS_SLICE_YIELD && faked != NULL) {
		*faked = 0;
		yields++;
		return 1;
	}
	r = really(number, arguments);
	switched_on += number == SYS_prctl && arguments[0] == PRCTL_SLICE && arguments[1] == SLICE_SET;
	yields += number == SYS_SLICE_YIELD;
	yielded_in_time += number == SYS_SLICE_YIELD && r == 1;
	return r;
}

static inline bool kernel_says_on(void)
{
	return prctl(PRCTL_SLICE, SLICE_GET, 0, 0, 0) == 1;
}

/*
 * Runs in a child: registers an area of the length that the kernel wants, and enables the extension for this area.
 * Returns 0 on success.
 */
static int ask_kernel(void)
{
	static unsigned char room[4096] __attribute__((__aligned__(4096)));

	if (getauxval(27 /* AT_RSEQ_FEATURE_SIZE */) <= 32)
		return 1;
	if (kernel_says_any())
		CHECK(syscall(quiet_rseq(), area_here(), process_info().length, 1, RK_SIGNATURE) == 0);
	CHECK(syscall(quiet_rseq(), room, getauxval(27), 0, RK_SIGNATURE) == 0);
	return prctl(PRCTL_SLICE, SLICE_SET, 1, 0, 0) == 0 ? 0 : 1;
}

/* Returns true if the kernel offers the extension to a thread whose area has the whole feature size. */
static inline bool kernel_offers(void)
{
	return in_child(ask_kernel) == 0;
}

/* Returns true if this process can use the extension. */
static inline bool can_have(void)
{
	return WITH_RSEQ() && process_info().length > 32 && kernel_offers();
}

#define NEEDS_SLICES()                                                                                                 \
	do {                                                                                                           \
		if (!can_have())                                                                                       \
			SKIP("no slice extension here");                                                               \
	} while (0)

/*
 * A test of the protocol needs no kernel that has the extension: the test stores what the kernel would store. begin_fake()
 * calls rk_vfork_begin(), which unregisters the thread, so the test is allowed to write the fields of the area.
 */
static struct {
	volatile uint32_t *flags, *control;
} fake;

__attribute__((__unused__)) static void begin_fake(uint32_t flags)
{
	volatile struct rk_area *area = rk_area_at(process_info().offset);

	CHECK(rk_vfork_begin() == 0);
	fake.flags = (volatile uint32_t *)(uintptr_t)&area->flags;
	fake.control = &area->slice_ctrl;
	*fake.flags = flags;
	*fake.control = 0;
	faked = fake.control;
	yields = 0;
}

__attribute__((__unused__)) static void end_fake(void)
{
	*fake.flags = 0;
	*fake.control = 0;
	faked = NULL;
	CHECK(rk_vfork_end() == 0);
}

#define NEEDS_FAKE()                                                                                                   \
	do {                                                                                                           \
		NEEDS_RSEQ();                                                                                          \
		if (!RK_HAVE_SECTIONS)                                                                                 \
			SKIP("without sections nothing is requested");                                                 \
		if (world_owner() == RK_OWNER_KERNEL)                                                                  \
			SKIP("the kernel's area is read-only while it isn't registered");                              \
	} while (0)

#define REQUESTED 1u
#define GRANTED 0x100u
#define ON (RK_AREA_SLICE_AVAILABLE | RK_AREA_SLICE_ENABLED)

#endif /* SLICES_H */
