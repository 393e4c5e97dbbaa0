/* SPDX-License-Identifier: MIT */
/*
 * slot.h - slots, the parts of per-CPU memory, and what all sections on them have in common: outcomes, data in a slot, modules.
 *
 * The memory is an item of rk_percpu (percpu.h), or has the layout of one: the slot of index i is at base + i * RK_STRIDE.
 * Single operations on slots are in ops.h. The structures (for example counter.h) have sections of their own. All of these
 * sections are inlined into programs, and the following holds for all of them.
 *
 * Never unload a module with inlined operations while a thread that ran these operations exists. Until its next preemption,
 * that thread's area can name a section of the module. A module that is compiled with -fPIC prevents this: it pins itself when
 * it is loaded, see rk_pin_module(). If RK_NO_PIN is defined, the module doesn't pin itself. Define RK_NO_PIN for modules that
 * are linked with -Wl,-z,nodelete.
 *
 * Each inlined operation lists its section in tables that debuggers and binary tools read. If code defines RK_NO_TABLES before
 * it includes this header, the code has no tables, and is smaller (arch/section.h). Then debuggers can't single-step through
 * the code, and tools can't check it.
 *
 * If a signal handler interrupts a section, the handler finds the interrupted thread at an address in the section's abort
 * handler. From that address, unwinders on x86-64 find the function and its callers: backtrace(), gdb, libunwind, a profiler
 * that unwinds in its handler. They show the abort handler as a frame of its own, without a name (gdb: "signal handler
 * called"). On arm64, unwinders stop at the abort handler, because they don't agree on the description of such a frame.
 */
#ifndef RSEQKIT_SLOT_H
#define RSEQKIT_SLOT_H

#include <rseqkit/abi.h>

/* Outcomes. Each has a number of its own. Numbers are ABI. */
enum rk_result {
	RK_DONE = 0,      /* committed */
	RK_UNEQUAL = 1,   /* the condition of the operation didn't hold */
	RK_ABORTED = 2,   /* interrupted before the commit, or the thread has just been registered: try again */
	RK_WRONG_CPU = 3, /* the thread doesn't run on `cpu` */
	RK_NO_RSEQ = 4,   /* this thread has no rseq: use the fallback */
	RK_CLOSED = 5     /* the slot, or the gate, is closed or was never opened: bank.h, gate.h */
};

/* Bytes from the slot of one index to the slot of the next index: 2^18. The size is constant, so one shift scales an index. */
#define RK_STRIDE_SHIFT 18
#define RK_STRIDE ((size_t)1 << RK_STRIDE_SHIFT)

/*
 * After this many aborts in a row a structure stops repeating the sequence, and uses the slot that all threads share
 * (percpu.h).
 */
#define RK_ABORTS_MAX 64

/*
 * An array in a slot. Its elements are pointers, and follow this structure. The word `state` has both the length and a count of
 * all elements that were ever pushed or popped. A push adds RK_ARRAY_PUSHED(1) to the word, a pop adds RK_ARRAY_POPPED(1), so
 * each operation changes the word to another value, which prevents ABA. The count also tells how often the array was used, at
 * no cost. The count wraps.
 */
struct rk_array {
	intptr_t state;    /* length and count: RK_ARRAY_LENGTH() and RK_ARRAY_MOVED() */
	intptr_t capacity; /* in elements, 0 to RK_ARRAY_MAX */
};

/*
 * A log in a slot. Positions are in bytes, only grow, and stay below 2^62. All positions are multiples of 8. The byte at a
 * position is RK_LOG_DATA + (position & mask) bytes after the start of this structure. The log's size is a power of two, and
 * the mask is the size less one. The code that sets the limit must ensure that no record wraps around the log's end. This code
 * must also ensure that no record overwrites another record that is still to be read.
 */
struct rk_log {
	int64_t head; /* the position where the last record ends */
	int64_t limit;
};

#define RK_LOG_DATA 256

#define RK_ARRAY_MAX 65535
#define RK_ARRAY_LENGTH(state) ((intptr_t)((uintptr_t)(state) & 0xffff))
#define RK_ARRAY_MOVED(state) ((uintptr_t)(state) >> 16)
#define RK_ARRAY_PUSHED(count) ((intptr_t)(count) * 0x10000 + (intptr_t)(count))
#define RK_ARRAY_POPPED(count) ((intptr_t)(count) * 0x10000 - (intptr_t)(count))

RKI_BEGIN_DECLS

/*
 * Keeps the module that contains the address `here` from being unloaded: dlclose() then has no effect on the module. Each
 * module with operations calls this function by itself, once. The function does nothing for the program itself, in static
 * programs, and on musl, which never unloads a module.
 *
 * Context: any thread; a constructor too; not a signal handler. Cost: a microsecond.
 */
RKI_API void rk_pin_module(const void *here);

RKI_END_DECLS

#include <rseqkit/detail/slot.h>

#endif /* RSEQKIT_SLOT_H */
