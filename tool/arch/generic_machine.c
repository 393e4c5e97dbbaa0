/* SPDX-License-Identifier: MIT */
/* generic_machine.c - for a machine without a file of its own: there is no work on stopped threads. */
#include "machine.h"

const bool machine_has_port = false;
const uint8_t machine_trap[TRAP_MAX] = {0};
const uint8_t machine_trap_size = 1, machine_trap_moves = 0;
const uint8_t machine_long_trap[TRAP_MAX] = {0}, machine_long_trap_size = 0, machine_pushes_flags = 0;
const int machine_stack = 0, machine_count = 0, machine_arguments[2] = {0, 0};
const bool machine_local_below = false;

bool machine_read(pid_t tid, struct machine_registers *registers)
{
	(void)tid;
	(void)registers;
	return false;
}

bool machine_set_ip(pid_t tid, uint64_t ip)
{
	(void)tid;
	(void)ip;
	return false;
}

void machine_restart(pid_t tid)
{
	(void)tid;
}
