/* SPDX-License-Identifier: MIT */
/*
 * Tests arrays in slots, and copies out of slots: each outcome, with each kind of index (by_index.h). A slot is one CPU's copy
 * of per-CPU memory. Also checks that an operation changes only its targets.
 */
#include "one_cpu.h"
#include <rseqkit/ops_at.h>

#define CAPACITY 5

/*
 * Returns the element number `which`; elements are pointers. The array begins at `word` of one_cpu.h's slot. `following` is the
 * array's capacity, and `bytes` has its elements.
 */
static void *element(const struct slot *slot, int which)
{
	void *at;

	memcpy(&at, slot->bytes + (size_t)which * sizeof(at), sizeof(at));
	return at;
}

static void last_in_first_out(void **state)
{
	static char objects[CAPACITY + 1];

	(void)state;
	EACH_INDEX(index) {
		struct slot *slot = slot_of(index);
		void *got = objects;
		intptr_t moved = RK_ARRAY_PUSHED(0);

		memset(slot, 0xa5, sizeof(*slot));
		slot->word = 0;
		slot->following = CAPACITY;
		EXPECT(RK_UNEQUAL, index, array_pop, &item->word, &got);
		assert_null(got);
		for (int i = 0; i < CAPACITY; i++)
			EXPECT(RK_DONE, index, array_push, &item->word, &objects[i]);
		EXPECT(RK_UNEQUAL, index, array_push, &item->word, &objects[CAPACITY]);
		if (!works(index)) {
			assert_int_equal(slot->word, 0);
			assert_int_equal(slot->bytes[0], 0xa5);
			continue;
		}
		for (int i = 0; i < CAPACITY; i++)
			assert_ptr_equal(element(slot, i), &objects[i]);
		assert_int_equal(slot->bytes[CAPACITY * sizeof(got)], 0xa5); /* an element beyond the capacity isn't written */
		moved += RK_ARRAY_PUSHED(CAPACITY);
		assert_int_equal(slot->word, moved);
		assert_int_equal(RK_ARRAY_LENGTH(slot->word), CAPACITY);
		assert_int_equal(RK_ARRAY_MOVED(slot->word), CAPACITY);
		for (int i = CAPACITY; i-- > 0;) {
			EXPECT(RK_DONE, index, array_pop, &item->word, &got);
			assert_ptr_equal(got, &objects[i]);
		}
		EXPECT(RK_UNEQUAL, index, array_pop, &item->word, &got);
		assert_null(got);
		assert_int_equal(RK_ARRAY_LENGTH(slot->word), 0);
		assert_int_equal(RK_ARRAY_MOVED(slot->word), 2 * CAPACITY);
		assert_int_equal(slot->word, moved + RK_ARRAY_POPPED(CAPACITY));
		slot->following = 0;
		EXPECT(RK_UNEQUAL, index, array_push, &item->word, &objects[0]);
		assert_int_equal(slot->before, (intptr_t)(UINTPTR_MAX / 0xff * 0xa5));
		assert_int_equal(slot->following, 0);
	}
}

/* The array counts the elements that were pushed or popped. When this count wraps around, the array's length stays right. */
static void the_count_wraps(void **state)
{
	void *got;

	(void)state;
	if (!works(BY_CPU))
		SKIP("no rseq, or a build without critical sections");
	for (int length = 0; length <= 3; length++) {
		struct slot *slot = slot_of(BY_CPU);
		intptr_t before = (intptr_t)((UINTPTR_MAX << 16) | (uintptr_t)length);

		slot->word = before;
		slot->following = CAPACITY;
		EXPECT(RK_DONE, BY_CPU, array_push, &item->word, item);
		assert_int_equal(slot->word, length + 1);
		slot->word = before;
		if (length > 0) {
			EXPECT(RK_DONE, BY_CPU, array_pop, &item->word, &got);
			assert_int_equal(slot->word, length - 1);
		} else {
			EXPECT(RK_UNEQUAL, BY_CPU, array_pop, &item->word, &got);
			assert_int_equal(slot->word, before);
		}
	}
}

/* Makes one copy. The bytes around the copy's target keep their values. */
static void copy_once(enum index index, size_t length, size_t misaligned)
{
	static unsigned char whole[GUARD + LENGTH_MAX + GUARD], expected[sizeof(whole)];
	unsigned char *target = whole + GUARD / 2 + misaligned;
	ptrdiff_t offset = (ptrdiff_t)(offsetof(struct slot, bytes) - offsetof(struct slot, word)) + GUARD;
	struct slot *slot = slot_of(index);

	for (size_t i = 0; i < sizeof(slot->bytes); i++)
		slot->bytes[i] = (unsigned char)(i * 7 + length + 1);
	memset(whole, 0xa5, sizeof(whole));
	memset(expected, 0xa5, sizeof(expected));
	slot->word = 1;
	EXPECT(RK_UNEQUAL, index, copy_out_if_equal, &item->word, 2, offset, target, length, 3);
	assert_int_equal(slot->word, 1);
	assert_memory_equal(whole, expected, sizeof(expected));
	EXPECT(RK_DONE, index, copy_out_if_equal, &item->word, 1, offset, target, length, WIDE);
	if (works(index))
		memcpy(expected + GUARD / 2 + misaligned, slot->bytes + GUARD, length);
	assert_int_equal(slot->word, works(index) ? WIDE : 1);
	assert_memory_equal(whole, expected, sizeof(expected));
	for (size_t i = 0; i < sizeof(slot->bytes); i++)
		assert_int_equal(slot->bytes[i], (unsigned char)(i * 7 + length + 1));
}

static void copies_every_length_out(void **state)
{
	(void)state;
	EACH_INDEX(index) {
		for (size_t length = 0; length <= 300; length++)
			copy_once(index, length, length % 8);
		for (size_t length = 1000; length <= 1100; length++)
			copy_once(index, length, length % 8);
		copy_once(index, LENGTH_MAX & ~(size_t)1023, 0);
		copy_once(index, LENGTH_MAX, 3);
	}
}

#define EXPECT_ALL_KEPT(name, index)                                                                                   \
	do {                                                                                                           \
		static char many[500];                                                                                 \
		void *popped;                                                                                          \
                                                                                                                       \
		slot_of(index)->word = 0;                                                                              \
		slot_of(index)->following = CAPACITY;                                                                     \
		EXPECT_KEPT(name, index, array_push, &item->word, many);                                               \
		EXPECT_KEPT(name, index, array_pop, &item->word, &popped);                                             \
		slot_of(index)->word = 0;                                                                              \
		EXPECT_KEPT(name, index, copy_out_if_equal, &item->word, 0, FOLLOWING, many, 3, 1);                       \
		EXPECT_KEPT(name, index, copy_out_if_equal, &item->word, 1, FOLLOWING, many, 12, 2);                      \
		EXPECT_KEPT(name, index, copy_out_if_equal, &item->word, 2, FOLLOWING, many, sizeof(many), 3);            \
	} while (0)

REGISTERS_ARE_KEPT(EXPECT_ALL_KEPT)

/*
 * If an operation is for another CPU, or if the thread isn't registered, the operation returns an error and doesn't
 * change this CPU's slot.
 */
static void nothing_elsewhere(void **state)
{
	static const int others[] = {-1, -2, 0, 1};
	struct slot *slot = slot_of(BY_AT), saved;
	void *got = item;
	char out[8] = "outside";

	(void)state;
	if (!works(BY_AT))
		SKIP("no rseq, or a build without critical sections");
	slot->word = 0;
	slot->following = CAPACITY;
	saved = *slot;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int other = others[i] < 0 ? others[i] : cpu + others[i];

		if (other == cpu)
			continue;
		EXPECT_WRONG_CPU(rk_at_array_push(&item->word, item, other));
		EXPECT_WRONG_CPU(rk_at_array_pop(&item->word, &got, other));
		EXPECT_WRONG_CPU(rk_at_copy_out_if_equal(&item->word, 0, FOLLOWING, out, sizeof(out), 1, other));
		assert_null(got);
	}
	assert_int_equal(rk_vfork_begin(), 0);
	EACH_INDEX(index) {
		got = item;
		assert_int_equal(BY_INDEX(index, cpu, array_push, &item->word, item), RK_NO_RSEQ);
		assert_int_equal(BY_INDEX(index, cpu, array_pop, &item->word, &got), RK_NO_RSEQ);
		assert_int_equal(BY_INDEX(index, cpu, copy_out_if_equal, &item->word, 0, FOLLOWING, out, 8, 1), RK_NO_RSEQ);
		assert_null(got);
	}
	assert_int_equal(rk_vfork_end(), 0);
	assert_memory_equal(slot, &saved, sizeof(saved));
	assert_string_equal(out, "outside");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(last_in_first_out),
	cmocka_unit_test(the_count_wraps),
	cmocka_unit_test(copies_every_length_out),
	cmocka_unit_test(registers_are_kept),
	cmocka_unit_test(nothing_elsewhere),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_item, drop_item);
}
