/* SPDX-License-Identifier: MIT */
/*
 * Vectors: every code by itself and in chance company, beside a plain model of it; what is refused, and that nothing is
 * touched then; on every possible CPU, beside users of it and other vectors; interrupted, and forked, at each instruction.
 */
#define INSTRUCTIONS_MAX 4000 /* those of claims; the section in it aborts when it is stepped, and isn't repeated */
#include "interrupt.h"

#define SIZE 128

static struct rk_percpu *pool;
static void *item;
static int here;

static struct rk_bank_slot *slot_of(int cpu)
{
	return (struct rk_bank_slot *)rk_percpu_slot(item, cpu);
}

static unsigned char *bank_of(int cpu)
{
	return (unsigned char *)(slot_of(cpu)->bank & ~(intptr_t)RK_BANK_OPEN);
}

static int make_item(void **state)
{
	struct rk_percpu_options options = {.item_size = SIZE, .alignment = 8, .flags = RK_PERCPU_CLOSABLE};

	(void)state;
	here = rk_cpu();
	return rk_percpu_create(&pool, &options) != 0 || rk_percpu_alloc(pool, &item) != 0;
}

static int drop_item(void **state)
{
	(void)state;
	return rk_percpu_free(pool, item) != 0 || rk_percpu_destroy(pool) != 0;
}

static uint64_t draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* The model: bit by bit where the library has numbers of four lengths. */
static void shift(unsigned char *number, uint32_t length, bool left)
{
	uint64_t value = 0;

	memcpy(&value, number, length);
	value = left ? value << 1 : value >> 1;
	memcpy(number, &value, length);
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
		unsigned char byte = (unsigned char)(op->operand >> (8 * i));

		place[i] = op->code == RK_VECTOR_AND ? place[i] & byte :
			   op->code == RK_VECTOR_OR  ? place[i] | byte :
						       place[i] ^ byte;
	}
	if (op->code == RK_VECTOR_ADD) {
		memcpy(&value, place, op->length);
		value += op->operand;
		memcpy(place, &value, op->length);
	}
}

/* An operation that is as it should be; sources and destinations in rows of their own. */
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

		assert_int_equal(rk_percpu_vector(pool, item, here, ops, 6), 2); /* they are equal */
		assert_memory_equal(read, "before", 7);
		other[wrong] ^= 0x40;
		assert_int_equal(rk_percpu_vector(pool, item, here, ops, 6), 0);
		assert_memory_equal(read, data + 8, 8);
		memcpy(read, "before", 7);
		ops[2].from = other;
		assert_int_equal(rk_percpu_vector(pool, item, here, ops, 6), 3);
		/* A part that has no difference in it. */
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
		{.code = RK_VECTOR_EQUAL, .length = 8, .from = data}, /* behind an operation */
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
	assert_int_equal(rk_vector(item, here, &spare, RK_VECTOR_BYTES_MAX, ops, 16), -EINVAL); /* too many bytes */
	spare = data + 1;
	assert_int_equal(rk_vector(item, here, &spare, SIZE, &fine, 1), -EINVAL);
	spare = NULL;
	assert_int_equal(rk_vector(item, here, &spare, SIZE, &fine, 1), -EINVAL);
	assert_int_equal(rk_vector(item, here, NULL, SIZE, &fine, 1), -EINVAL);
	spare = bank_of(here);
	assert_int_equal(rk_vector(item, here, &spare, SIZE, &fine, 1), -EINVAL);
	assert_int_equal(rk_percpu_create(&plain, &plain_options), 0);
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

/* What state the slot is in: never opened, closed, claimed, taken from and not done with. */
static void states(void **state)
{
	const struct rk_vector_op add = {.code = RK_VECTOR_ADD, .length = 8, .operand = 1};
	struct rk_bank_slot *slot = slot_of(here);
	intptr_t own[2][2] = {{0}};
	void *bank, *spare = own[1];

	(void)state;
	*slot = (struct rk_bank_slot){.bank = 0};
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), -ENXIO);
	assert_int_equal(rk_bank_open_first(slot, own[0]), 0);
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), 0);
	assert_ptr_equal(spare, own[0]);
	assert_int_equal(own[1][0], 1);
	assert_int_equal(own[0][0], 0);
	assert_int_equal(rk_bank_begin(item, here), 0);
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), -EBUSY);
	assert_int_equal(rk_bank_take(item, here, NULL, &bank), 0);
	assert_ptr_equal(bank, own[1]);
	assert_int_equal(rk_bank_done(item, here), 0);
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), -ESHUTDOWN);
	slot->taken = (intptr_t)own[1]; /* as somebody leaves it who is no more */
	assert_int_equal(rk_vector(item, here, &spare, sizeof(own[0]), &add, 1), -ESTALE);
	assert_int_equal(own[1][0], 1);
	*slot = (struct rk_bank_slot){.bank = 0};
	assert_int_equal(rk_percpu_vector(pool, item, here, &add, 1), 0); /* opens it */
	assert_ptr_equal(bank_of(here), rk_percpu_bank(pool, item, here, 1));
}

/* Beside each other and users of the banks: what vectors do together stays together. */
struct shared {
	intptr_t adds, first, second;
};
#define ADDS 1000000
static int64_t added, overflows, vectors;
static int adding;

/* As rk_cpu_bank_add(), but that the bank's address is long loaded when it is added to. */
static enum rk_result __attribute__((__noinline__)) add_late(void *base, ptrdiff_t where, intptr_t value)
{
#if RK_HAVE_SECTIONS
	RK_SECTION(RK_ASM_EXIT(leave) RK_ASM_EXIT(closed),
		   RK_ASM_INDEX_CPU(RK_ASM_C) RK_ASM_ENTER(RK_ASM_C, where, closed) ".rept 2000\n\tnop\n\t.endr\n\t"
		   RK_ASM_COMMIT_ADD(value),
		   RK_LIST(RK_IN(base), RK_IN_WORD_AS(where, where - RK_BANK_OPEN), RK_IN_WORD(value)), RK_USES_LOADED,
		   leave, closed);
	return RK_DONE;
aborted:
	return RK_ABORTED;
leave:
	return rk_leave();
closed:
	return RK_CLOSED;
#else
	(void)base;
	(void)where;
	(void)value;
	return RK_NO_RSEQ;
#endif
}

static void *add_locally(void *arg)
{
	int64_t i = 0;

	/* A while, and until there were vectors. */
	for (; i < ROUNDS(ADDS) || (__atomic_load_n(&vectors, __ATOMIC_RELAXED) < 50 && i < 100 * ROUNDS(ADDS)); i++) {
		enum rk_result result = RK_ABORTED;

		for (int k = 0; k < RK_ABORTS_MAX && result == RK_ABORTED; k++)
			result = i % 8 == 0 ? add_late(item, offsetof(struct shared, adds), 1) :
					      rk_cpu_bank_add(item, offsetof(struct shared, adds), 1);
		if (result != RK_DONE)
			__atomic_fetch_add(&overflows, 1, __ATOMIC_RELAXED);
	}
	__atomic_fetch_add(&added, i, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&adding, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *add_by_vectors(void *arg)
{
	static const intptr_t zero;
	const struct rk_vector_op ops[] = {
		{.code = RK_VECTOR_EQUAL, .length = sizeof(zero), .where = 64, .from = &zero},
		{.code = RK_VECTOR_ADD, .length = sizeof(intptr_t), .where = offsetof(struct shared, first), .operand = 1},
		{.code = RK_VECTOR_ADD, .length = sizeof(intptr_t), .where = offsetof(struct shared, second), .operand = 1},
	};

	while (__atomic_load_n(&adding, __ATOMIC_RELAXED) > 0) {
		for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
			int r = rk_percpu_vector(pool, item, cpu, ops, 3);

			if (r == 0)
				__atomic_fetch_add(&vectors, 1, __ATOMIC_RELAXED);
			else if (r != -EBUSY)
				return NULL;
		}
	}
	return arg;
}

static void beside_users(void **state)
{
	enum { ADDERS = 3, OTHERS = 2 };
	pthread_t threads[ADDERS + OTHERS];
	int64_t adds = 0, first = 0;

	(void)state;
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(rk_percpu_alloc(pool, &item), 0);
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		assert_int_equal(rk_percpu_open(pool, item, cpu), 0);
	adding = ADDERS;
	for (int i = 0; i < ADDERS + OTHERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i < ADDERS ? add_locally : add_by_vectors, &adding), 0);
	for (int i = 0; i < ADDERS + OTHERS; i++) {
		void *done;

		pthread_join(threads[i], &done);
		assert_non_null(done);
	}
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		struct shared *shared = (struct shared *)(void *)bank_of(cpu);

		assert_int_equal(shared->first, shared->second);
		adds += shared->adds;
		first += shared->first;
	}
	printf("# %lld adds, %lld of them in overflow, beside %lld vectors\n", (long long)added,
	       (long long)overflows, (long long)vectors);
	assert_int_equal(adds + overflows, added);
	assert_int_equal(first, vectors);
	assert_true(vectors > 0);
}

/* Interrupted at each instruction. */
static void open_slot(void)
{
	*slot_of(here) = (struct rk_bank_slot){.bank = 0};
	CHECK(rk_percpu_open(pool, item, here) == 0);
	memset(bank_of(here), 0, SIZE);
}

static int add_to_both(void)
{
	static const struct rk_vector_op ops[] = {
		{.code = RK_VECTOR_ADD, .length = 8, .operand = 1},
		{.code = RK_VECTOR_ADD, .length = 8, .where = 64, .operand = 1},
	};

	return rk_percpu_vector(pool, item, here, ops, 2);
}

static void work(void)
{
	CHECK(add_to_both() == 0);
}

static int has(uint64_t value)
{
	const uint64_t *words = (const uint64_t *)(const void *)bank_of(here);

	return slot_of(here)->bank & RK_BANK_OPEN && words[0] == value && words[8] == value && slot_of(here)->taken == 0 &&
			       slot_of(here)->claim.holder == 0 ?
		       0 :
		       1;
}

static int worked(void)
{
	return has(1);
}

/* In a child of another thread: what was begun is done or not, and the slot works. */
static int work_in_child(void)
{
	CHECK(add_to_both() == 0);
	return has(1) == 0 || has(2) == 0 ? 0 : 1;
}

static void *fork_beside(void *arg)
{
	*(int *)arg = in_child(work_in_child);
	return NULL;
}

static void fork_by_another(void)
{
	pthread_t thread;
	int ending = -1;

	CHECK(pthread_create(&thread, NULL, fork_beside, &ending) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(ending == 0);
}

/* The child goes on with it, as does its parent. */
static void fork_itself(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid > 0)
		CHECK(exit_status_of(pid) == 0);
}

/* A handler is refused, or does all of it; and can't take what the interrupted vector works on. */
static bool handled;

static void work_as_well(void)
{
	intptr_t other[SIZE / sizeof(intptr_t)] = {0};
	void *bank;
	int r = add_to_both();

	CHECK(r == 0 || r == -EBUSY);
	handled = r == 0;
	if (r == 0)
		return;
	r = rk_bank_take(item, here, other, &bank);
	CHECK(r == -EBUSY || r == -EPERM || r == 0);
	if (r == 0) { /* this thread's claim, before or behind its work on the bank: puts it back */
		CHECK(rk_bank_take(item, here, bank, &bank) == 1);
		CHECK(rk_bank_done(item, here) == 0);
		_exit(0); /* and has ended the interrupted vector's claim, which is its own fault */
	}
	CHECK(rk_bank_done(item, here) == r);
}

static int worked_as_well(void)
{
	return has(handled ? 2 : 1);
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {
		{open_slot, work, fork_by_another, worked, false},
		{open_slot, work, fork_itself, worked, false},
		{open_slot, work, work_as_well, worked_as_well, false},
	};

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime takes too many steps");
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		assert_int_equal(interrupt_everywhere(&with[i]), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(as_the_model), cmocka_unit_test(comparisons),  cmocka_unit_test(refused),
	cmocka_unit_test(states),       cmocka_unit_test(beside_users), cmocka_unit_test(at_every_instruction),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(240);
	return cmocka_run_group_tests(tests, make_item, drop_item);
}
