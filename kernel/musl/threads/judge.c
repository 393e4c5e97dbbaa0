/* SPDX-License-Identifier: MIT */
/* judge.c - checks whether the calling thread is registered, at the right place and in the right way. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/vdso.h"
#include "checks.h"

struct area {
	uint32_t cpu_id_start, cpu_id;
};

struct layout {
	uint32_t size, alignment;
	uint64_t rseq_offset;
};

/* The program's own TLS, which the blob must not overwrite. */
static _Thread_local _Alignas(256) volatile unsigned char beside[300] = { [0] = 1, [299] = 2 };

static uint32_t (*vdso_tid)(long offset);
static long blob_offset;

static char *thread_pointer(void)
{
	char *pointer;

	__asm__("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

static struct area *area(void)
{
	return (struct area *)(thread_pointer() + __rseq_offset);
}

static pid_t thread_id(void)
{
	return syscall(SYS_gettid);
}

/* Looks for KTLS in the kernel's vDSO. */
void look_at_kernel(bool with_blob)
{
	struct layout layout;

	*(void **)&vdso_tid = rk_vdso_find("__vdso_rseq_ktls_tid");
	if (with_blob && vdso_tid && syscall(SYS_rseq, &layout, sizeof(layout), FLAG_KTLS, KTLS_GET_LAYOUT) == 0)
		blob_offset = __rseq_offset - (long)layout.rseq_offset;
}

bool has_ktls(void)
{
	return vdso_tid != NULL;
}

static int probe(void *address)
{
	return syscall(SYS_rseq, address, __rseq_size, FLAG_UNREGISTER, SIGNATURE + 1) == 0 ? 0 : errno;
}

/* Returns a fault of the calling thread as text, or NULL. This function is async-signal-safe. */
const char *wrong_here(void)
{
	volatile struct area *mine = area();
	unsigned int cpu;
	uint32_t seen;

	if (!vdso_tid)
		return __rseq_size || __rseq_offset ? "size and offset are there without KTLS" : NULL;
	if (!__rseq_size)
		return "__rseq_size is 0";
	if (vdso_tid(blob_offset) != (uint32_t)thread_id())
		return "the thread id is another one";
	do {
		seen = mine->cpu_id;
		syscall(SYS_getcpu, &cpu, NULL, NULL);
	} while (seen != mine->cpu_id);
	if (seen != cpu || mine->cpu_id_start != mine->cpu_id)
		return "the CPU is another one";
	if (probe(area()) != EPERM)
		return "the kernel does not know the area";
	if (probe((char *)area() + 64) != EINVAL)
		return "the kernel knows another area";
	return NULL;
}

/* Checks on each CPU what wrong_here() checks, and then checks the TLS next to the blob. */
const char *wrong(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const char *what = wrong_here();
	cpu_set_t set, all;

	sched_getaffinity(0, sizeof(all), &all);
	for (long cpu = 0; cpu < cpus && !what; cpu++) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
		what = wrong_here();
		if (!what && vdso_tid && *(volatile uint32_t *)&area()->cpu_id != cpu)
			what = "the CPU is not the one to which the thread was moved";
	}
	sched_setaffinity(0, sizeof(all), &all);
	if (!what && (beside[0] != 1 || beside[299] != 2 || beside[150] != 0))
		what = "other thread-local data changed";
	return what;
}

static const char *volatile first_wrong;	/* a fault of a thread that isn't joined */
static int checked;

void note(const char *what)
{
	if (what)
		first_wrong = what;
	__atomic_add_fetch(&checked, 1, __ATOMIC_SEQ_CST);
}

int looked(void)
{
	return __atomic_load_n(&checked, __ATOMIC_SEQ_CST);
}

const char *noted_any(void)
{
	return first_wrong;
}

const char *noted(int wanted)
{
	if (!first_wrong && looked() != wanted)
		return "not all threads ran";
	return first_wrong;
}

void forget(void)
{
	first_wrong = NULL;
	checked = 0;
}

void *thread(void *unused)
{
	return (void *)wrong();
}

const char *in_thread(const pthread_attr_t *attributes, void *(*function)(void *))
{
	pthread_t id;
	void *what;

	if (pthread_create(&id, attributes, function, NULL))
		return "no thread";
	pthread_join(id, &what);
	return what;
}

/* Waits until only the calling thread is left. */
void wait_for_ends(void)
{
	for (int threads = 2; threads > 1;) {
		DIR *tasks = opendir("/proc/self/task");
		struct dirent *entry;

		threads = 0;
		while (tasks && (entry = readdir(tasks)))
			threads += entry->d_name[0] != '.';
		if (tasks)
			closedir(tasks);
		usleep(1000);
	}
}
