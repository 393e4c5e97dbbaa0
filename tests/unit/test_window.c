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

/*
 * One run with a migration at the instruction at `address`. 1 if that was executed, 0 if not, negative if something
 * went wrong.
 */
static int migrate_at(size_t operation, uintptr_t address, const char **problem)
{
	int64_t first, first_then;
	int signal;
	long text;
	struct user_regs_struct registers;
	pid_t pid = fork();

	if (pid == 0)
		operate(operation);
	*problem = "the child didn't stop";
	if (pid < 0 || stop_signal(pid, false) != SIGSTOP)
		return -1;
	text = ptrace(PTRACE_PEEKTEXT, pid, address, NULL);
	ptrace(PTRACE_POKETEXT, pid, address, (text & ~0xffL) | 0xcc);
	signal = stop_signal(pid, true);
	if (signal == SIGTRAP) {
		ptrace(PTRACE_POKETEXT, pid, address, text);
		ptrace(PTRACE_GETREGS, pid, NULL, &registers);
		/*
		 * The signal's delivery is suppressed; a section was aborted by the stop itself, and then ip is the
		 * handler's.
		 */
		if (registers.rip == address + 1) {
			registers.rip = address;
			ptrace(PTRACE_SETREGS, pid, NULL, &registers);
		}
		first = peek(pid, cpus[0]);
		pin(pid, cpus[1]);
		*problem = "the child didn't finish";
		if (stop_signal(pid, true) != SIGSTOP)
			return -1;
		first_then = peek(pid, cpus[0]);
		*problem = "a store to the slot of a CPU that the thread had left";
		if (first_then != first)
			return -2;
		*problem = "not done exactly once";
		if (first_then + peek(pid, cpus[1]) != 1)
			return -3;
	} else if (signal != SIGSTOP) {
		return -1;
	}
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return signal == SIGTRAP;
}

/* Where this program was loaded: 0 unless position-independent. */
static int load_address(struct dl_phdr_info *info, size_t size, void *address)
{
	(void)size;
	*(uintptr_t *)address = info->dlpi_addr;
	return 1; /* the program itself comes first */
}

/* Runs the operation once per instruction; the number of instructions that were executed. */
static int at_every_instruction(size_t operation)
{
	char command[160], line[256], path[64], header[64];
	uintptr_t base = 0;
	int executed = 0;
	bool inside = false;
	FILE *listing;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)getpid());
	snprintf(header, sizeof(header), "<%s>:", operations[operation].name);
	snprintf(command, sizeof(command), "objdump -d --no-show-raw-insn -j .text %s", path);
	dl_iterate_phdr(load_address, &base);
	listing = popen(command, "r");
	assert_non_null(listing);
	while (fgets(line, sizeof(line), listing) != NULL) {
		const char *problem;
		char *end;
		uintptr_t address;
		int r;

		if (strchr(line, '<') != NULL && strstr(line, ">:") != NULL)
			inside = strstr(line, header) != NULL;
		address = (uintptr_t)strtoul(line, &end, 16);
		if (!inside || end == line || *end != ':')
			continue;
		r = migrate_at(operation, base + address, &problem);
		if (r < 0) {
			pclose(listing);
			fail_msg("%s, at: %s", problem, line);
		}
		executed += r;
	}
	assert_int_equal(pclose(listing), 0);
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
