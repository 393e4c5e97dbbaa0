/* SPDX-License-Identifier: MIT */
/*
 * Tests a writer of a reader-writer lock that is interrupted twice. At one instruction of the writer, a handler begins a
 * read section. At a later instruction, a handler forks. The test tries each pair of such instructions. The child keeps
 * the read section and continues the writer's operation. While the read section lasts, the writer must never get the
 * lock, neither in the parent nor in the child.
 *
 * The thread steps through itself, because a tracer would take too long.
 */
#include "test.h"

#define INSTRUCTIONS_MAX 1500
#define FORKS_MAX 100 /* a fork is tried at no more than this many instructions after the start of the read section */

#ifdef __x86_64__
#include <ucontext.h>

#define TRAP_FLAG 0x100

enum ending { WELL, NO_SUCH_INSTRUCTION = 100 };

static struct rk_rwlock *lock;
static struct rk_rwlock_section *section;
static int instruction, begins_at;
static bool stepping, reads, in_a_child, written;

/*
 * Returns true if the next instruction is a system call that can block signals. A trap while SIGTRAP is blocked would end the
 * process.
 */
static bool blocks_signals(const greg_t *registers)
{
	const unsigned char *code = (const unsigned char *)registers[REG_RIP];

	return code[0] == 0x0f && code[1] == 0x05 && registers[REG_RAX] == SYS_rt_sigprocmask;
}

static void on_trap(int signo, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	pid_t pid;

	(void)signo, (void)info;
	if (!stepping) {
		stepping = true;
		registers[REG_EFL] |= TRAP_FLAG;
		return;
	}
	instruction++;
	if (written || blocks_signals(registers)) {
		registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
		return;
	}
	if (instruction == begins_at)
		reads = rk_rwlock_read_lock_try(lock, &section) == 0;
	if (instruction <= begins_at || !reads || instruction > begins_at + FORKS_MAX)
		return;
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid != 0) {
		CHECK(exit_status_of(pid) == 0);
		return;
	}
	in_a_child = true;
	section = rk_rwlock_read_keep(lock, section);
	registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

static int write_interrupted(int at)
{
	const struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
	int r;

	begins_at = at;
	CHECK(rk_rwlock_create(&lock, 0) == 0 && rk_rwlock_write_lock_try(lock) == 0 && rk_rwlock_write_unlock(lock) == 0);
	CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
	raise(SIGTRAP);
	r = rk_rwlock_write_lock_try(lock);
	written = true;
	CHECK(r == 0 || r == -EBUSY);
	if (reads) {
		CHECK(r == -EBUSY);
		rk_rwlock_read_unlock(lock, section);
		CHECK(rk_rwlock_write_lock_try(lock) == 0);
	}
	CHECK(in_a_child || r == 0 || reads);
	return instruction < begins_at ? NO_SUCH_INSTRUCTION : WELL;
}

static void kept_by_a_child(void **state)
{
	int stride = 1 + (int)SLOWNESS() / 2, at, ending = WELL;

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime takes too many steps");
	for (at = 1; at < INSTRUCTIONS_MAX && ending == WELL; at += stride)
		ending = in_child_with(write_interrupted, at);
	printf("# %d instructions, one in %d\n", at, stride);
	assert_int_equal(ending, NO_SUCH_INSTRUCTION);
}
#else
static void kept_by_a_child(void **state)
{
	(void)state;
	SKIP("threads step through themselves on x86-64 only");
}
#endif

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(kept_by_a_child),
};

RUN(tests)
