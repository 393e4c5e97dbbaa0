/* SPDX-License-Identifier: MIT */
/*
 * Stops an operation at each of its instructions in turn, moves its thread to another CPU there, and lets it go on:
 * from then on nothing may be stored in the first CPU's slot. A window without protection, in front of a section or
 * behind it, that a stress finds once in a while is found here every time.
 *
 * The stop is a breakpoint set by a tracer; instruction boundaries come from objdump.
 */
#include "test.h"
#include <elf.h>
#include <link.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/user.h>

/* The operations, each in a function of its own that objdump can name. */
__attribute__((__noinline__, __used__)) static enum rk_result op_add(void *item, int cpu)
{
	(void)cpu;
	return rk_cpu_add(item, 1);
}

__attribute__((__noinline__, __used__)) static enum rk_result op_add_at(void *item, int cpu)
{
	return rk_at_add(item, 1, cpu);
}

__attribute__((__noinline__, __used__)) static enum rk_result op_store(void *item, int cpu)
{
	(void)cpu;
	return rk_cpu_store_if_equal(item, 0, 1);
}

__attribute__((__noinline__, __used__)) static enum rk_result op_store_at(void *item, int cpu)
{
	return rk_at_store_if_equal(item, 0, 1, cpu);
}

static const struct {
	const char *name;
	enum rk_result (*run)(void *item, int cpu);
} operations[] = {
	{"op_add", op_add}, {"op_add_at", op_add_at}, {"op_store", op_store}, {"op_store_at", op_store_at},
};

static void *item;
static int cpus[2];

static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(pid, sizeof(set), &set) != 0)
		_exit(97);
}

static int64_t peek(pid_t pid, int cpu)
{
	return ptrace(PTRACE_PEEKDATA, pid, rk_percpu_slot(item, cpu), NULL);
}

/* The child: one operation, repeated until it is done somewhere, between two stops. */
static void operate(size_t operation)
{
	pin(0, cpus[0]);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(99);
	raise(SIGSTOP);
	for (int i = 0; i < 100; i++)
		if (operations[operation].run(item, rk_cpu()) == RK_DONE)
			break;
	raise(SIGSTOP);
	_exit(0);
}

/* Lets the child run to its next stop; the signal that stopped it. */
static int stop_signal(pid_t pid, bool go_on)
{
	int status;

	if (go_on)
		ptrace(PTRACE_CONT, pid, NULL, NULL);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	return WSTOPSIG(status);
}

/* Runs the child to a breakpoint at `address` and takes that away again. 1 if it got there, 0 if not, -1 if it's gone. */
static int run_to(pid_t pid, uintptr_t address)
{
	struct user_regs_struct registers;
	long text = ptrace(PTRACE_PEEKTEXT, pid, address, NULL);
	int signal;

	ptrace(PTRACE_POKETEXT, pid, address, (text & ~0xffL) | 0xcc);
	signal = stop_signal(pid, true);
	if (signal != SIGTRAP)
		return signal == SIGSTOP ? 0 : -1;
	ptrace(PTRACE_POKETEXT, pid, address, text);
	ptrace(PTRACE_GETREGS, pid, NULL, &registers);
	/* Unless the stop aborted a section: then ip is that of the abort handler. */
	if (registers.rip == address + 1) {
		registers.rip = address;
		ptrace(PTRACE_SETREGS, pid, NULL, &registers);
	}
	return 1;
}

/*
 * One run with a migration at the instruction at `address`, and before that an interruption at `before`, unless 0: it
 * makes the kernel forget a section that hasn't begun yet. Returns 1 if the thread was migrated, 0 if it didn't come
 * by, or a negative number and the problem.
 */
static int migrate_at(size_t operation, uintptr_t before, uintptr_t address, const char **problem)
{
	int64_t first;
	int there = 1;
	pid_t pid = fork();

	if (pid == 0)
		operate(operation);
	*problem = "the child didn't stop";
	if (pid < 0 || stop_signal(pid, false) != SIGSTOP)
		return -1;
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
		if (peek(pid, cpus[0]) != first)
			return -2;
		*problem = "not done exactly once";
		if (first + peek(pid, cpus[1]) != 1)
			return -3;
	}
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return there;
}

/* Where this program was loaded: 0 unless position-independent. */
static int load_address(struct dl_phdr_info *info, size_t size, void *address)
{
	(void)size;
	*(uintptr_t *)address = info->dlpi_addr;
	return 1; /* the program itself comes first */
}

/* The addresses of the operation's instructions; how many there are. */
static int instructions_of(size_t operation, uintptr_t *addresses, int most)
{
	char command[160], line[256], header[64];
	uintptr_t base = 0;
	bool inside = false;
	FILE *listing;
	int count = 0;

	snprintf(header, sizeof(header), "<%s>:", operations[operation].name);
	snprintf(command, sizeof(command), "objdump -d --no-show-raw-insn -j .text /proc/%d/exe", (int)getpid());
	dl_iterate_phdr(load_address, &base);
	listing = popen(command, "r");
	assert_non_null(listing);
	while (fgets(line, sizeof(line), listing) != NULL) {
		char *end;
		uintptr_t address = (uintptr_t)strtoul(line, &end, 16);

		if (strchr(line, '<') != NULL && strstr(line, ">:") != NULL)
			inside = strstr(line, header) != NULL;
		if (inside && end != line && *end == ':' && count < most)
			addresses[count++] = base + address;
	}
	assert_int_equal(pclose(listing), 0);
	return count;
}

/* The operation, migrated at each instruction, after an interruption at none and at each of those before it. */
static int at_every_instruction(size_t operation)
{
	uintptr_t addresses[64];
	int count = instructions_of(operation, addresses, 64), executed = 0;

	for (int i = 0; i < count; i++) {
		for (int before = -1; before < i; before++) {
			const char *problem;
			int r = migrate_at(operation, before < 0 ? 0 : addresses[before], addresses[i], &problem);

			if (r < 0)
				fail_msg("%s: at instruction %d, interrupted at %d: %s", operations[operation].name, i, before,
					 problem);
			executed += before < 0 ? r : 0;
		}
	}
	return executed;
}

static void migrated_at_every_instruction(void **state)
{
	struct rk_percpu_options options = {.item_size = sizeof(int64_t)};
	struct rk_percpu *pool;
	cpu_set_t allowed;
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
	assert_int_equal(rk_percpu_create(&pool, &options), 0);
	assert_int_equal(rk_percpu_alloc(pool, &item), 0);
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
