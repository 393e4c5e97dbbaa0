/* SPDX-License-Identifier: MIT */
/* machine.h - a stopped thread's registers, and the instruction that stops a thread. */
#ifndef RK_TOOL_TORTURE_MACHINE_H
#define RK_TOOL_TORTURE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Can threads be stopped on this architecture? */
extern const bool machine_has_port;

enum { TRAP_MAX = 4 };
extern const uint8_t machine_trap[TRAP_MAX]; /* the instruction that stops */
extern const uint8_t machine_trap_size;
extern const uint8_t machine_trap_moves;     /* bytes from the trap to the instruction pointer of a stopped thread */
extern const uint8_t machine_long_trap[TRAP_MAX]; /* another encoding of the trap, which a program possibly uses */
extern const uint8_t machine_long_trap_size; /* 0: there is none */

/* The code of an instruction that stores the flag of a single step. The program must not see this flag. 0: there is none. */
extern const uint8_t machine_pushes_flags;
enum { MACHINE_STEP_FLAG = 0x100 };

struct machine_registers {
	uint64_t general[32]; /* in the order of the encoding, see tool/lint/insn.h */
	uint64_t ip, thread;
};

extern const int machine_arguments[2]; /* the registers of a function's first two arguments */
extern const bool machine_local_below; /* thread-local memory lies below the thread pointer, and not above it */
extern const int machine_count; /* the register that counts the elements of a repeated store */
extern const int machine_stack; /* the number of the stack pointer */

bool machine_read(pid_t tid, struct machine_registers *registers);
bool machine_set_ip(pid_t tid, uint64_t ip);

/*
 * Finds the thread's area, by `struct ptrace_rseq_configuration` of include/uapi/linux/ptrace.h. Returns false if the thread
 * has no registration.
 */
bool machine_area(pid_t tid, uint64_t *area);

#endif /* RK_TOOL_TORTURE_MACHINE_H */
