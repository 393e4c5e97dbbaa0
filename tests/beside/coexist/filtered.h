/* SPDX-License-Identifier: MIT */
/*
 * filtered.h - checks the lists of system calls in rseqkit/thread.h. A situation is a function that uses the library. It runs
 * under a seccomp filter that kills the process at any system call outside the situation's lists. The test therefore fails if a
 * list lacks a call. The lists are copied from thread.h; each ends with -1.
 */
#ifndef FILTERED_H
#define FILTERED_H

#include "refuse.h"

static const int operating[] = {-1};
static const int claiming[] = {SYS_futex, SYS_mmap, SYS_madvise, SYS_munmap, SYS_gettid, SYS_getpid, SYS_get_robust_list,
			       SYS_clock_gettime, -1};

struct situation {
	const char *name;
	int (*run)(void);
	int ending;
};

/*
 * Makes a system call outside its list. If the filter didn't kill the process for this call, the other situations would prove
 * nothing.
 */
static int call_another(void)
{
	allow_only(operating, NULL, NULL, 0);
	(void)syscall(SYS_getpid);
	return 0;
}

#define ANOTHER_CALL {"another one", call_another, 128 + SIGSYS}

static void judge(const struct situation *situations, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int ending = in_child(situations[i].run);

		if (ending != situations[i].ending)
			fprintf(stderr, "# %s: ended with %d (%d: by another system call)\n", situations[i].name, ending,
				128 + SIGSYS);
		assert_int_equal(ending, situations[i].ending);
	}
}

#endif /* FILTERED_H */
