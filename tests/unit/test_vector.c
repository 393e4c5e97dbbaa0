/* SPDX-License-Identifier: MIT */
/*
 * Tests vectors. A vector does several operations on one CPU's data as a single one. A CPU's slot points to its bank, which is
 * the data in use (bank.h). Each operation code is tested alone and in random sequences, compared with a plain model, on every
 * possible CPU. Also tests vectors that are refused and must change nothing.
 */
#include "vectors.h"

static uint64_t draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* Returns where the number of so many bytes is in the value, whose other bytes are 0. */
static void *number_in(uint64_t *value, uint32_t length)
{
	return (unsigned char *)value + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(*value) - length : 0);
}

/* The model of a shift by one bit. It works for any length, while the library has code for numbers of four lengths. */
static void shift(unsigned char *number, uint32_t length, bool left)
{
	uint64_t value = 0;

	memcpy(number_in(&value, length), number, length);
	value = left ? value << 1 : value >> 1;
	memcpy(number, number_in(&value, length), length);
}

static void model(unsigned char *data, const struct rk_vector_op *op, unsigned char *read)
{
	unsigned char *place = data + op->where;
	uint64_t value = 0;

	if (op->code == RK_VECTOR_COPY)
		memcpy(place, op->from, op->length);
	if (op->code == RK_VECTOR_READ)
		memcpy(read, place, op->length);
	for (uint64_t i = 0; i < op->operand && op->code == RK_VECTOR_SHIFT_LEFT; i++)
		shift(place, op->length, true);
	for (uint64_t i = 0; i < op->operand && op->code == RK_VECTOR_SHIFT_RIGHT; i++)
		shift(place, op->length, false);
	for (uint32_t i = 0; i < op->length && op->code >= RK_VECTOR_AND && op->code <= RK_VECTOR_XOR; i++) {
		uint64_t operand = op->operand;
		unsigned char byte = ((unsigned char *)number_in(&operand, op->length))[i];

		place[i] = op->code == RK_VECTOR_AND ? place[i] & byte :
			   op->code == RK_VECTOR_OR  ? place[i] | byte :
						       place[i] ^ byte;
	}
	if (op->code == RK_VECTOR_ADD) {
		memcpy(number_in(&value, op->length), place, op->length);
		value += op->operand;
		memcpy(place, number_in(&value, op->length), op->length);
	}
}

/* Returns a random valid operation. It copies from `source`, or reads to `destination`; both have SIZE bytes. */
static struct rk_vector_op draw_op(uint64_t *random, unsigned char *source, unsigned char *destination)
{
	struct rk_vector_op op = {.code = (enum rk_vector_code)(RK_VECTOR_COPY + draw(random) % 9)};

	if (op.code == RK_VECTOR_BARRIER)
		return op;
	if (op.code <= RK_VECTOR_READ) {
		op.length = 1 + (uint32_t)(draw(random) % SIZE);
		op.where = draw(random) % (SIZE - op.length + 1);
		for (uint32_t i = 0; i < op.length; i++)
			source[i] = (unsigned char)draw(random);
		if (op.code == RK_VECTOR_COPY)
			op.from = source;
		else
			op.to = destination;
		return op;
	}
	op.length = 1U << draw(random) % 4;
	op.where = draw(random) % (SIZE / op.length) * op.length;
	op.operand = draw(random);
	if (op.code == RK_VECTOR_SHIFT_LEFT || op.code == RK_VECTOR_SHIFT_RIGHT)
		op.operand %= 8 * op.length;
	return op;
}

static void as_the_model(void **state)
{
	static unsigned char data[SIZE], sources[16][SIZE], read[16][SIZE], expected[16][SIZE];
	uint64_t random = 88172645463325252U;

	(void)state;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		memset(data, 0, sizeof(data));
		for (int64_t round = 0; round < ROUNDS(20000); round++) {
			struct rk_vector_op ops[RK_VECTOR_OPS_MAX];
			int count = (int)(draw(&random) % (RK_VECTOR_OPS_MAX + 1));

			for (int i = 0; i < count; i++) {
				ops[i] = draw_op(&random, sources[i], read[i]);
				model(data, &ops[i], expected[i]);
			}
			assert_int_equal(rk_percpu_vector(pool, item, cpu, ops, count), 0);
			for (int i = 0; i < count; i++)
				if (ops[i].code == RK_VECTOR_READ)
					assert_memory_equal(read[i], expected[i], ops[i].length);
			assert_memory_equal(bank_of(cpu), data, SIZE);
			assert_int_equal(slot_of(cpu)->taken, 0);
			assert_int_equal(slot_of(cpu)->claim.holder, 0);
		}
	}
}

static void comparisons(void **state)
{
	unsigned char data[SIZE], other[SIZE], before[SIZE], read[8] = "before";
	uint64_t random = 5;

	(void)state;
	for (int i = 0; i < SIZE; i++)
		data[i] = other[i] = (unsigned char)draw(&random);
	assert_int_equal(rk_percpu_vector(pool, item, here,
					  &(struct rk_vector_op){.code = RK_VECTOR_COPY, .length = SIZE, .from = data}, 1), 0);
	memcpy(before, bank_of(here), SIZE);
	for (size_t wrong = 0; wrong < SIZE; wrong++) {
		struct rk_vector_op ops[] = {
			{.code = RK_VECTOR_EQUAL, .length = SIZE, .from = data},
			{.code = RK_VECTOR_UNEQUAL, .length = SIZE, .from = other},
			{.code = RK_VECTOR_EQUAL, .length = SIZE, .from = data},
			{.code = RK_VECTOR_READ, .length = 8, .where = 8, .to = read},
			{.code = RK_VECTOR_ADD, .length = 8, .operand = 1},
			{.code = RK_VECTOR_ADD, .length = 8, .operand = UINT64_MAX},
		};

		assert_int_equal(rk_percpu_vector(pool, item, here, ops, 6), 2); /* the bytes are equal */
		assert_memory_equal(read, "before", 7);
		other[wrong] ^= 0x40;
		assert_int_equal(rk_percpu_vector(pool, item, here, ops, 6), 0);
		assert_memory_equal(read, data + 8, 8);
		memcpy(read, "before", 7);
		ops[2].from = other;
		assert_int_equal(rk_percpu_vector(pool, item, here, ops, 6), 3);
		/* Compares a part that has no difference. */
		ops[2].where = wrong < SIZE / 2 ? SIZE / 2 : 0;
		ops[2].length = SIZE / 2;
		ops[2].from = other + ops[2].where;
		assert_int_equal(rk_percpu_vector(pool, item, here, ops, 3), 0);
		ops[0].code = RK_VECTOR_UNEQUAL;
		assert_int_equal(rk_percpu_vector(pool, item, here, ops, 6), 1);
		assert_memory_equal(read, "before", 7);
		other[wrong] ^= 0x40;
		assert_memory_equal(bank_of(here), before, SIZE);
	}
}

static void refused(void **state)
{
	unsigned char data[SIZE] = {1}, big[RK_VECTOR_BYTES_MAX];
	const struct rk_vector_op fine = {.code = RK_VECTOR_ADD, .length = 8, .operand = 1}, bad[] = {
		{.code = (enum rk_vector_code)11, .length = 8},
		{.code = (enum rk_vector_code)-1, .length = 8},
		{.code = RK_VECTOR_BARRIER, .length = 1},
		{.code = RK_VECTOR_ADD, .length = 0},
		{.code = RK_VECTOR_ADD, .length = 3},
		{.code = RK_VECTOR_ADD, .length = 16},
		{.code = RK_VECTOR_ADD, .length = 8, .where = 4},
		{.code = RK_VECTOR_ADD, .length = 2, .where = 1},
		{.code = RK_VECTOR_ADD, .length = 8, .where = SIZE},
		{.code = RK_VECTOR_ADD, .length = 8, .where = SIZE_MAX - 7},
		{.code = RK_VECTOR_SHIFT_LEFT, .length = 4, .operand = 32},
		{.code = RK_VECTOR_SHIFT_RIGHT, .length = 8, .operand = UINT64_MAX},
		{.code = RK_VECTOR_COPY, .length = 8},
		{.code = RK_VECTOR_READ, .length = 8, .from = data},
		{.code = RK_VECTOR_COPY, .length = 0, .from = data},
		{.code = RK_VECTOR_COPY, .length = SIZE + 1, .from = data},
		{.code = RK_VECTOR_COPY, .length = SIZE, .where = 1, .from = data},
		{.code = RK_VECTOR_COPY, .length = UINT32_MAX, .where = 1, .from = data},
		{.code = RK_VECTOR_EQUAL, .length = 8, .from = data}, /* must not come after another operation */
		{.code = RK_VECTOR_COPY, .length = 8, .from = rk_percpu_bank(pool, item, here, 0)},
		{.code = RK_VECTOR_COPY, .length = 8, .from = (char *)rk_percpu_bank(pool, item, here, 1) - 7},
		{.code = RK_VECTOR_READ, .length = 8, .to = (char *)rk_percpu_bank(pool, item, here, 1) + SIZE - 1},
	};
	struct rk_vector_op ops[RK_VECTOR_OPS_MAX + 1];
	unsigned char before[SIZE];
	struct rk_bank_slot slot;
	struct rk_percpu_options plain_options = {.item_size = SIZE};
	struct rk_percpu *plain;
	void *plain_item, *spare = NULL;

	(void)state;
	(void)rk_percpu_open(pool, item, here);
	memcpy(before, bank_of(here), SIZE);
	slot = *slot_of(here);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ops[0] = fine;
		ops[1] = bad[i];
		if (rk_percpu_vector(pool, item, here, ops, 2) != -EINVAL)
			fail_msg("operation %zu was taken", i);
	}
	for (int i = 0; i <= RK_VECTOR_OPS_MAX; i++)
		ops[i] = fine;
	assert_int_equal(rk_percpu_vector(pool, item, here, ops, RK_VECTOR_OPS_MAX + 1), -EINVAL);
	assert_int_equal(rk_percpu_vector(pool, item, here, ops, -1), -EINVAL);
	assert_int_equal(rk_percpu_vector(pool, item, here, NULL, 1), -EINVAL);
	assert_int_equal(rk_percpu_vector(pool, item, -1, ops, 1), -EINVAL);
	assert_int_equal(rk_percpu_vector(pool, item, RK_CPUS_MAX, ops, 1), -EINVAL);
	assert_int_equal(rk_percpu_vector(pool, NULL, here, ops, 1), -EINVAL);
	assert_int_equal(rk_percpu_vector(NULL, item, here, ops, 1), -EINVAL);
	for (int i = 0; i < RK_VECTOR_OPS_MAX; i++)
		ops[i] = (struct rk_vector_op){.code = RK_VECTOR_COPY, .length = RK_VECTOR_BYTES_MAX / 15, .from = big};
	spare = data;
	assert_int_equal(rk_vector(item, here, &spare, RK_VECTOR_BYTES_MAX, ops, 16), -EINVAL); /* too many bytes in all */
	spare = data + 1;
	assert_int_equal(rk_vector(item, here, &spare, SIZE, &fine, 1), -EINVAL);
	spare = NULL;
	assert_int_equal(rk_vector(item, here, &spare, SIZE, &fine, 1), -EINVAL);
	assert_int_equal(rk_vector(item, here, NULL, SIZE, &fine, 1), -EINVAL);
	spare = bank_of(here);
	assert_int_equal(rk_vector(item, here, &spare, SIZE, &fine, 1), -EINVAL);
	assert_int_equal(rk_percpu_create(&plain, &plain_options, sizeof(plain_options)), 0);
	assert_int_equal(rk_percpu_alloc(plain, &plain_item), 0);
	assert_int_equal(rk_percpu_vector(plain, plain_item, here, &fine, 1), -EINVAL);
	spare = data;
	assert_int_equal(rk_vector(plain_item, here, &spare, SIZE, &fine, 1), -ENXIO);
	assert_int_equal(rk_percpu_free(plain, plain_item), 0);
	assert_int_equal(rk_percpu_destroy(plain), 0);
	assert_memory_equal(bank_of(here), before, SIZE);
	assert_int_equal(slot_of(here)->bank, slot.bank);
	assert_int_equal(slot_of(here)->taken, 0);
}

/*
 * Runs vectors on a slot that was never opened, is closed, belongs to a thread, or whose bank was taken without rk_bank_done().
 */
static void states(void **state)
{
	const struct rk_vector_op add = {.code = RK_VECTOR_ADD, .length = 8, .operand = 1};
	struct rk_bank_slot *slot = slot_of(here);
	intptr_t own[2][2] = {{0}};
	const int64_t added = 1;
	void *bank, *spare = own[1];

	(void)state;
	*slot = (struct rk_bank_slot){.bank = 0};
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), -ENXIO);
	assert_int_equal(rk_bank_open_first(slot, own[0]), 0);
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), 0);
	assert_ptr_equal(spare, own[0]);
	assert_memory_equal(own[1], &added, sizeof(added));
	assert_int_equal(own[0][0], 0);
	assert_int_equal(rk_bank_begin_try(item, here), 0);
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), -EBUSY);
	assert_int_equal(rk_bank_take(item, here, NULL, &bank), 0);
	assert_ptr_equal(bank, own[1]);
	assert_int_equal(rk_bank_done(item, here), 0);
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), -ESHUTDOWN);
	slot->taken = (intptr_t)own[1]; /* the state that a thread leaves if it ends before rk_bank_done() */
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), -ESTALE);
	assert_memory_equal(own[1], &added, sizeof(added));
	assert_null(rk_percpu_spare(pool, item, here));
	assert_int_equal(rk_bank_begin_try(item, here), 0); /* the next owner can still take the bank */
	assert_int_equal(rk_bank_take(item, here, own[0], &bank), 1);
	assert_ptr_equal(bank, own[1]);
	assert_int_equal(rk_bank_open(item, here, bank), 0); /* the bank is back in the slot, so it is no longer taken */
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), -EBUSY);
	assert_int_equal(rk_claim_release(&slot->claim), 0);
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), 0);
	*slot = (struct rk_bank_slot){.bank = 0};
	assert_ptr_equal(rk_percpu_spare(pool, item, here), rk_percpu_bank(pool, item, here, 1));
	assert_int_equal(rk_percpu_vector(pool, item, here, &add, 1), 0); /* this vector opens the slot */
	assert_ptr_equal(bank_of(here), rk_percpu_bank(pool, item, here, 1));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(as_the_model),
	cmocka_unit_test(comparisons),
	cmocka_unit_test(refused),
	cmocka_unit_test(states),
};

RUN_WITH_ITEM(tests)
