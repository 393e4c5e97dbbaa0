/* SPDX-License-Identifier: MIT */
/*
 * banks.h - turns a test of the operations of ops.h into a test of the operations of bank.h. Include this file before the test.
 * A slot is one CPU's copy of per-CPU memory. The test then works on the bank of each slot, which is the memory that the slot's
 * first word points to. In these tests the bank follows the slot's header, struct rk_bank_slot. Each slot has its own page, so
 * that the slot can be found from the address of any word in its bank.
 */
#ifndef BANKS_H
#define BANKS_H

#include <errno.h>
#include <string.h>
#include <rseqkit.h>
#include <rseqkit/ops.h>

#define BANKS_PAGE 4096
#define BANKS_HEADER 64

static inline int create_with_banks(struct rk_percpu **pool, const struct rk_percpu_options *options)
{
	struct rk_percpu_options larger = *options;
	char initial[BANKS_PAGE] = {0};

	if (options->item_size > BANKS_PAGE - BANKS_HEADER)
		return -EINVAL;
	larger.item_size = BANKS_PAGE;
	larger.alignment = BANKS_PAGE;
	if (options->initial != NULL) {
		memcpy(initial + BANKS_HEADER, options->initial, options->item_size);
		larger.initial = initial;
	}
	return rk_percpu_create(pool, &larger, sizeof(larger));
}

static inline int alloc_with_banks(struct rk_percpu *pool, void **item)
{
	int r = rk_percpu_alloc(pool, item);

	for (int cpu = r < 0 ? -1 : rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		struct rk_bank_slot *slot = (struct rk_bank_slot *)rk_percpu_slot(*item, cpu);

		(void)rk_bank_open_first(slot, (char *)slot + BANKS_HEADER);
	}
	*item = (char *)*item + BANKS_HEADER;
	return r;
}

static inline int free_with_banks(struct rk_percpu *pool, void *item)
{
	return rk_percpu_free(pool, (char *)item - BANKS_HEADER);
}

/* Returns the address of `word` in the bank to which the slot at `index` points now. */
static inline void *slot_with_banks(const void *word, int index)
{
	uintptr_t where = (uintptr_t)word & (BANKS_PAGE - 1);
	const struct rk_bank_slot *slot = (const struct rk_bank_slot *)rk_percpu_slot((const char *)word - where, index);

	return index < 0 || slot->bank == 0 ? rk_percpu_slot(word, index) :
					      (char *)(slot->bank & ~RK_BANK_CLOSED) + where - BANKS_HEADER;
}

#define rk_percpu_slot(word, index) slot_with_banks(word, index)
#define rk_percpu_create(pool, options, size) create_with_banks(pool, options)
#define rk_percpu_alloc(pool, item) alloc_with_banks(pool, item)
#define rk_percpu_free(pool, item) free_with_banks(pool, item)

#define BANKS_SLOTS(word) ((void *)((uintptr_t)(word) & ~(uintptr_t)(BANKS_PAGE - 1)))
#define BANKS_WHERE(word) ((ptrdiff_t)((uintptr_t)(word) & (BANKS_PAGE - 1)) - BANKS_HEADER)
#define BANKS_AT(word) BANKS_SLOTS(word), BANKS_WHERE(word)

#define rk_cpu_load(word, ...) rk_cpu_bank_load(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_add(word, ...) rk_cpu_bank_add(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_add_through(word, ...) rk_cpu_bank_add_through(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_pop(word, ...) rk_cpu_bank_pop(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_array_push(word, ...) rk_cpu_bank_array_push(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_array_pop(word, ...) rk_cpu_bank_array_pop(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_copy_out_if_equal(word, ...) rk_cpu_bank_copy_out_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_store_if_equal(word, ...) rk_cpu_bank_store_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_store_if_equal_release(word, ...) rk_cpu_bank_store_if_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_compare_exchange(word, ...) rk_cpu_bank_compare_exchange(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_compare_exchange_release(word, ...) rk_cpu_bank_compare_exchange_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_store_if_both_equal(word, ...) rk_cpu_bank_store_if_both_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_store_if_both_equal_release(word, ...) rk_cpu_bank_store_if_both_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_store_two_if_equal(word, ...) rk_cpu_bank_store_two_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_store_two_if_equal_release(word, ...) rk_cpu_bank_store_two_if_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_copy_if_equal(word, ...) rk_cpu_bank_copy_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_copy_if_equal_release(word, ...) rk_cpu_bank_copy_if_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_push(word, ...) rk_cpu_bank_push(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_push_release(word, ...) rk_cpu_bank_push_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_append(word, ...) rk_cpu_bank_append(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_append_release(word, ...) rk_cpu_bank_append_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_append_stamped(word, ...) rk_cpu_bank_append_stamped(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_append_stamped_unordered(word, ...) rk_cpu_bank_append_stamped_unordered(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_append_stamped_unordered_release(word, ...) \
	rk_cpu_bank_append_stamped_unordered_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cpu_append_stamped_release(word, ...) rk_cpu_bank_append_stamped_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_load(word, ...) rk_cid_bank_load(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_add(word, ...) rk_cid_bank_add(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_add_through(word, ...) rk_cid_bank_add_through(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_pop(word, ...) rk_cid_bank_pop(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_array_push(word, ...) rk_cid_bank_array_push(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_array_pop(word, ...) rk_cid_bank_array_pop(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_copy_out_if_equal(word, ...) rk_cid_bank_copy_out_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_store_if_equal(word, ...) rk_cid_bank_store_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_store_if_equal_release(word, ...) rk_cid_bank_store_if_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_compare_exchange(word, ...) rk_cid_bank_compare_exchange(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_compare_exchange_release(word, ...) rk_cid_bank_compare_exchange_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_store_if_both_equal(word, ...) rk_cid_bank_store_if_both_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_store_if_both_equal_release(word, ...) rk_cid_bank_store_if_both_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_store_two_if_equal(word, ...) rk_cid_bank_store_two_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_store_two_if_equal_release(word, ...) rk_cid_bank_store_two_if_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_copy_if_equal(word, ...) rk_cid_bank_copy_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_copy_if_equal_release(word, ...) rk_cid_bank_copy_if_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_push(word, ...) rk_cid_bank_push(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_push_release(word, ...) rk_cid_bank_push_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_append(word, ...) rk_cid_bank_append(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_append_release(word, ...) rk_cid_bank_append_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_append_stamped(word, ...) rk_cid_bank_append_stamped(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_append_stamped_unordered(word, ...) rk_cid_bank_append_stamped_unordered(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_append_stamped_unordered_release(word, ...) \
	rk_cid_bank_append_stamped_unordered_release(BANKS_AT(word), __VA_ARGS__)
#define rk_cid_append_stamped_release(word, ...) rk_cid_bank_append_stamped_release(BANKS_AT(word), __VA_ARGS__)
#define rk_at_load(word, ...) rk_at_bank_load(BANKS_AT(word), __VA_ARGS__)
#define rk_at_add(word, ...) rk_at_bank_add(BANKS_AT(word), __VA_ARGS__)
#define rk_at_add_through(word, ...) rk_at_bank_add_through(BANKS_AT(word), __VA_ARGS__)
#define rk_at_pop(word, ...) rk_at_bank_pop(BANKS_AT(word), __VA_ARGS__)
#define rk_at_array_push(word, ...) rk_at_bank_array_push(BANKS_AT(word), __VA_ARGS__)
#define rk_at_array_pop(word, ...) rk_at_bank_array_pop(BANKS_AT(word), __VA_ARGS__)
#define rk_at_copy_out_if_equal(word, ...) rk_at_bank_copy_out_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_at_store_if_equal(word, ...) rk_at_bank_store_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_at_store_if_equal_release(word, ...) rk_at_bank_store_if_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_at_compare_exchange(word, ...) rk_at_bank_compare_exchange(BANKS_AT(word), __VA_ARGS__)
#define rk_at_compare_exchange_release(word, ...) rk_at_bank_compare_exchange_release(BANKS_AT(word), __VA_ARGS__)
#define rk_at_store_if_both_equal(word, ...) rk_at_bank_store_if_both_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_at_store_if_both_equal_release(word, ...) rk_at_bank_store_if_both_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_at_store_two_if_equal(word, ...) rk_at_bank_store_two_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_at_store_two_if_equal_release(word, ...) rk_at_bank_store_two_if_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_at_copy_if_equal(word, ...) rk_at_bank_copy_if_equal(BANKS_AT(word), __VA_ARGS__)
#define rk_at_copy_if_equal_release(word, ...) rk_at_bank_copy_if_equal_release(BANKS_AT(word), __VA_ARGS__)
#define rk_at_push(word, ...) rk_at_bank_push(BANKS_AT(word), __VA_ARGS__)
#define rk_at_push_release(word, ...) rk_at_bank_push_release(BANKS_AT(word), __VA_ARGS__)
#define rk_at_append(word, ...) rk_at_bank_append(BANKS_AT(word), __VA_ARGS__)
#define rk_at_append_release(word, ...) rk_at_bank_append_release(BANKS_AT(word), __VA_ARGS__)
#define rk_at_append_stamped(word, ...) rk_at_bank_append_stamped(BANKS_AT(word), __VA_ARGS__)
#define rk_at_append_stamped_unordered(word, ...) rk_at_bank_append_stamped_unordered(BANKS_AT(word), __VA_ARGS__)
#define rk_at_append_stamped_unordered_release(word, ...) \
	rk_at_bank_append_stamped_unordered_release(BANKS_AT(word), __VA_ARGS__)
#define rk_at_append_stamped_release(word, ...) rk_at_bank_append_stamped_release(BANKS_AT(word), __VA_ARGS__)

#endif /* BANKS_H */
