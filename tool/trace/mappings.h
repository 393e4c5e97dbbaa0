/* SPDX-License-Identifier: MIT */
/*
 * mappings.h - reads /proc/PID/maps of traced processes, and decides when to read it again. `process` is the number of a process
 * in tasks->processes.
 */
#ifndef RK_TOOL_TRACE_MAPPINGS_H
#define RK_TOOL_TRACE_MAPPINGS_H

#include "tasks.h"

/* Reads the list of a process's mappings, but at most about once a second. */
void mappings_refresh(struct tasks *tasks, uint32_t process);

/*
 * Returns the mapping that contains an address, or NULL. If the list doesn't have the address, the process may have loaded a
 * library, so the list is read again.
 */
const struct tasks_mapping *mappings_find(struct tasks *tasks, uint32_t process, uint64_t address);

#endif /* RK_TOOL_TRACE_MAPPINGS_H */
