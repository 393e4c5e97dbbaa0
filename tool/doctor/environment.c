/* SPDX-License-Identifier: MIT */
/*
 * environment.c - finds why rseq isn't available, by what `rseqkit doctor` can see in its own process and in /proc.
 *
 * The doctor names a cause only if the facts exclude all other causes. For example, it names a seccomp filter if one is in force
 * and the kernel announces rseq, but the system call fails. It names an emulator if the emulator's own files are mapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <rseqkit/embed.h>
#include "common/maps.h"
#include "common/output.h"
#include "common/self.h"
#include "common/tunables.h"
#include "doctor.h"

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27 /* include/uapi/linux/auxvec.h */
#endif

/*
 * Does says_so() return true for one of the mapped files? says_so() gets the last folder of the file's path, and the file's name.
 */
static bool is_mapped(bool (*says_so)(const char *folder, const char *name))
{
	char *maps = maps_read(0), path[PATH_MAX];
	const char *text = maps;
	bool found = false;
	struct map map;

	while (!found && maps_next(&text, &map)) {
		char *name = maps_path(&map, path, sizeof(path)) ? strrchr(path, '/') : NULL, *folder;

		if (name == NULL)
			continue;
		*name++ = '\0';
		folder = strrchr(path, '/');
		found = says_so(folder != NULL ? folder + 1 : path, name);
	}
	free(maps);
	return found;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with)
{
	size_t length = strlen(text), tail = strlen(with);

	return length >= tail && strcmp(text + length - tail, with) == 0;
}

static int seccomp_mode(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char *line = NULL;
	size_t room = 0;
	int mode = -1;

	if (file == NULL)
		return -1;
	while (mode < 0 && getline(&line, &room, file) > 0)
		(void)sscanf(line, "Seccomp: %d", &mode);
	free(line);
	fclose(file);
	return mode;
}

static bool is_qemus(const char *folder, const char *name)
{
	(void)folder;
	return begins(name, "qemu-") || begins(name, "qemu_");
}

/*
 * Does this process run under qemu? The kernel names a process after the executed file. Under `qemu-ARCH PROGRAM` this file
 * is the emulator.
 */
static bool under_qemu(void)
{
	char name[32] = "";
	FILE *file = fopen("/proc/self/comm", "re");

	if (file != NULL) {
		(void)!fgets(name, sizeof(name), file);
		fclose(file);
	}
	return is_qemus("", name) || is_mapped(is_qemus);
}

/* Is the file an object that valgrind preloads, or one of valgrind's tools, such as memcheck-amd64-linux? */
static bool is_valgrinds(const char *folder, const char *name)
{
	return begins(name, "vgpreload_") || (strcmp(folder, "valgrind") == 0 && ends(name, "-linux"));
}

/* Valgrind maps its preloaded objects and its own program into the process. */
static bool under_valgrind(void)
{
	return is_mapped(is_valgrinds);
}

static enum doctor_cause cause_of_refusal(const struct doctor_facts *facts)
{
	bool filter = facts->seccomp > 0;

	if (under_valgrind())
		return CAUSE_VALGRIND;
	if (under_qemu())
		return CAUSE_QEMU;
	if (facts->rseq_error == ENOSYS && !facts->announced)
		return facts->seccomp == 0 ? CAUSE_KERNEL : CAUSE_UNKNOWN; /* a filter in force can also be the cause */
	if (facts->rseq_error > 0 && filter)
		return CAUSE_SECCOMP;
	if (facts->rseq_error == ENOSYS && facts->seccomp == 0)
		return CAUSE_EMULATOR;
	return CAUSE_UNKNOWN;
}

/*
 * `reason` is a number, because an older library may lack a name for the reason. Reasons that aren't in this table have no
 * known cause.
 */
static const struct {
	int reason;
	enum doctor_cause cause;
} causes[] = {
	{RK_REASON_NONE, CAUSE_NONE},
	{RK_REASON_FOREIGN, CAUSE_FOREIGN},
	{RK_REASON_SIGNATURE, CAUSE_SIGNATURE},
	{RK_REASON_NO_PORT, CAUSE_NO_PORT},
	{RK_REASON_STRANGER, CAUSE_STRANGER},
	{RK_REASON_TOLD, CAUSE_TOLD},
};

/*
 * Did the library take a seccomp filter for a component with a private area? This happens if the filter returns EINVAL, as the
 * kernel does if the thread is registered with another area.
 */
static bool is_filters_foreigner(const struct doctor_facts *facts)
{
	return facts->reason == RK_REASON_FOREIGN && facts->rseq_error > 0 && facts->seccomp > 0;
}

static enum doctor_cause find_cause(const struct doctor_facts *facts)
{
	if (is_filters_foreigner(facts))
		return CAUSE_SECCOMP;
	if (facts->reason == RK_REASON_NO_KERNEL || facts->reason == RK_REASON_BLOCKED)
		return cause_of_refusal(facts);
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (causes[i].reason == (int)facts->reason)
			return causes[i].cause;
	return CAUSE_UNKNOWN;
}

/*
 * Returns the last number in the kernel's list of possible CPUs, such as "0-3,8", which is the highest; -1 if the list can't be
 * read. Stores the list in shown[size].
 */
static int highest_listed(char *shown, size_t size)
{
	int fd = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC | O_NONBLOCK), highest = -1;
	char list[4096];
	ssize_t length;

	if (fd < 0)
		return -1;
	length = pread(fd, list, sizeof(list) - 1, 0); /* by the call that the library makes, which a filter can refuse */
	close(fd);
	list[length > 0 ? length : 0] = '\0';
	copy_printable(shown, size, list);
	for (const char *at = list; *at != '\0'; at += strcspn(at, "-,"), at += *at != '\0')
		if (sscanf(at, "%d", &highest) != 1)
			return -1;
	return highest;
}

/* Asks the kernel whether it has KTLS. The answer is unknown if a filter refuses the system call. */
static enum answer look_for_ktls(struct rk_ktls_layout *layout)
{
	int r = rk_ktls_query_kernel(layout, sizeof(*layout));

	return r == 0 || r == -E2BIG || r == -ENOTSUP ? ANSWER_YES : r == -ENXIO ? ANSWER_NO : ANSWER_UNKNOWN;
}

void doctor_look_around(struct doctor_facts *facts)
{
	const ptrdiff_t *libc_offset; /* NULL if the libc has no area */

	facts->cpus_listed = highest_listed(facts->cpu_list, sizeof(facts->cpu_list)) == facts->highest_cpu;
	facts->has_proc = self_has_proc();
	facts->announced = getauxval(AT_RSEQ_FEATURE_SIZE) != 0;
	facts->seccomp = seccomp_mode();
	facts->tunable = tunables_say_off(getenv("GLIBC_TUNABLES"), false) && facts->process.libc_area &&
			 !facts->process.libc_registers;
	RKE_ADDRESS_OF(__rseq_offset, libc_offset);
	facts->own_area = facts->owner == RK_OWNER_SELF && facts->process.libc_area && libc_offset != NULL &&
			  facts->process.offset != *libc_offset;
	facts->own_chosen = getenv("RSEQKIT_AREA") != NULL && strcmp(getenv("RSEQKIT_AREA"), "own") == 0;
	facts->ktls = look_for_ktls(&facts->ktls_layout);
	facts->cause = find_cause(facts);
	if (is_filters_foreigner(facts))
		facts->owner = RK_OWNER_NONE;
	if (is_filters_foreigner(facts) && strcmp(facts->fresh_owner, rk_owner_name(RK_OWNER_FOREIGN)) == 0)
		snprintf(facts->fresh_owner, sizeof(facts->fresh_owner), "%s", rk_owner_name(RK_OWNER_NONE));
	doctor_look_for_neighbours(&facts->neighbours);
}
