/* SPDX-License-Identifier: MIT */
/*
 * ops.h - single operations on per-CPU memory, each one restartable sequence.
 *
 * Above all: data that an operation stores before its commit is invalid until the slot's word covers it. Only threads on the
 * slot's CPU may use operations on a slot. Other threads fence or claim first (remote.h).
 *
 * The memory is an item of rk_percpu (percpu.h), or has the layout of one: the slot of index i is at base + i * RK_STRIDE.
 * Each operation has three names, for three kinds of index:
 *
 *   rk_cpu_VERB(base, ...)        the slot of the CPU it runs on
 *   rk_cid_VERB(base, ...)        the slot of the thread's concurrency id; never in memory shared between processes
 *   rk_at_VERB(base, ..., cpu)    the slot of `cpu`, done only if that is the CPU it runs on
 *
 * The index is loaded inside the section. So a migration after the load aborts the section, and the operation needs no
 * comparison.
 *
 * Each operation is described below, after the types.
 *
 * Some operations store to other places before the commit: to a node that is in no list yet, or after the slot's word. This
 * data is invalid until the slot's word covers it. After RK_ABORTED it may have been written. An operation that reads (load,
 * pop) stores the value in the caller's variable. The variable becomes 0 unless the operation was done.
 *
 * Common to all of them:
 *   Parameters: base is the address of slot 0, word-aligned. cpu is a CPU number. offset and next are in bytes, of either
 *   sign, and lead to aligned words. The bytes that the copying operations copy needn't be aligned.
 *   Returns: one outcome of enum rk_result. Unless that is RK_DONE, the operation has changed neither the slot's word nor the
 *   word that add_through adds to.
 *   Context: any thread; signal handler; after fork; not in a vfork child outside rk_vfork_begin().
 *   Cost: 0.3 to 2 ns, depending on the processor (bench/METHOD.md), and what copying takes. The first operation of a thread
 *   that the libc did not register makes two system calls.
 *   Memory order: relaxed. A thread on the same CPU, or with the same concurrency id, sees the effects in order. Operations
 *   with names that end with _release store with release order, for threads that read the slot with acquire (arch/aarch64.h).
 *
 * A module with inlined operations must not be unloaded while threads that ran them live. Such a thread's area may name a
 * section of the module until the thread's next preemption. So a module that is compiled with -fPIC pins itself when it is
 * loaded, see rk_pin_module(). With RK_NO_PIN defined it doesn't. Define that for modules that are linked with
 * -Wl,-z,nodelete.
 *
 * Each inlined operation lists its section in tables that debuggers and binary tools read. Code that defines RK_NO_TABLES
 * before it includes this header has no tables, and is smaller (arch/section.h). Debuggers can't single-step through such
 * code, and tools can't check it.
 *
 * A signal handler that interrupts a section finds the thread in the section's abort handler. On x86-64 unwinders get from
 * there to the function and its callers: backtrace(), gdb, libunwind, a profiler that unwinds in its handler. They show the
 * abort handler as a frame of its own, without a name (gdb: "signal handler called"). On arm64 they end there, since unwinders
 * don't agree on how such a frame is described.
 *
 * After RK_ABORTED call the operation again. It returns RK_ABORTED also when it has just registered its thread. Limit the
 * number of repetitions, for a debugger that single-steps aborts every one. Structures (counter.h) do all this for you.
 */
#ifndef RSEQKIT_OPS_H
#define RSEQKIT_OPS_H

#include <rseqkit/abi.h>

/* Outcomes. Each has a number of its own. Numbers are ABI. */
enum rk_result {
	RK_DONE = 0,      /* committed */
	RK_UNEQUAL = 1,   /* the condition of the operation didn't hold */
	RK_ABORTED = 2,   /* interrupted before the commit, or the thread has just been registered: try again */
	RK_WRONG_CPU = 3, /* not running on the CPU asked for */
	RK_NO_RSEQ = 4,   /* this thread has no rseq: use the fallback */
	RK_CLOSED = 5     /* the slot, or the gate, is closed or was never opened: bank.h, gate.h */
};

/* Bytes from one index's slot to the next: 2^18, a constant, so that one shift scales an index. */
#define RK_STRIDE_SHIFT 18
#define RK_STRIDE ((size_t)1 << RK_STRIDE_SHIFT)

/* After this many aborts in a row a structure stops repeating the sequence, and uses its overflow slot. */
#define RK_ABORTS_MAX 64

/*
 * An array in a slot. Its elements are pointers, and follow this structure. One word has both the length and a count of all
 * elements that were ever pushed or popped. A push adds RK_ARRAY_PUSHED(1), a pop RK_ARRAY_POPPED(1). So the word differs
 * after every operation, which prevents ABA. It also counts how often the array was used, at no cost. The count wraps.
 */
struct rk_array {
	intptr_t state;    /* has RK_ARRAY_LENGTH() and RK_ARRAY_MOVED() */
	intptr_t capacity; /* elements, 0 to RK_ARRAY_MAX */
};

/*
 * A log in a slot. Positions are in bytes, only grow, and stay below 2^62. All of them are multiples of 8. The byte at a
 * position is RK_LOG_DATA + (position & mask) bytes after the start of this structure. The mask is the log's size, a power of
 * two, less one. The code that sets the limit ensures that no record wraps, and that none overwrites records that are still to
 * be read.
 */
struct rk_log {
	int64_t head; /* there are records up to here */
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
 * Keeps the module that contains the address `here` from being unloaded: dlclose() then has no effect on it. The operations
 * call this by themselves, once per module. It does nothing for the program itself, in static programs, and on musl, which
 * never unloads a module.
 *
 * Context: any thread; a constructor too; not a signal handler. Cost: a microsecond.
 */
RKI_API void rk_pin_module(const void *here);

RKI_END_DECLS

/*
 * The operations, with their parameters after base. The functions rk_cpu_VERB() and rk_cid_VERB() take just these. The
 * functions rk_at_VERB() take a CPU number after them: rk_cpu_load(base, &value), rk_at_load(base, &value, cpu).
 *
 *   load(intptr_t *value)
 *     Loads the slot's word into *value, which becomes 0 unless that was done.
 *
 *   add(intptr_t value)
 *     Adds `value` to the slot's word. The sum wraps.
 *
 *   add_through(ptrdiff_t offset, intptr_t value)
 *     The slot's word is a pointer. Adds `value` to the word `offset` bytes after the address that it points to; the sum
 *     wraps. Returns RK_UNEQUAL if the pointer is null. This is for memory of this CPU that is larger than a slot, or that can
 *     be replaced.
 *
 *   store_if_equal(intptr_t expected, intptr_t value)
 *     Stores `value` into the slot's word if that equals `expected`. Otherwise it returns RK_UNEQUAL.
 *
 *   compare_exchange(intptr_t *expected, intptr_t desired)
 *     Stores `desired` into the slot's word if that equals *expected. Otherwise it returns RK_UNEQUAL, and *expected becomes
 *     the word that was found. A loop can compute the next value from it. All other outcomes leave *expected unchanged.
 *
 *   store_if_both_equal(intptr_t expected, ptrdiff_t offset, intptr_t other, intptr_t value)
 *     Stores `value` into the slot's word if two words match: the slot's word equals `expected`, and the word `offset` bytes
 *     after it equals `other`. Otherwise it returns RK_UNEQUAL.
 *
 *   store_two_if_equal(intptr_t expected, ptrdiff_t offset, intptr_t first, intptr_t value)
 *     If the slot's word equals `expected`, stores `first` into the word `offset` bytes after it, and then `value` into the
 *     slot's word. Otherwise it returns RK_UNEQUAL. After RK_ABORTED the first store may have been done. So that word must be
 *     one without meaning yet, like the element after the last one of an array whose length is the slot's word.
 *
 *   copy_if_equal(intptr_t expected, ptrdiff_t offset, const void *source, size_t length, intptr_t value)
 *     If the slot's word equals `expected`, copies `length` bytes from `source` to `offset` bytes after that word, and then
 *     stores `value` into it. Otherwise it returns RK_UNEQUAL. After RK_ABORTED some of the bytes may have been copied. The
 *     source must be readable memory, and must not overlap the destination. Some bytes are read twice. A repetition starts all
 *     over. So a copy that takes longer than the time between two interruptions never ends. A few KiB are fine.
 *
 *   copy_out_if_equal(intptr_t expected, ptrdiff_t offset, void *target, size_t length, intptr_t value)
 *     If the slot's word equals `expected`, copies `length` bytes from `offset` bytes after that word to `target`, and then
 *     stores `value` into it. Otherwise it returns RK_UNEQUAL. This takes all that copy_if_equal or array_push stored, in one
 *     operation. After RK_ABORTED some of the bytes may have been copied. The target must be writable memory that no other
 *     thread reads, and must not overlap the source. Some bytes are written twice. Repetitions are as for copy_if_equal.
 *
 *   push(void *node, ptrdiff_t next)
 *     Puts a node in front of the list in the slot's word. The previous value of that word is stored `next` bytes into the
 *     node.
 *
 *   pop(intptr_t end, ptrdiff_t next, void **node)
 *     Takes the first node off the list in the slot's word. That word is stored in *node, and is replaced by the word `next`
 *     bytes into the node. Returns RK_UNEQUAL if the slot's word is `end`, the value that ends lists (0, say). *node becomes
 *     NULL unless a node was taken. A node's address must stay mapped while a thread may be popping it. No fence reaches a
 *     thread that waits for a page that is swapped out, for example, and the thread crashes if the page is gone. Locked memory
 *     is never swapped out.
 *
 *   array_push(void *element)
 *     Stores `element` after the last one of the array in the slot (struct rk_array). Returns RK_UNEQUAL if the array is full.
 *     After RK_ABORTED the element may have been written there, where the previous content has no meaning.
 *
 *   array_pop(void **element)
 *     Takes the last element off an array. Returns RK_UNEQUAL if the array is empty. *element becomes NULL unless one was
 *     taken.
 *
 *   append(intptr_t header, const void *source, size_t length, intptr_t size, intptr_t mask)
 *   append_stamped(the same)
 *     Appends a record to the log in the slot (struct rk_log) if the log has room for `size` bytes up to its limit. Otherwise
 *     it returns RK_UNEQUAL. The operation stores the word `header` at the log's head, copies `length` bytes from `source`
 *     after it, and advances the head by `size`. The stamped form stores the processor's clock between the two. Clocks then
 *     have the same order as heads. `size` is a multiple of 8, and large enough for the whole record. `mask` is the log's size
 *     less one. After RK_ABORTED the bytes after the head may have been written. The source is as for copy_if_equal.
 *
 * These operations also have a form with _release: store_if_equal, compare_exchange, store_if_both_equal, store_two_if_equal,
 * copy_if_equal, push, append and append_stamped. They publish a pointer to other CPUs. A thread there that reads the slot
 * with acquire, and finds the stored value, also finds all that was stored before. For readers on the same CPU relaxed order
 * is enough.
 */
#include <rseqkit/detail/ops.h>

#endif /* RSEQKIT_OPS_H */
