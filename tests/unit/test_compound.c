/* SPDX-License-Identifier: MIT */
/*
 * Tests operations that access more than one word of a slot: each outcome, with each kind of index (by_index.h). A slot is one
 * CPU's copy of per-CPU memory. Also checks that an operation changes only its targets.
 */
#include "one_cpu.h"
#include <rseqkit/ops.h>

struct node {
	intptr_t value, next;
};

#define NEXT ((ptrdiff_t)offsetof(struct node, next))

static void adds_through_a_pointer(void **state)
{
	(void)state;
	EACH_INDEX(index) {
		struct slot *slot = slot_of(index);
		intptr_t words[3] = {1, 2, 3};

		slot->word = 0;
		EXPECT(RK_UNEQUAL, index, add_through, &item->word, FOLLOWING, 5);
		slot->word = (intptr_t)&words[1];
		EXPECT(RK_DONE, index, add_through, &item->word, FOLLOWING, WIDE);
		EXPECT(RK_DONE, index, add_through, &item->word, BEFORE, -4);
		EXPECT(RK_DONE, index, add_through, &item->word, 0, 100);
		assert_int_equal(slot->word, (intptr_t)&words[1]);
		if (!works(index))
			continue;
		assert_int_equal(words[0], -3);
		assert_int_equal(words[1], 102);
		assert_int_equal(words[2], WIDE + 3);
	}
}

static void lists_are_last_in_first_out(void **state)
{
	static const intptr_t ends[] = {0, 1, WIDE};

	(void)state;
	EACH_INDEX(index) {
		struct slot *slot = slot_of(index);

		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
			struct node a = {10, -1}, b = {20, -1};
			void *got = &a;
			intptr_t end = ends[i];

			slot->word = end;
			EXPECT(RK_UNEQUAL, index, pop, &item->word, end, NEXT, &got);
			assert_null(got);
			EXPECT(RK_DONE, index, push, &item->word, &a, NEXT);
			EXPECT(RK_DONE, index, push_release, &item->word, &b, NEXT);
			if (!works(index)) {
				assert_int_equal(a.next, -1);
				assert_int_equal(slot->word, end);
				continue;
			}
			assert_int_equal(slot->word, (intptr_t)&b);
			assert_int_equal(b.next, (intptr_t)&a);
			assert_int_equal(a.next, end);
			EXPECT(RK_DONE, index, pop, &item->word, end, NEXT, &got);
			assert_ptr_equal(got, &b);
			EXPECT(RK_DONE, index, pop, &item->word, end, NEXT, &got);
			assert_ptr_equal(got, &a);
			EXPECT(RK_UNEQUAL, index, pop, &item->word, end, NEXT, &got);
			assert_int_equal(slot->word, end);
			assert_int_equal(a.value + b.value, 30);
		}
	}
}

/*
 * Pushes and pops a node. The node's address is that of the middle one of three words, and its link is `link` bytes
 * after this address.
 */
#define PUSH_AND_POP(link)                                                                                             \
	do {                                                                                                           \
		intptr_t words[3] = {-1, -1, -1};                                                                      \
		void *got = NULL;                                                                                      \
                                                                                                                       \
		EXPECT(RK_DONE, index, push, &item->word, &words[1], (link));                                          \
		if (works(index)) {                                                                                    \
			assert_int_equal(slot->word, (intptr_t)&words[1]);                                             \
			assert_int_equal(words[1 + (link) / (ptrdiff_t)sizeof(intptr_t)], 77);                         \
			EXPECT(RK_DONE, index, pop, &item->word, 0, (link), &got);                                     \
			assert_ptr_equal(got, &words[1]);                                                    \
			assert_int_equal(slot->word, 77);                                                              \
			assert_int_equal(words[0] + words[1] + words[2], 77 - 2);                                      \
		}                                                                                                      \
	} while (0)

/* Each offset is used twice: as a constant, and as a variable whose value the compiler doesn't know. */
static void links_are_anywhere(void **state)
{
	volatile ptrdiff_t word = sizeof(intptr_t), none = 0;

	(void)state;
	EACH_INDEX(index) {
		struct slot *slot = slot_of(index);

		slot->word = 77;
		PUSH_AND_POP(0);
		PUSH_AND_POP(none);
		PUSH_AND_POP((ptrdiff_t)sizeof(intptr_t));
		PUSH_AND_POP(word);
		PUSH_AND_POP(-(ptrdiff_t)sizeof(intptr_t));
		PUSH_AND_POP(-word);
		slot->word = 0;
	}
}

/* Checks the slot's word, and the words before and after it. */
#define ASSERT_SLOT(slot, wanted_before, wanted_word, wanted_following)                                                   \
	do {                                                                                                           \
		assert_int_equal((slot)->before, wanted_before);                                                       \
		assert_int_equal((slot)->word, wanted_word);                                                           \
		assert_int_equal((slot)->following, wanted_following);                                                       \
	} while (0)

static void stores_if_both_are_equal(void **state)
{
	(void)state;
	EACH_INDEX(index) {
		struct slot *slot = slot_of(index);

		slot->before = WIDE;
		slot->word = 2;
		slot->following = 3;
		EXPECT(RK_UNEQUAL, index, store_if_both_equal, &item->word, 1, FOLLOWING, 3, 9);
		EXPECT(RK_UNEQUAL, index, store_if_both_equal, &item->word, 2, FOLLOWING, 4, 9);
		EXPECT(RK_UNEQUAL, index, store_if_both_equal_release, &item->word, 2, BEFORE, 3, 9);
		EXPECT(RK_UNEQUAL, index, store_if_both_equal_release, &item->word, 3, FOLLOWING, 3, 9);
		ASSERT_SLOT(slot, WIDE, 2, 3);
		EXPECT(RK_DONE, index, store_if_both_equal, &item->word, 2, FOLLOWING, 3, WIDE);
		ASSERT_SLOT(slot, WIDE, works(index) ? WIDE : 2, 3);
		EXPECT(RK_DONE, index, store_if_both_equal_release, &item->word, WIDE, BEFORE, WIDE, 0);
		ASSERT_SLOT(slot, WIDE, works(index) ? 0 : 2, 3);
	}
}

static void stores_two_words(void **state)
{
	(void)state;
	EACH_INDEX(index) {
		struct slot *slot = slot_of(index);
		bool done = works(index);

		slot->before = 1;
		slot->word = 2;
		slot->following = 3;
		EXPECT(RK_UNEQUAL, index, store_two_if_equal, &item->word, 1, FOLLOWING, 30, 20);
		EXPECT(RK_UNEQUAL, index, store_two_if_equal_release, &item->word, WIDE, BEFORE, 10, 20);
		ASSERT_SLOT(slot, 1, 2, 3);
		EXPECT(RK_DONE, index, store_two_if_equal, &item->word, 2, FOLLOWING, 30, WIDE);
		ASSERT_SLOT(slot, 1, done ? WIDE : 2, done ? 30 : 3);
		EXPECT(RK_DONE, index, store_two_if_equal_release, &item->word, WIDE, BEFORE, WIDE, 0);
		ASSERT_SLOT(slot, done ? WIDE : 1, done ? 0 : 2, done ? 30 : 3);
	}
}

/* Makes one copy. All other bytes of the slot keep their values. */
static void copy_once(enum index index, size_t length, size_t misaligned, bool release)
{
	static unsigned char whole[LENGTH_MAX + 8], expected[sizeof(item->bytes)];
	const unsigned char *source = whole + misaligned;
	ptrdiff_t offset = (ptrdiff_t)(offsetof(struct slot, bytes) - offsetof(struct slot, word)) + GUARD;
	struct slot *slot = slot_of(index);

	for (size_t i = 0; i < sizeof(whole); i++)
		whole[i] = (unsigned char)(i * 7 + length + 1);
	memset(slot->bytes, 0xa5, sizeof(slot->bytes));
	memset(expected, 0xa5, sizeof(expected));
	slot->word = 1;
	EXPECT(RK_UNEQUAL, index, copy_if_equal, &item->word, 2, offset, source, length, 3);
	assert_int_equal(slot->word, 1);
	assert_memory_equal(slot->bytes, expected, sizeof(expected));
	if (release)
		EXPECT(RK_DONE, index, copy_if_equal_release, &item->word, 1, offset, source, length, WIDE);
	else
		EXPECT(RK_DONE, index, copy_if_equal, &item->word, 1, offset, source, length, WIDE);
	if (works(index))
		memcpy(expected + GUARD, source, length);
	assert_int_equal(slot->word, works(index) ? WIDE : 1);
	assert_memory_equal(slot->bytes, expected, sizeof(expected));
}

static void copies_every_length(void **state)
{
	(void)state;
	EACH_INDEX(index) {
		for (size_t length = 0; length <= 300; length++)
			copy_once(index, length, length % 8, length % 2 == 0);
		for (size_t length = 1000; length <= 1100; length++)
			copy_once(index, length, length % 8, length % 2 == 0);
		copy_once(index, LENGTH_MAX & ~(size_t)1023, 0, true);
		copy_once(index, LENGTH_MAX, 3, false);
	}
}

/*
 * Makes copies whose lengths the compiler knows. The section can have other code for such a length. `COPY` is the name
 * of a macro that makes one copy of the given length.
 */
#define EACH_CONSTANT(COPY)                                                                                            \
	COPY(0) COPY(1) COPY(7) COPY(8) COPY(9) COPY(12) COPY(15) COPY(16) COPY(17) COPY(20) COPY(24) COPY(28) COPY(32)  \
	COPY(39) COPY(40) COPY(41) COPY(48) COPY(56) COPY(63) COPY(64) COPY(65) COPY(128) COPY(200) COPY(1024) COPY(1032)

static void copies_constant_lengths(void **state)
{
	static unsigned char source[2048], target[sizeof(source)], expected[sizeof(source)];
	ptrdiff_t offset = (ptrdiff_t)(offsetof(struct slot, bytes) - offsetof(struct slot, word));

	(void)state;
	for (size_t i = 0; i < sizeof(source); i++)
		source[i] = (unsigned char)(i * 7 + 1);
#define COPY(length)                                                                                                   \
	memset(slot_of(index)->bytes, 0xa5, sizeof(source));                                                           \
	memset(expected, 0xa5, sizeof(expected));                                                                      \
	slot_of(index)->word = 1;                                                                                      \
	EXPECT(RK_DONE, index, copy_if_equal, &item->word, 1, offset, source, length, 2);                              \
	if (works(index))                                                                                              \
		memcpy(expected, source, length);                                                                      \
	assert_memory_equal(slot_of(index)->bytes, expected, sizeof(expected));                                        \
	memset(target, 0xa5, sizeof(target));                                                                          \
	slot_of(index)->word = 2;                                                                                      \
	EXPECT(RK_DONE, index, copy_out_if_equal, &item->word, 2, offset, target, length, 3);                          \
	assert_memory_equal(target, expected, sizeof(expected));

	EACH_INDEX(index) {
		EACH_CONSTANT(COPY)
	}
}

/*
 * Calls operations that return RK_DONE, and checks that each of them keeps the register `name`. The release forms and
 * copy_out_if_equal aren't checked.
 */
#define EXPECT_ALL_KEPT(name, index)                                                                                   \
	do {                                                                                                           \
		struct node first = {1, 0};                                                                            \
		static const char many[500];                                                                           \
		intptr_t got;                                                                                          \
		void *popped;                                                                                          \
                                                                                                                       \
		slot_of(index)->word = 0;                                                                              \
		EXPECT_KEPT(name, index, push, &item->word, &first, NEXT);                                             \
		EXPECT_KEPT(name, index, add_through, &item->word, 0, 1);                                              \
		EXPECT_KEPT(name, index, pop, &item->word, 1, NEXT, &popped);                                          \
		EXPECT_KEPT(name, index, load, &item->word, &got);                                                     \
		EXPECT_KEPT(name, index, store_two_if_equal, &item->word, 0, FOLLOWING, 3, 1);                            \
		EXPECT_KEPT(name, index, store_if_both_equal, &item->word, 1, FOLLOWING, 3, 2);                           \
		got = 2;                                                                                               \
		EXPECT_KEPT(name, index, compare_exchange, &item->word, &got, 2);                                      \
		EXPECT_KEPT(name, index, copy_if_equal, &item->word, 2, FOLLOWING, "123", 3, 3);                          \
		EXPECT_KEPT(name, index, copy_if_equal, &item->word, 3, FOLLOWING, "123456789abc", 12, 4);                \
		EXPECT_KEPT(name, index, copy_if_equal, &item->word, 4, FOLLOWING, many, sizeof(many), 5);                \
	} while (0)

REGISTERS_ARE_KEPT(EXPECT_ALL_KEPT)

#ifdef __SSE2__
/* The arguments are in vector registers. The copy also uses vector registers, and must not change the arguments' sum. */
static __attribute__((__noinline__)) double copy_and_sum(double a, double b, double c, double d, size_t length, bool out)
{
	static char bytes[256];
	ptrdiff_t offset = (ptrdiff_t)(offsetof(struct slot, bytes) - offsetof(struct slot, word));
	enum rk_result result = out ? rk_cpu_copy_out_if_equal(&item->word, 1, offset, bytes, length, 1) :
				      rk_cpu_copy_if_equal(&item->word, 1, offset, bytes, length, 1);

	return result == RK_DONE ? a + 10 * b + 100 * c + 1000 * d : -1;
}

static void vector_registers_are_kept(void **state)
{
	volatile double one = 1; /* so that the compiler doesn't know the arguments */

	(void)state;
	if (!works(BY_CPU))
		SKIP("no rseq, or a build without critical sections");
	for (int out = 0; out < 2; out++) {
		double sum;

		slot_of(BY_CPU)->word = 1;
		do /* until no preemption aborts the copy */
			sum = copy_and_sum(one, one + 1, one + 2, one + 3, 256, out);
		while (sum < 0);
		assert_true(sum > 4320.5 && sum < 4321.5);
	}
}
#endif

/* If an operation is for another CPU, the operation returns an error and doesn't change this CPU's slot. */
static void nothing_on_another_cpu(void **state)
{
	static const int others[] = {-1, -2, 0, 1};
	struct slot saved = *slot_of(BY_AT);
	struct node node = {1, -1};

	(void)state;
	if (!works(BY_AT))
		SKIP("no rseq, or a build without critical sections");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int other = others[i] < 0 ? others[i] : cpu + others[i];
		void *got = &node;

		if (other == cpu)
			continue;
		EXPECT_WRONG_CPU(rk_at_add_through(&item->word, 0, 1, other));
		EXPECT_WRONG_CPU(rk_at_pop(&item->word, 0, NEXT, &got, other));
		EXPECT_WRONG_CPU(rk_at_push(&item->word, &node, NEXT, other));
		EXPECT_WRONG_CPU(rk_at_push_release(&item->word, &node, NEXT, other));
		EXPECT_WRONG_CPU(rk_at_store_if_both_equal(&item->word, 0, FOLLOWING, 0, 1, other));
		EXPECT_WRONG_CPU(rk_at_store_if_both_equal_release(&item->word, 0, FOLLOWING, 0, 1, other));
		EXPECT_WRONG_CPU(rk_at_store_two_if_equal(&item->word, 0, FOLLOWING, 1, 1, other));
		EXPECT_WRONG_CPU(rk_at_store_two_if_equal_release(&item->word, 0, FOLLOWING, 1, 1, other));
		EXPECT_WRONG_CPU(rk_at_copy_if_equal(&item->word, 0, FOLLOWING, &node, 8, 1, other));
		EXPECT_WRONG_CPU(rk_at_copy_if_equal_release(&item->word, 0, FOLLOWING, &node, 8, 1, other));
		assert_null(got);
		assert_int_equal(node.next, -1);
		assert_memory_equal(slot_of(BY_AT), &saved, sizeof(saved));
	}
}

/*
 * Without a registration, an operation returns RK_NO_RSEQ and changes neither the slots nor its arguments, except
 * that a pop stores NULL.
 */
static void nothing_without_registration(void **state)
{
	struct slot *slot = slot_of(BY_AT), *first = slot_of(BY_CID), saved, saved_first;
	struct node node = {1, -1};
	void *got = &node;

	(void)state;
	slot->word = first->word = 0;
	saved = *slot;
	saved_first = *first;
	assert_int_equal(rk_vfork_begin(), 0);
	EACH_INDEX(index) {
		assert_int_equal(BY_INDEX(index, cpu, add_through, &item->word, 0, 1), RK_NO_RSEQ);
		assert_int_equal(BY_INDEX(index, cpu, pop, &item->word, 1, NEXT, &got), RK_NO_RSEQ);
		assert_int_equal(BY_INDEX(index, cpu, push, &item->word, &node, NEXT), RK_NO_RSEQ);
		assert_int_equal(BY_INDEX(index, cpu, store_if_both_equal, &item->word, 0, 0, 0, 1), RK_NO_RSEQ);
		assert_int_equal(BY_INDEX(index, cpu, store_two_if_equal, &item->word, 0, FOLLOWING, 1, 1), RK_NO_RSEQ);
		assert_int_equal(BY_INDEX(index, cpu, copy_if_equal, &item->word, 0, FOLLOWING, &node, 8, 1), RK_NO_RSEQ);
	}
	assert_int_equal(rk_vfork_end(), 0);
	assert_null(got);
	assert_int_equal(node.next, -1);
	assert_memory_equal(slot, &saved, sizeof(saved));
	assert_memory_equal(first, &saved_first, sizeof(saved));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(adds_through_a_pointer),
	cmocka_unit_test(lists_are_last_in_first_out),
	cmocka_unit_test(links_are_anywhere),
	cmocka_unit_test(stores_if_both_are_equal),
	cmocka_unit_test(stores_two_words),
	cmocka_unit_test(copies_every_length),
	cmocka_unit_test(copies_constant_lengths),
	cmocka_unit_test(registers_are_kept),
#ifdef __SSE2__
	cmocka_unit_test(vector_registers_are_kept),
#endif
	cmocka_unit_test(nothing_on_another_cpu),
	cmocka_unit_test(nothing_without_registration),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_item, drop_item);
}
