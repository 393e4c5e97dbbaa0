/* SPDX-License-Identifier: MIT */
/*
 * Tests logs in slots: appended records of every length, each outcome, with each kind of index (by_index.h). A slot is one
 * CPU's copy of per-CPU memory. Also checks that an operation changes only its targets.
 */
#include "one_cpu.h"
#include <rseqkit/ops_at.h>

#define SIZE 1024
#define AT (RK_LOG_DATA - 2 * (ptrdiff_t)sizeof(intptr_t)) /* offset of the log's data from `bytes` */

/* Makes a log of the slot: `word` is the log's head, and `following` is the log's limit. */
static void set_log(struct slot *slot, intptr_t head, intptr_t limit)
{
	memset(slot, 0xa5, sizeof(*slot));
	slot->word = head;
	slot->following = limit;
}

/* A record has no stamp (PLAIN) or a stamp. UNORDERED: the clock for the stamp is read without ordering instructions. */
enum stamp { PLAIN, STAMPED, UNORDERED, STAMPS };

#define APPEND(outcome, index, stamped, release, ...)                                                                  \
	do {                                                                                                           \
		if (stamped == UNORDERED && release)                                                                   \
			EXPECT(outcome, index, append_stamped_unordered_release, __VA_ARGS__);                         \
		else if (stamped == UNORDERED)                                                                         \
			EXPECT(outcome, index, append_stamped_unordered, __VA_ARGS__);                                 \
		else if (stamped && release)                                                                           \
			EXPECT(outcome, index, append_stamped_release, __VA_ARGS__);                                   \
		else if (stamped)                                                                                      \
			EXPECT(outcome, index, append_stamped, __VA_ARGS__);                                           \
		else if (release)                                                                                      \
			EXPECT(outcome, index, append_release, __VA_ARGS__);                                           \
		else                                                                                                   \
			EXPECT(outcome, index, append, __VA_ARGS__);                                                   \
	} while (0)

static void append_once(enum index index, intptr_t head, size_t length, enum stamp stamped, bool release)
{
	static unsigned char source[LENGTH_MAX], expected[sizeof(item->bytes)];
	intptr_t size = (intptr_t)((length + (stamped ? 23 : 15)) & ~(size_t)7), header = WIDE + (intptr_t)length;
	struct slot *slot = slot_of(index);
	unsigned char *at = expected + AT + (head & (SIZE - 1));
	uint64_t before = rk_ring_clock(), stamp;

	for (size_t i = 0; i < length; i++)
		source[i] = (unsigned char)(i * 7 + length + 1);
	set_log(slot, head, head + size - 8);
	memcpy(expected, slot->bytes, sizeof(expected));
	APPEND(RK_UNEQUAL, index, stamped, release, &item->word, header, source, length, size, SIZE - 1);
	assert_int_equal(slot->word, head);
	assert_memory_equal(slot->bytes, expected, sizeof(expected));
	slot->following = head + size;
	APPEND(RK_DONE, index, stamped, release, &item->word, header, source, length, size, SIZE - 1);
	assert_int_equal(slot->word, works(index) ? head + size : head);
	assert_int_equal(slot->following, head + size);
	assert_int_equal(slot->before, (intptr_t)(UINTPTR_MAX / 0xff * 0xa5));
	if (works(index)) {
		memcpy(at, &header, sizeof(header));
		at += sizeof(header);
		if (stamped) {
			memcpy(&stamp, slot->bytes + (at - expected), sizeof(stamp));
			assert_true(stamp >= before && stamp <= rk_ring_clock());
			memcpy(at, &stamp, sizeof(stamp));
			at += sizeof(stamp);
		}
		memcpy(at, source, length);
	}
	assert_memory_equal(slot->bytes, expected, sizeof(expected));
}

static void appends_every_length(void **state)
{
	(void)state;
	EACH_INDEX(index)
		for (size_t length = 0; length <= 300; length++)
			for (int form = 0; form < 2 * STAMPS; form++) {
				enum stamp stamped = (enum stamp)(form / 2);

				append_once(index, 0, length, stamped, form % 2);
				append_once(index, ((intptr_t)1 << 5 * sizeof(intptr_t)) + 3 * SIZE + 400, length, stamped, form % 2);
			}
}

/*
 * Appends records whose lengths the compiler knows. For such a length, the section can have other instructions. The
 * bytes after the record's room keep their values.
 */
static void appends_constant_lengths(void **state)
{
	static unsigned char source[64], expected[sizeof(item->bytes)];

	(void)state;
	for (size_t i = 0; i < sizeof(source); i++)
		source[i] = (unsigned char)(i * 7 + 1);
#define APPEND_CONSTANT(length)                                                                                        \
	for (int form = 0; form < 2 * STAMPS; form++) {                                                                \
		intptr_t header = 8 + (form / 2 != PLAIN ? 8 : 0), size = header + (((length) + 7) & ~7);              \
		struct slot *slot = slot_of(index);                                                                    \
                                                                                                                       \
		set_log(slot, 0, size);                                                                                \
		memcpy(expected, slot->bytes, sizeof(expected));                                                       \
		APPEND(RK_DONE, index, form / 2, form % 2, &item->word, length, source, length, size, SIZE - 1);       \
		assert_int_equal(slot->word, works(index) ? size : 0);                                                 \
		if (works(index)) {                                                                                    \
			memcpy(expected + AT, slot->bytes + AT, (size_t)size);                                         \
			assert_int_equal(*(intptr_t *)(void *)(expected + AT), length);                                \
			assert_memory_equal(expected + AT + header, source, length);                                   \
		}                                                                                                      \
		assert_memory_equal(slot->bytes, expected, sizeof(expected));                                          \
	}

	EACH_INDEX(index) {
		APPEND_CONSTANT(0) APPEND_CONSTANT(1) APPEND_CONSTANT(4) APPEND_CONSTANT(7) APPEND_CONSTANT(8)
		APPEND_CONSTANT(9) APPEND_CONSTANT(12) APPEND_CONSTANT(15) APPEND_CONSTANT(16) APPEND_CONSTANT(17)
		APPEND_CONSTANT(24) APPEND_CONSTANT(31) APPEND_CONSTANT(32) APPEND_CONSTANT(40) APPEND_CONSTANT(48)
		APPEND_CONSTANT(64)
	}
}

#define EXPECT_ALL_KEPT(name, index)                                                                                   \
	do {                                                                                                           \
		static const char many[500];                                                                           \
                                                                                                                       \
		set_log(slot_of(index), 0, SIZE);                                                                      \
		EXPECT_KEPT(name, index, append, &item->word, 3, many, 3, 16, SIZE - 1);                                         \
		EXPECT_KEPT(name, index, append_stamped, &item->word, 12, many, 12, 32, SIZE - 1);                               \
		EXPECT_KEPT(name, index, append_stamped_unordered, &item->word, 16, many, 16, 32, SIZE - 1);                     \
		EXPECT_KEPT(name, index, append_release, &item->word, 200, many, 200, 208, SIZE - 1);                            \
		EXPECT_KEPT(name, index, append_stamped_release, &item->word, 200, many, 200, 216, SIZE - 1);                    \
	} while (0)

REGISTERS_ARE_KEPT(EXPECT_ALL_KEPT)

/*
 * If an operation is for another CPU, or if the thread isn't registered, the operation returns an error and doesn't
 * change this CPU's slot.
 */
static void nothing_elsewhere(void **state)
{
	struct slot *slot = slot_of(BY_AT), saved;
	int other = cpu == 0 ? 1 : 0;

	(void)state;
	if (!works(BY_AT))
		SKIP("no rseq, or a build without critical sections");
	set_log(slot, 0, SIZE);
	saved = *slot;
	EXPECT_WRONG_CPU(rk_at_append(&item->word, 8, &saved, 8, 16, SIZE - 1, other));
	EXPECT_WRONG_CPU(rk_at_append_release(&item->word, 8, &saved, 8, 16, SIZE - 1, other));
	EXPECT_WRONG_CPU(rk_at_append_stamped(&item->word, 8, &saved, 8, 24, SIZE - 1, other));
	EXPECT_WRONG_CPU(rk_at_append_stamped_release(&item->word, 8, &saved, 8, 24, SIZE - 1, other));
	assert_int_equal(rk_vfork_begin(), 0);
	EACH_INDEX(index) {
		assert_int_equal(BY_INDEX(index, cpu, append, &item->word, 8, &saved, 8, 16, SIZE - 1), RK_NO_RSEQ);
		assert_int_equal(BY_INDEX(index, cpu, append_stamped, &item->word, 8, &saved, 8, 24, SIZE - 1), RK_NO_RSEQ);
	}
	assert_int_equal(rk_vfork_end(), 0);
	assert_memory_equal(slot, &saved, sizeof(saved));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(appends_every_length),
	cmocka_unit_test(appends_constant_lengths),
	cmocka_unit_test(registers_are_kept),
	cmocka_unit_test(nothing_elsewhere),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_item, drop_item);
}
