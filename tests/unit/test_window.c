/* SPDX-License-Identifier: MIT */
/*
 * Stops an operation at each of its instructions in turn, moves the operation's thread to another CPU, and lets the thread
 * continue. After the move, the thread must store nothing in the first CPU's slot, which is its copy of per-CPU memory. A
 * stress test finds an unprotected instruction, before or after a section, only once in a while. This test finds it every time.
 *
 * A tracer stops the thread by a breakpoint. To find the addresses of the instructions, the tracer first steps
 * through the operation.
 */
#include "test.h"
#include "traced.h"
#include "urgent.h"
#include "../../examples/versioned.h"
#include <rseqkit/ops.h>
#include <sched.h>

/* An operation's data in a slot: the word that the operation commits to, and the words that follow it. */
struct slot {
	intptr_t word, other, more[40], self;
};

#define OTHER ((ptrdiff_t)offsetof(struct slot, other))
#define MORE ((ptrdiff_t)offsetof(struct slot, more))

static struct node {
	intptr_t value, next;
} node = {.next = 7};

static char taken[200];
static const char bytes[200] = "copied by words with a rest, by bytes, or by one instruction, as the length wants it";

/*
 * The operations, each in a function of its own. The tracer steps through such a function from its first instruction
 * to its return address. Each operation works only while the slot's word has its first value, and changes this value.
 * Each operation is therefore done once.
 */
#define OPERATION(name, operation)                                                                                     \
	__attribute__((__noinline__)) static enum rk_result name(struct slot *base, int cpu)                           \
	{                                                                                                              \
		intptr_t expected = 0;                                                                                 \
		void *popped;                                                                                          \
                                                                                                                       \
		(void)cpu;                                                                                             \
		(void)&expected;                                                                                       \
		(void)&popped;                                                                                         \
		return operation;                                                                                      \
	}

static const volatile intptr_t one = 1; /* volatile, so the compiler can't use an immediate operand */

OPERATION(op_add, rk_cpu_add(base, 1))
OPERATION(op_add_variable, rk_cpu_add(base, one))
OPERATION(op_add_at, rk_at_add(base, 1, cpu))
OPERATION(op_add_through, rk_cpu_add_through(&base->other, -OTHER, 1))
OPERATION(op_add_through_variable, rk_cpu_add_through(&base->other, -OTHER, one))
OPERATION(op_store, rk_cpu_store_if_equal(base, 0, 1))
OPERATION(op_store_at, rk_at_store_if_equal(base, 0, 1, cpu))
OPERATION(op_store_release, rk_cpu_store_if_equal_release(base, 0, 1))
OPERATION(op_exchange, rk_cpu_compare_exchange(base, &expected, 1))
OPERATION(op_store_both, rk_cpu_store_if_both_equal(base, 0, MORE, 0, 1))
OPERATION(op_store_two_at, rk_at_store_two_if_equal(base, 0, MORE, 5, 1, cpu))
OPERATION(op_copy, rk_cpu_copy_if_equal_release(base, 0, MORE, bytes, 27, 1))
OPERATION(op_copy_little, rk_cpu_copy_if_equal(base, 0, MORE, bytes, 3, 1))
OPERATION(op_copy_much, rk_cpu_copy_if_equal(base, 0, MORE, bytes, sizeof(bytes), 1))
OPERATION(op_push, rk_cpu_push(base, &node, offsetof(struct node, next)))
OPERATION(op_copy_out, rk_cpu_copy_out_if_equal(base, 0, MORE, &popped, sizeof(popped), 1))
OPERATION(op_copy_out_much, rk_cpu_copy_out_if_equal(base, 0, MORE, taken, sizeof(taken), 1))
OPERATION(op_array_push, rk_cpu_array_push(base, &node))
OPERATION(op_array_pop, rk_cpu_array_pop(base, &popped))
OPERATION(op_append, rk_cpu_append(base, 1, bytes, 8, 16, 0))
OPERATION(op_append_stamped, rk_cpu_append_stamped_release(base, 1, bytes, 8, 24, 0))
OPERATION(op_pop, rk_cpu_pop(base, 0, offsetof(struct node, next), &popped))

static intptr_t gate;

OPERATION(op_gate_add, (gate = (intptr_t)base, rk_gate_add(&gate, 0, 1)))
OPERATION(op_gate_add_variable, (gate = (intptr_t)base, rk_gate_add(&gate, 0, one)))
OPERATION(op_gate_enter, (gate = (intptr_t)base, rk_gate_enter(&gate, &popped)))

/* versioned_set() changes the object to which `self` points: the slot itself. */
OPERATION(op_versioned, versioned_set(&base->self, 0, 5))

static const struct operation {
	const char *name;
	enum rk_result (*run)(struct slot *base, int cpu);
	intptr_t before, after; /* the slot's word before and after the operation */
} operations[] = {
	{"add", op_add, 0, 1},
	{"add of a variable", op_add_variable, 0, 1},
	{"add by explicit CPU", op_add_at, 0, 1},
	{"store", op_store, 0, 1},
	{"add through", op_add_through, 0, 1},
	{"add through, of a variable", op_add_through_variable, 0, 1},
	{"store by explicit CPU", op_store_at, 0, 1},
	{"store, release", op_store_release, 0, 1},
	{"compare and exchange", op_exchange, 0, 1},
	{"store if both equal", op_store_both, 0, 1},
	{"store two by explicit CPU", op_store_two_at, 0, 1},
	{"copy, release", op_copy, 0, 1},
	{"copy of bytes", op_copy_little, 0, 1},
	{"long copy", op_copy_much, 0, 1},
	{"push", op_push, 0, (intptr_t)&node},
	{"an operation of a program's own", op_versioned, 0, 1},
	{"copy out", op_copy_out, 0, 1},
	{"long copy out", op_copy_out_much, 0, 1},
	{"push to an array", op_array_push, RK_ARRAY_PUSHED(1), RK_ARRAY_PUSHED(2)},
	{"pop off an array", op_array_pop, RK_ARRAY_PUSHED(2), RK_ARRAY_PUSHED(2) + RK_ARRAY_POPPED(1)},
	{"append", op_append, 0, 16},
	{"append with a stamp", op_append_stamped, 0, 24},
	{"add behind a gate", op_gate_add, 0, 1},
	{"add behind a gate, of a variable", op_gate_add_variable, 0, 1},
	{"enter a gate", op_gate_enter, 0, 1},
	{"pop", op_pop, (intptr_t)&node, 7},
};

#define SHAPES 3 /* the first SHAPES operations of the table contain every way in which a section begins */
#define INSTRUCTIONS_MAX 64
#define STEPS_MAX 100000 /* steps from the child's first stop to the end of the operation */

static struct slot *item;
static int cpus[2];

static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(pid, sizeof(set), &set) != 0)
		_exit(97);
}

static struct slot peek(pid_t pid, int cpu)
{
	struct slot slot = {.word = -1};
	struct iovec here = {&slot, sizeof(slot)}, there = {rk_percpu_slot(item, cpu), sizeof(slot)};

	(void)process_vm_readv(pid, &here, 1, &there, 1, 0);
	return slot;
}

/*
 * Returns how often the operation was done in two slots. Returns -1 if a slot's word has any other value than before
 * or after the operation.
 */
static int times_done(const struct operation *operation, const struct slot *a, const struct slot *b)
{
	int done = (a->word == operation->after) + (b->word == operation->after);

	return done + (a->word == operation->before) + (b->word == operation->before) == 2 ? done : -1;
}

/*
 * Runs in the child: stops, does the operation until it is done on some CPU, and stops again. If `known` is false,
 * the thread isn't registered, so no stop aborts its sections. Then this function, and not the kernel, stores the
 * CPU's number in the area.
 */
static void operate(size_t operation, bool known)
{
	for (int i = 0; i < 2; i++) {
		struct slot *slot = rk_percpu_slot(item, cpus[i]);

		*slot = (struct slot){.word = operations[operation].before, .other = (intptr_t)&slot->other,
				      .self = (intptr_t)slot};
	}
	pin(0, cpus[0]);
	if (!known) {
		if (rk_vfork_begin() != 0)
			_exit(98);
		*(volatile uint32_t *)(uintptr_t)&area_here()->cpu_id = (uint32_t)cpus[0];
	}
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(99);
	raise(SIGSTOP);
	for (int i = 0; i < 100; i++)
		if (operations[operation].run(item, rk_cpu()) == RK_DONE)
			break;
	raise(SIGSTOP);
	_exit(0);
}

/*
 * Runs the operation once, and migrates the thread at the instruction at `address`. If `before` isn't 0, first
 * interrupts the thread at `before`. An interruption makes the kernel forget a section that hasn't begun yet. Returns
 * 1 if the thread was migrated, or 0 if the thread didn't reach the instructions. On a failure, returns a negative
 * number and sets *problem.
 */
static int migrate_at(size_t operation, uintptr_t before, uintptr_t address, const char **problem)
{
	struct slot first, at_last, elsewhere;
	int there = 1;
	pid_t pid = fork();

	if (pid == 0)
		operate(operation, true);
	*problem = "the child didn't stop";
	if (pid < 0 || stop_signal(pid, false) != SIGSTOP)
		return -1;
	begin_steps(pid);
	if (before != 0)
		there = run_to(pid, before);
	if (there > 0)
		there = run_to(pid, address);
	if (there < 0)
		return -1;
	if (there > 0) {
		first = peek(pid, cpus[0]);
		pin(pid, cpus[1]);
		*problem = "the child didn't finish";
		if (stop_signal(pid, true) != SIGSTOP)
			return -1;
		*problem = "a store to the slot of a CPU that the thread had left";
		at_last = peek(pid, cpus[0]);
		if (memcmp(&at_last, &first, sizeof(first)) != 0)
			return -2;
		*problem = "not done exactly once";
		elsewhere = peek(pid, cpus[1]);
		if (times_done(&operations[operation], &first, &elsewhere) != 1)
			return -3;
	}
	end_steps(pid);
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return there;
}

static void add_address(uintptr_t address, uintptr_t *addresses, int *count)
{
	for (int i = 0; i < *count; i++)
		if (addresses[i] == address)
			return;
	assert_true(*count < INSTRUCTIONS_MAX);
	addresses[(*count)++] = address;
}

/* Steps through the operation in a child. Adds the addresses of those instructions that aren't in the list yet. */
static void step_through(size_t operation, bool known, uintptr_t *addresses, int *count)
{
	uintptr_t end = 0, address = 0;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		operate(operation, known);
	assert_true(pid > 0 && stop_signal(pid, false) == SIGSTOP);
	begin_steps(pid);
	for (int steps = 0; steps < STEPS_MAX && (end == 0 || address != end); steps++) {
		struct user_regs_struct registers;

		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_true(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
		registers = get_registers(pid);
		address = (uintptr_t)PC(registers);
		if (end == 0 && address == (uintptr_t)operations[operation].run)
			end = return_address(pid, &registers);
		if (end != 0 && address != end)
			add_address(address, addresses, count);
	}
	end_steps(pid);
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	assert_true(end != 0 && address == end);
}

/*
 * Stores the addresses of the operation's instructions: those of a run without aborts, and those of a run with aborts.
 * Returns their number.
 */
static int instructions_of(size_t operation, uintptr_t *addresses)
{
	int count = 0;

	step_through(operation, false, addresses, &count);
	step_through(operation, true, addresses, &count);
	return count;
}

/*
 * Runs the operation with a migration at each instruction: once without an earlier interruption, and once for each earlier
 * instruction, with an interruption there. On slow machines, only the first SHAPES operations are interrupted.
 */
static int at_every_instruction(size_t operation)
{
	uintptr_t addresses[INSTRUCTIONS_MAX];
	int count = instructions_of(operation, addresses), executed = 0;

	for (int i = 0; i < count; i++) {
		int befores = SLOWNESS() > 1 && operation >= SHAPES ? 0 : i;

		for (int before = -1; before < befores; before++) {
			const char *problem;
			int r = migrate_at(operation, before < 0 ? 0 : addresses[before], addresses[i], &problem);

			if (r < 0)
				fail_msg("%s: at instruction %d, interrupted at %d: %s", operations[operation].name, i,
					 before, problem);
			executed += before < 0 ? r : 0;
		}
	}
	return executed;
}

static void migrated_at_every_instruction(void **state)
{
	struct rk_percpu_options options = {.item_size = sizeof(struct slot)};
	struct rk_percpu *pool;
	cpu_set_t allowed;
	void *allocated;
	int found = 0;

	(void)state;
	if (SANITIZED || !RK_HAVE_SECTIONS || !world_has_rseq())
		SKIP("no rseq, or a build without critical sections");
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cpus[found++] = cpu;
	if (found < 2)
		SKIP("needs two CPUs");
	assert_int_equal(rk_percpu_create(&pool, &options, sizeof(options)), 0);
	assert_int_equal(rk_percpu_alloc(pool, &allocated), 0);
	item = allocated;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		int executed = at_every_instruction(i);

		printf("# %s: %d instructions\n", operations[i].name, executed);
		assert_true(executed >= 6);
	}
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(rk_percpu_destroy(pool), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(migrated_at_every_instruction),
};

RUN(tests)
