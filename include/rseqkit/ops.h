/* SPDX-License-Identifier: MIT */
/*
 * ops.h - single operations on per-CPU memory, each one restartable sequence.
 *
 * Above all: what an operation stores before its commit means nothing until the slot's word covers it. Only threads on the
 * slot's CPU may work on a slot by operations; others fence or claim first (remote.h).
 *
 * The memory is an item of rk_percpu (percpu.h) or laid out like one: the slot of index i is at base + i * RK_STRIDE.
 * Three kinds of index, and so three names for each operation:
 *
 *   rk_cpu_VERB(base, ...)        the slot of the CPU it runs on
 *   rk_cid_VERB(base, ...)        the slot of the thread's concurrency id; never in memory shared between processes
 *   rk_at_VERB(base, ..., cpu)    the slot of `cpu`, done only if that is the CPU it runs on
 *
 * The index is loaded inside the section, so a migration in between aborts it instead of failing a comparison.
 *
 * What each does is said below, behind the types.
 *
 * Some operations store to other places before the commit: to a node that is in no list yet, or behind the slot. Data
 * written before the commit is invalid until the slot's word covers it. After RK_ABORTED it may have been written.
 * What an operation reads (load, pop) goes to the caller's variable, which becomes 0 unless the operation was done.
 *
 * Common to all of them:
 *   Parameters: base is the address of slot 0, word-aligned. cpu is a CPU number. offset and next are in bytes, of
 *   either sign, and lead to aligned words; what copy_if_equal copies may lie anywhere.
 *   Returns: one outcome of enum rk_result. Anything but RK_DONE means that the slot's word, or what it points to, is
 *   as it was, as far as this operation goes.
 *   Context: any thread; signal handler; after fork; not in a vfork child outside rk_vfork_begin().
 *   Cost: 0.3 to 2 ns by processor (bench/METHOD.md), and what copying takes; the first operation of a thread that the
 *   libc did not register makes two system calls.
 *   Memory order: relaxed; a thread on the same CPU, or with the same concurrency id, sees the effects in order. Names
 *   that end with _release store with release order, for others that read the slot with acquire (arch/aarch64.h).
 *
 * A module with inlined operations must not be unloaded while threads that ran them live: a thread's area may go on
 * naming a section until its next preemption. So one that is compiled with -fPIC pins itself when it is loaded, see
 * rk_pin_module(); with RK_NO_PIN defined it doesn't, which is for modules that are linked with -Wl,-z,nodelete.
 *
 * Each inlined operation lists its section in tables that debuggers and binary tools read. Code that defines
 * RK_NO_TABLES before it includes this has none, and is smaller (arch/section.h). It can't be single-stepped through,
 * nor checked.
 *
 * A signal handler that interrupts a section finds the thread in the section's abort handler. On x86-64 unwinders get from
 * there to the function and its callers: backtrace(), gdb, libunwind, a profiler that unwinds in its handler. They show the
 * abort handler as a frame of its own, without a name (gdb: "signal handler called"). On arm64 they end there: what names
 * a frame's address without its return address is each unwinder's own affair on that machine.
 *
 * RK_ABORTED asks for a repetition. It is also the answer when the operation has just registered its thread. Bound
 * the repetitions: a debugger that single-steps aborts for ever. Structures (counter.h) do all this for you.
 */
#ifndef RSEQKIT_OPS_H
#define RSEQKIT_OPS_H

#include <rseqkit/abi.h>

/* Outcomes; never one code for two. Numbers are ABI. */
enum rk_result {
	RK_DONE = 0,      /* committed */
	RK_UNEQUAL = 1,   /* the condition of the operation didn't hold */
	RK_ABORTED = 2,   /* interrupted before the commit, or the thread has just been registered: try again */
	RK_WRONG_CPU = 3, /* not running on the CPU asked for */
	RK_NO_RSEQ = 4,   /* this thread has no rseq: use the fallback */
	RK_CLOSED = 5     /* the slot, or the gate, is closed or was never opened: bank.h, gate.h */
};

/* Bytes from one index's slot to the next: 2^18, a constant so that an index is scaled by one shift. */
#define RK_STRIDE_SHIFT 18
#define RK_STRIDE ((size_t)1 << RK_STRIDE_SHIFT)

/* A structure gives up on a sequence that was aborted this many times in a row, and takes its overflow slot. */
#define RK_ABORTS_MAX 64

/*
 * An array in a slot, of pointers, the elements right behind this. One word has the length and counts what was ever
 * moved: an element that is pushed adds RK_ARRAY_PUSHED(1), one that is popped RK_ARRAY_POPPED(1). So it differs after
 * every operation, and tells for nothing how often the array was used. The count wraps.
 */
struct rk_array {
	intptr_t state;    /* RK_ARRAY_LENGTH() and RK_ARRAY_MOVED() of it */
	intptr_t capacity; /* elements, 0 to RK_ARRAY_MAX */
};

/*
 * A log in a slot. Positions are bytes, count up for ever, and stay below 2^62; the byte at a position is the one at
 * RK_LOG_DATA + (position & mask) behind this, where mask is the log's size, a power of two, less one. All are multiples
 * of 8. Who sets the limit sees to it that no record wraps, nor overwrites what is still to be read.
 */
struct rk_log {
	int64_t head; /* up to where there are records */
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
 * Keeps the module that has something at `here` from being unloaded, which for it means: dlclose() has no effect. The
 * operations call this by themselves, once per module. Without effect on the program itself, on musl, where nothing is
 * ever unloaded, and in static programs.
 *
 * Context: any thread; a constructor too; not a signal handler. Cost: a microsecond.
 */
RKI_API void rk_pin_module(const void *here);

RKI_END_DECLS

/*
 * The operations, with the parameters behind base. rk_cpu_VERB() and rk_cid_VERB() take just these, rk_at_VERB() a CPU
 * number behind them: rk_cpu_load(base, &value), rk_at_load(base, &value, cpu).
 *
 *   load(intptr_t *value)
 *     Loads the slot's word into *value, which becomes 0 unless that was done.
 *
 *   add(intptr_t value)
 *     Adds `value` to the slot's word, wrapping.
 *
 *   add_through(ptrdiff_t offset, intptr_t value)
 *     Adds `value`, wrapping, to the word `offset` bytes behind where the slot's word points; RK_UNEQUAL if that is null.
 *     For memory of this CPU that is larger than a slot, or that can be replaced.
 *
 *   store_if_equal(intptr_t expected, intptr_t value)
 *     Stores `value` into the slot's word if that equals `expected`, else RK_UNEQUAL.
 *
 *   compare_exchange(intptr_t *expected, intptr_t desired)
 *     Stores `desired` into the slot's word if that equals *expected. Else RK_UNEQUAL, and *expected becomes the word that
 *     was found: for a loop that computes the next value from it. Any other outcome leaves *expected alone.
 *
 *   store_if_both_equal(intptr_t expected, ptrdiff_t offset, intptr_t other, intptr_t value)
 *     Stores `value` into the slot's word if that equals `expected` and the word `offset` bytes behind the slot equals
 *     `other`, else RK_UNEQUAL.
 *
 *   store_two_if_equal(intptr_t expected, ptrdiff_t offset, intptr_t first, intptr_t value)
 *     If the slot's word equals `expected`, stores `first` into the word `offset` bytes behind the slot and then `value`
 *     into the slot's word, else RK_UNEQUAL. After RK_ABORTED the first store may have been done: that word is for what
 *     means nothing yet, like the element behind the last one of an array whose length is the slot's word.
 *
 *   copy_if_equal(intptr_t expected, ptrdiff_t offset, const void *source, size_t length, intptr_t value)
 *     If the slot's word equals `expected`, copies `length` bytes from `source` to `offset` bytes behind the slot and then
 *     stores `value` into the slot's word, else RK_UNEQUAL. After RK_ABORTED some of the bytes may have been copied. The
 *     source must be readable memory, and not overlap where it is copied to; some of it is read twice. A repetition starts
 *     all over, so what takes longer than the time between two interruptions never ends: a few KiB are fine.
 *
 *   copy_out_if_equal(intptr_t expected, ptrdiff_t offset, void *target, size_t length, intptr_t value)
 *     If the slot's word equals `expected`, copies `length` bytes from `offset` bytes behind the slot to `target` and then
 *     stores `value` into the slot's word, else RK_UNEQUAL: for taking at once what copy_if_equal or array_push stored. After
 *     RK_ABORTED some of the bytes may have been copied. The target must be writable memory that others don't look at, and
 *     not overlap the source; some of it is written twice. Repetitions are as those of copy_if_equal.
 *
 *   push(void *node, ptrdiff_t next)
 *     Puts a node in front of the list in the slot's word: what that held goes to the word `next` bytes into the node.
 *
 *   pop(intptr_t end, ptrdiff_t next, void **node)
 *     Takes the first node off a list: the slot's word, which goes to *node and is replaced by the word `next` bytes behind
 *     where it points. RK_UNEQUAL if the slot's word is `end`, where lists end (0, say). *node becomes NULL unless a node was
 *     taken. The address of a node stays mapped as long as somebody may be popping it: a thread that waits for its page,
 *     swapped out, say, is reached by no fence, and dies if the page is gone. Memory that is locked is exempt.
 *
 *   array_push(void *element)
 *     Puts `element` behind the last one of the array that the slot is (struct rk_array), RK_UNEQUAL if that is full. After
 *     RK_ABORTED or RK_DONE it is written; what was there behind the last one meant nothing.
 *
 *   array_pop(void **element)
 *     Takes the last element off an array; RK_UNEQUAL if it is empty. *element becomes NULL unless one was taken.
 *
 *   append(intptr_t header, const void *source, size_t length, intptr_t size, intptr_t mask)
 *   append_stamped(the same)
 *     If the log that the slot is (struct rk_log) has room for `size` bytes up to its limit, stores the word `header` at its
 *     head, copies `length` bytes from `source` behind that, and advances the head by `size`; else RK_UNEQUAL. The stamped
 *     form stores the clock between the two: in an order that agrees with that of the heads. `size` is a multiple of 8 that
 *     all of it fits into, `mask` the size of the log less one. After RK_ABORTED what is behind the head may have been
 *     written. The source is as for copy_if_equal.
 *
 * store_if_equal, compare_exchange, store_if_both_equal, store_two_if_equal, copy_if_equal, push, append and append_stamped
 * are also there with _release. Who reads the slot from another CPU with acquire, and finds what such an operation stored,
 * also finds all that was stored before: for publishing a pointer. Relaxed is enough for readers on the same CPU.
 */
#include <rseqkit/detail/ops.h>

#endif /* RSEQKIT_OPS_H */
