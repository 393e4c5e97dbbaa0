/* SPDX-License-Identifier: MIT */
/*
 * instance.h - creates an instance of tracefs, which is a trace of this tool's own in the kernel, with only the events that the
 * tool needs.
 *
 * An instance has its own buffers and its own events, so other users of tracing notice nothing. The invariant: a living run of
 * this tool has a file of its instance open, and the kernel doesn't remove such an instance. If the tool is killed, the kernel
 * closes the file, and a later run removes the instance. This works in all namespaces. The instance's name has this process's id
 * and start time, which only people read.
 */
#ifndef RK_TOOL_TRACE_INSTANCE_H
#define RK_TOOL_TRACE_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct instance {
	int instances; /* the folder of all instances */
	int folder;    /* the folder of this instance */
	int held;      /* an open file of this instance, so that no other run removes the instance */
	char name[64]; /* the instance's name; "" if there is no instance */
	size_t cpu_count;
	int *cpus;     /* the numbers of the possible CPUs */
	int *pipes;    /* trace_pipe_raw of each CPU; -1 if it can't be opened */
};

/* How many events the kernel lost, by its own statistics. */
struct instance_losses {
	uint64_t events;
	bool known; /* the kernel's statistics could be read for each CPU */
};

/*
 * Creates an instance in which no event is enabled yet. The buffer of each CPU has `buffer_kb` KiB; 0 means a size that depends
 * on the number of CPUs. If this fails, prints why and returns false.
 */
bool instance_create(struct instance *instance, int root, uint64_t buffer_kb);

/*
 * Limits the events to these processes, and to the processes that they start from now on. If that fails, prints why and returns
 * false.
 */
bool instance_limit(struct instance *instance, const pid_t *pids, size_t count);

/* Enables an event, such as "rseq/rseq_ip_fixup". Returns 0, or an error number. */
int instance_enable(struct instance *instance, const char *event);

/* Disables all events of the instance. Events that are already in its buffers stay there. */
void instance_stop(struct instance *instance);

/* Adds up the kernel's statistics of all CPUs. */
void instance_losses(const struct instance *instance, struct instance_losses *losses);

/*
 * Closes the instance's files and removes the instance. If the kernel refuses, prints why. The kernel refuses while another
 * process has one of these files open, so don't let a child process inherit them.
 */
void instance_remove(struct instance *instance);

#endif /* RK_TOOL_TRACE_INSTANCE_H */
