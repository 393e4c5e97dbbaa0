/* SPDX-License-Identifier: MIT */
/*
 * ops.h - single operations on a slot, one CPU's part of per-CPU memory. Each operation is one restartable sequence.
 *
 * Above all: data that an operation stores before its commit is invalid until the slot's word refers to that data. Only threads
 * on the slot's CPU may use operations on a slot. Before a thread on another CPU reads or writes the slot by other means, it
 * must make a fence or hold the slot's claim (remote.h).
 *
 * The memory is an item of rk_percpu (percpu.h), or has the layout of one: the slot of index i is at base + i * RK_STRIDE.
 * Each operation has three names, for three kinds of index:
 *
 *   rk_cpu_VERB(base, ...)        the slot of the CPU that the operation runs on
 *   rk_cid_VERB(base, ...)        the slot of the thread's concurrency id; not allowed in memory that processes share
 *   rk_at_VERB(base, ..., cpu)    the slot of `cpu`; done only if the operation runs on that CPU
 *
 * The index is loaded inside the section, so a migration after the load aborts the section, and the operation needn't compare
 * CPU numbers.
 *
 * ops_cpu.h, ops_cid.h and ops_at.h each have the operations for one kind of index, and this header includes all three. A
 * compiler reads 0.3 MB of text for each kind. That is why no other header includes operations. Include only the kinds that you
 * use. Each operation is described below.
 *
 * Some operations store to other memory before the commit: into a node that is in no list yet, or into the bytes after the
 * slot's word. This data is invalid until the slot's word refers to it. After RK_ABORTED such data may have been written. An
 * operation that reads (load, pop) stores the value in the caller's variable. If the operation wasn't done, the variable
 * becomes 0.
 *
 * Common to all operations:
 *   Parameters: `base` is the address of slot 0, word-aligned. `cpu` is a CPU number. `offset` and `next` are numbers of bytes,
 *   positive or negative, and must lead to aligned words. The bytes that copying operations copy needn't be aligned.
 *   Returns: an outcome of enum rk_result. If the outcome isn't RK_DONE, the operation has changed neither the slot's word nor
 *   the word that add_through adds to.
 *   Context: any thread; signal handler; after fork; in a vfork child only inside rk_vfork_begin().
 *   Cost: 0.3 to 2 ns, depending on the processor (bench/METHOD.md), and the time for copying. If the libc didn't register the
 *   thread, the thread's first operation makes two system calls.
 *   Memory order: relaxed. A thread on the same CPU, or with the same concurrency id, sees the effects of operations in order.
 *   If an operation's name ends with _release, it stores with release order, for threads that read the slot with acquire order
 *   (arch/aarch64.h).
 *
 * After RK_ABORTED, call the operation again. An operation also returns RK_ABORTED if it has just registered its thread. Limit
 * the number of repetitions, because a debugger that single-steps aborts each repetition. The library's structures (for example
 * counter.h) do all this for you.
 */
#ifndef RSEQKIT_OPS_H
#define RSEQKIT_OPS_H

#include <rseqkit/ops_at.h>
#include <rseqkit/ops_cid.h>
#include <rseqkit/ops_cpu.h>

/*
 * The operations, with the parameters that follow base. The functions rk_cpu_VERB() and rk_cid_VERB() take exactly these
 * parameters. The functions rk_at_VERB() take a CPU number after these parameters: rk_cpu_load(base, &value), rk_at_load(base,
 * &value, cpu).
 *
 *   load(intptr_t *value)
 *     Loads the slot's word into *value. If the load wasn't done, *value becomes 0.
 *
 *   add(intptr_t value)
 *     Adds `value` to the slot's word. The sum wraps.
 *
 *   add_through(ptrdiff_t offset, intptr_t value)
 *     The slot's word is a pointer. Adds `value` to the word that is `offset` bytes after the address in the slot's word; the
 *     sum wraps.
 *     Returns RK_UNEQUAL if the pointer is null. Use this operation for per-CPU memory that is larger than a slot, or that can
 *     be replaced.
 *
 *   store_if_equal(intptr_t expected, intptr_t value)
 *     If the slot's word equals `expected`, stores `value` into that word. Otherwise returns RK_UNEQUAL.
 *
 *   compare_exchange(intptr_t *expected, intptr_t desired)
 *     If the slot's word equals *expected, stores `desired` into that word. Otherwise returns RK_UNEQUAL, and *expected becomes
 *     the value of the slot's word. A loop can compute the next value from *expected. All other outcomes leave *expected
 *     unchanged.
 *
 *   store_if_both_equal(intptr_t expected, ptrdiff_t offset, intptr_t other, intptr_t value)
 *     Stores `value` into the slot's word if two words match: the slot's word equals `expected`, and the word that is `offset`
 *     bytes after the slot's word equals `other`. Otherwise returns RK_UNEQUAL.
 *
 *   store_two_if_equal(intptr_t expected, ptrdiff_t offset, intptr_t first, intptr_t value)
 *     If the slot's word equals `expected`, stores `first` into the word that is `offset` bytes after the slot's word, and then
 *     stores `value` into the slot's word. Otherwise returns RK_UNEQUAL. After RK_ABORTED the first store may have been done.
 *     The first store must therefore go to a word that has no meaning yet. For example, the slot's word is the length of an
 *     array, and the first store goes to the place after the last element.
 *
 *   copy_if_equal(intptr_t expected, ptrdiff_t offset, const void *source, size_t length, intptr_t value)
 *     If the slot's word equals `expected`, copies `length` bytes from `source` to the place `offset` bytes after the slot's
 *     word, and then stores `value` into the slot's word. Otherwise returns RK_UNEQUAL. After RK_ABORTED, some of the bytes may
 *     have been copied. The source must be readable memory, and must not overlap the destination. The operation reads some
 *     bytes twice. After an abort, a repetition copies all bytes again, so a copy that takes longer than the time between two
 *     interruptions never ends. A few KiB are fine.
 *
 *   copy_out_if_equal(intptr_t expected, ptrdiff_t offset, void *target, size_t length, intptr_t value)
 *     If the slot's word equals `expected`, copies `length` bytes from the place `offset` bytes after the slot's word to
 *     `target`, and then stores `value` into the slot's word. Otherwise returns RK_UNEQUAL. In one operation, copy_out_if_equal
 *     takes all that copy_if_equal or array_push stored. After RK_ABORTED, some of the bytes may have been copied. The target
 *     must be writable memory that no other thread reads, and must not overlap the source. The operation writes some bytes
 *     twice. After an abort, a repetition copies all bytes again.
 *
 *   push(void *node, ptrdiff_t next)
 *     Puts a node in front of the list in the slot's word. The operation stores the previous value of the slot's word in the
 *     word that is `next` bytes after the node's beginning.
 *
 *   pop(intptr_t end, ptrdiff_t next, void **node)
 *     Takes the first node off the list in the slot's word, and stores the node's address in *node. The new value of the slot's
 *     word is the word that is `next` bytes after the node's beginning. Returns RK_UNEQUAL if the slot's word is `end`, the
 *     value that ends lists (for example 0). If no node was taken, *node becomes NULL. The caller keeps a node's memory mapped
 *     as long as a thread can be popping the node. A fence isn't enough for that: no fence reaches a thread that waits for a
 *     page, for example for a page that was swapped out. If the page is unmapped meanwhile, the thread crashes. Locked memory
 *     is never swapped out.
 *
 *   array_push(void *element)
 *     Stores `element` after the last element of the array in the slot (struct rk_array). Returns RK_UNEQUAL if the array is
 *     full. After RK_ABORTED, `element` may have been written to that place. The previous content of the place had no meaning.
 *
 *   array_pop(void **element)
 *     Takes the last element off an array, and stores it in *element. Returns RK_UNEQUAL if the array is empty. If no element
 *     was taken, *element becomes NULL.
 *
 *   append(intptr_t header, const void *source, size_t length, intptr_t size, intptr_t mask)
 *   append_stamped(the same parameters)
 *   append_stamped_unordered(the same parameters)
 *     Appends a record to the log in the slot (struct rk_log) if the log has room for `size` bytes up to its limit. Otherwise
 *     returns RK_UNEQUAL. The operation stores the word `header` at the log's head, copies `length` bytes from `source` to the
 *     place after that word, and advances the head by `size`. The operation append_stamped also stores the processor's clock,
 *     between `header` and the copied bytes. In a log, the stored clock values have the same order as the records. The
 *     operation append_stamped_unordered does the same in half the time, but the processor can read its clock before it has
 *     executed all earlier instructions. `size` must be a multiple of 8, and large enough for the whole record. `mask` is the
 *     log's size less one. After RK_ABORTED, the bytes after the head may have been written. The rules for `source` are those
 *     of copy_if_equal.
 *
 * These operations also have a form with _release: store_if_equal, compare_exchange, store_if_both_equal, store_two_if_equal,
 * copy_if_equal, push and the three appends. Use this form to publish a pointer to other CPUs. If a thread on another CPU
 * reads the slot with acquire order, and finds the stored value, it also finds all that was stored earlier. For readers on the
 * same CPU, relaxed order is enough.
 */

#endif /* RSEQKIT_OPS_H */
