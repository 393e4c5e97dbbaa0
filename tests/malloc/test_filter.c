/* SPDX-License-Identifier: MIT */
/*
 * test_filter.c - uses the allocator in a sandbox, whose seccomp filter kills the process at each system call that the libc's
 * malloc doesn't make. A size class is all objects that the allocator rounds up to one size. Most size classes are used for the
 * first time in the sandbox.
 *
 * Each test runs in a child. Some tests need further system calls, and pass their numbers to enter_sandbox().
 */
#include "refuse.h"
#include <malloc.h>
#include <sys/mman.h>

#define THREADS 4

static void *volatile sink;

/* Allows the calls of the libc's malloc, and `more`. From now on, any other call by any thread kills the process. */
static void enter_sandbox(const int *more, int count)
{
	static const int usual[] = {SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_futex, SYS_exit_group};
	struct sock_filter code[2 + 2 * 32] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
	size_t length = 1;

	for (int i = 0; i < (int)(sizeof(usual) / sizeof(usual[0])) + count; i++) {
		int nr = i < count ? more[i] : usual[i - count];

		code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1);
		code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	install_filter(code, length, SECCOMP_FILTER_FLAG_TSYNC);
}

/* Uses each size class so often that it gets a cache, and the cache overflows. Checks each object's first and last byte. */
static int use_classes(unsigned seed)
{
	enum { LIVE = 600 };
	void **held = calloc(LIVE, sizeof(*held));

	CHECK(held != NULL);
	for (size_t size = 16; size <= 32768; size += (size + 127) / 128 * 16) {
		for (unsigned i = 0; i < LIVE; i++) {
			unsigned char *at = held[i] = malloc(size);

			CHECK(at != NULL);
			at[0] = at[size - 1] = (unsigned char)(i + seed);
		}
		for (unsigned i = 0; i < LIVE; i++) {
			unsigned char *at = held[(uint64_t)i * 379 % LIVE];

			CHECK(at[0] == (unsigned char)((uint64_t)i * 379 % LIVE + seed) && at[0] == at[size - 1]);
			free(at);
		}
	}
	free(held);
	return 0;
}

static int use_functions(void)
{
	char *at = NULL;

	for (size_t size = 1; size < (size_t)80 << 20; size = size * 5 / 2 + 7) {
		at = realloc(at, size);
		CHECK(at != NULL);
		at[0] = 'a';
		sink = calloc(1, size);
		CHECK(sink != NULL);
		free(sink);
		sink = aligned_alloc(size < 4096 ? 256 : 131072, size);
		CHECK(sink != NULL && malloc_usable_size(sink) >= size);
		free(sink);
	}
	for (size_t size = (size_t)60 << 20; size > 0; size /= 3) {
		at = realloc(at, size);
		CHECK(at != NULL && at[0] == 'a');
	}
	free(at);
	CHECK(malloc(PTRDIFF_MAX) == NULL && errno == ENOMEM);
	(void)mallinfo2();
	return 0;
}

/* The heap grows while caches hold free objects, so the allocator takes these objects. Then memory goes back to the system. */
static int grow_and_trim(void)
{
	enum { MANY = 200000 };
	void **held = malloc(MANY * sizeof(*held));

	CHECK(held != NULL);
	for (int round = 0; round < 3; round++) {
		size_t size = (size_t)100 << round;

		for (unsigned i = 0; i < MANY; i++)
			CHECK((held[i] = malloc(size)) != NULL);
		for (unsigned i = 0; i < MANY; i++)
			free(held[(uint64_t)i * 38699 % MANY]);
		(void)malloc_trim(0);
	}
	free(held);
	return 0;
}

static int in_one_thread(void)
{
	enter_sandbox(NULL, 0);
	return use_functions() + use_classes(0) + grow_and_trim();
}

static pthread_barrier_t barrier;

static void *work(void *seed)
{
	static unsigned char *handed[THREADS];
	unsigned number = (unsigned)(uintptr_t)seed;

	(void)pthread_barrier_wait(&barrier); /* after this barrier, the initial thread enters the sandbox */
	(void)pthread_barrier_wait(&barrier); /* at this barrier, all threads are in the sandbox */
	if (use_classes(number) != 0)
		return (void *)1;
	handed[number] = malloc(5000);
	(void)pthread_barrier_wait(&barrier);
	free(handed[(number + 1) % THREADS]);
	return grow_and_trim() == 0 ? NULL : (void *)1;
}

static int in_threads(void)
{
	static const int exits[] = {SYS_exit, SYS_rt_sigprocmask};
	pthread_t threads[THREADS - 1];
	void *result;
	int bad = 0;

	CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
	for (uintptr_t i = 0; i < THREADS - 1; i++)
		CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	(void)pthread_barrier_wait(&barrier);
	enter_sandbox(exits, 2);
	(void)pthread_barrier_wait(&barrier);
	bad += use_classes(THREADS - 1);
	(void)pthread_barrier_wait(&barrier);
	bad += grow_and_trim();
	for (int i = 0; i < THREADS - 1; i++) {
		CHECK(pthread_join(threads[i], &result) == 0);
		bad += result != NULL;
	}
	return bad;
}

static void *start_late(void *seed)
{
	return use_classes((unsigned)(uintptr_t)seed) == 0 ? NULL : (void *)1;
}

/*
 * pthread_create() needs these calls, also without the allocator. If this library registers threads, it also calls
 * get_robust_list(2) (rseqkit/thread.h).
 */
#define AT_STARTS                                                                                                      \
	SYS_clone3, SYS_clone, SYS_set_robust_list, SYS_rseq, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_mprotect, SYS_exit,   \
		strcmp(getenv("WORLD"), "self") == 0 ? SYS_get_robust_list : SYS_exit

static int in_late_threads(void)
{
	const int starts[] = {AT_STARTS};
	pthread_t threads[THREADS];
	void *result;
	int bad = 0;

	enter_sandbox(starts, sizeof(starts) / sizeof(starts[0]));
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, start_late, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_join(threads[i], &result) == 0);
		bad += result != NULL;
	}
	return bad;
}

/* Tests that children can allocate. When the parent forks them, it also has another thread. */
static int in_forks(void)
{
	const int forks[] = {AT_STARTS, SYS_wait4};
	pthread_t thread;
	int status, bad = 0;

	enter_sandbox(forks, sizeof(forks) / sizeof(forks[0]));
	for (int i = 0; i < 4; i++) {
		pid_t pid;

		CHECK(pthread_create(&thread, NULL, start_late, NULL) == 0);
		pid = fork();
		if (pid == 0)
			_exit(use_classes(3) + use_functions() + grow_and_trim());
		bad += pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
		CHECK(pthread_join(thread, NULL) == 0);
	}
	return bad;
}

#define IN_CHILD(name)                                                                                                 \
	static void name##_test(void **state)                                                                          \
	{                                                                                                              \
		(void)state;                                                                                           \
		assert_int_equal(in_child(name), 0);                                                                   \
	}
IN_CHILD(in_one_thread)
IN_CHILD(in_threads)
IN_CHILD(in_late_threads)
IN_CHILD(in_forks)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(in_one_thread_test),
	cmocka_unit_test(in_threads_test),
	cmocka_unit_test(in_late_threads_test),
	cmocka_unit_test(in_forks_test),
};

RUN(tests)
