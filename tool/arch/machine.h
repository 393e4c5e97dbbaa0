/* SPDX-License-Identifier: MIT */
/*
 * machine.h - the work on a stopped thread that depends on the architecture. It reads registers, restarts system calls, and
 * describes the trap, which is the instruction of a breakpoint. NAME_machine.c has the definitions for one architecture.
 */
#ifndef RK_TOOL_ARCH_MACHINE_H
#define RK_TOOL_ARCH_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Does this architecture have a file of its own? Without one, the functions fail. */
extern const bool machine_has_port;

enum { TRAP_MAX = 4 };
extern const uint8_t machine_trap[TRAP_MAX]; /* the trap's bytes */
extern const uint8_t machine_trap_size;
extern const uint8_t machine_trap_moves;     /* after a trap, the instruction pointer is this many bytes after the trap's start */
extern const uint8_t machine_long_trap[TRAP_MAX]; /* another encoding of the trap, which a program can use */
extern const uint8_t machine_long_trap_size; /* 0: there is no other encoding */

/*
 * The code of the instruction that pushes the flags. In a single step it also pushes MACHINE_STEP_FLAG, which the program must
 * not see. 0: there is no such instruction.
 */
extern const uint8_t machine_pushes_flags;
enum { MACHINE_STEP_FLAG = 0x100 };

struct machine_registers {
	uint64_t general[32]; /* by the register's number in the encoding, see insn.h */
	uint64_t ip, thread;  /* the instruction pointer and the thread pointer */
};

extern const int machine_arguments[2]; /* numbers of the registers that have a function's first two arguments */
extern const bool machine_local_below; /* thread-local memory lies below the thread pointer, and not above it */
extern const int machine_count; /* the number of the register that counts the elements of a repeated store */
extern const int machine_stack; /* the number of the stack pointer */

bool machine_read(pid_t tid, struct machine_registers *registers);
bool machine_set_ip(pid_t tid, uint64_t ip);

/*
 * If the stop interrupted a system call that the kernel wouldn't restart by itself, makes the kernel restart the call, if the
 * architecture allows this.
 */
void machine_restart(pid_t tid);

/*
 * Finds the address of the thread's struct rseq, by PTRACE_GET_RSEQ_CONFIGURATION (include/uapi/linux/ptrace.h). Returns false
 * if the thread has no registration.
 */
bool machine_area(pid_t tid, uint64_t *area);

#endif /* RK_TOOL_ARCH_MACHINE_H */
