/* SPDX-License-Identifier: MIT */
/*
 * ops.h - single operations on per-CPU memory, each one restartable sequence.
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
 *   load, add, add_through          the slot's word; the word that it points to
 *   store_if_equal, compare_exchange, store_if_both_equal, store_two_if_equal, copy_if_equal   each also with _release
 *   push (also with _release), pop  a list of nodes, last in first out
 *   array_push, array_pop           an array of pointers, last in first out (struct rk_array)
 *   copy_out_if_equal               takes what copy_if_equal and array_push have stored
 *   append, append_stamped          a log of records that others read (struct rk_log); each also with _release
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

#include <rseqkit/detail/ops.h>

#endif /* RSEQKIT_OPS_H */
