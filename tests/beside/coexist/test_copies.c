/* SPDX-License-Identifier: MIT */
/*
 * test_copies.c - tests several copies of the library in one process. Two copies are hidden in modules, one is the shared
 * library. The test opens them by dlopen(), with RTLD_LOCAL or RTLD_GLOBAL, or in another namespace.
 *
 * Each thread has one registration, which the kernel confirms. All copies use one area, and every copy's counters are exact. The
 * program itself contains no copy, so the test chooses the order in which copies are loaded.
 */
#define _GNU_SOURCE
#include "test.h"
#include <rseqkit/detail/agreement.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/time.h>
#include "load.h"

/*
 * Returns the name of a module. Modules 0 and 1 contain a hidden copy each, module 2 links to the shared library. The releases
 * of the copies can differ.
 */
static const char *module(int which)
{
	static const char *const variables[] = {"COPY_A", "COPY_B", "COPY_SHARED"};

	return getenv(variables[which]);
}

static bool refused; /* true: another component registered the thread first */

static bool has_rseq(void)
{
	const char *world = getenv("WORLD");

	return !refused && (strcmp(world, "libc") == 0 || strcmp(world, "self") == 0);
}

static const struct copy *copies[8];
static struct rk_counter *counters[8];
static int ncopies;
static int64_t handled;

/* Checks in every thread that all copies see one area, and that the kernel has this area registered. */
static void check_thread(void)
{
	const volatile struct rk_area *area = NULL;
	struct rk_process_info info;

	for (int i = 0; i < ncopies; i++) {
		int r = copies[i]->prepare();

		CHECK(has_rseq() ? r == 0 : r < 0);
		if (i == 0)
			area = copies[i]->area();
		CHECK(copies[i]->area() == area);
		CHECK(copies[i]->query(&info, sizeof(info)) == 0);
		if (has_rseq())
			CHECK(kernel_says_registered(area, info.length));
	}
}

static void *work(void *arg)
{
	(void)arg;
	for (int round = 0; round < 200; round++)
		for (int i = 0; i < ncopies; i++)
			copies[i]->add(counters[i], 1);
	check_thread();
	return NULL;
}

static void on_alarm(int signo)
{
	int which = (int)(__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED) % ncopies);

	(void)signo;
	CHECK(copies[which]->reg() == 0 || !has_rseq());
	copies[which]->add(counters[which], 1000000);
	(void)copies[which]->unreg();
}

static void storm(long microseconds)
{
	struct itimerval interval = {{0, microseconds}, {0, microseconds}};

	setitimer(ITIMER_REAL, &interval, NULL);
}

/* Runs thousands of threads, a few at a time, while a timer sends signals. Each copy's counter must be exact. */
static void thousands_of_threads(int threads)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	int64_t sum = 0;

	sigaction(SIGALRM, &action, NULL);
	storm(200);
	for (int i = 0; i < threads; i += 8) {
		pthread_t batch[8];

		for (int k = 0; k < 8; k++)
			CHECK(pthread_create(&batch[k], NULL, work, NULL) == 0);
		for (int k = 0; k < 8; k++)
			pthread_join(batch[k], NULL);
	}
	storm(0);
	signal(SIGALRM, SIG_IGN);
	for (int i = 0; i < ncopies; i++) {
		CHECK(copies[i]->sum(counters[i]) % 1000000 == 200 * (threads / 8 * 8) % 1000000);
		sum += copies[i]->sum(counters[i]);
	}
	CHECK(sum == 1000000 * handled + (int64_t)ncopies * 200 * (threads / 8 * 8));
}

static void load_copy(const char *module, enum way way)
{
	void *handle;

	copies[ncopies] = load_copy_of_rseqkit(module, way, &handle);
	CHECK(copies[ncopies] != NULL);
	CHECK(copies[ncopies]->create(&counters[ncopies]) == 0);
	ncopies++;
}

static int some_order(int order)
{
	alarm(0);
	/* These are all six orders of three modules. The modules alternate between LOCAL and GLOBAL. */
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (int i = 0; i < 3; i++)
		load_copy(module(orders[order][i]), (enum way)((order + i) % 2));
	check_thread();
	/* A namespace has its own copies of the library and of the libc. It can't have its own sanitizer runtime. */
	if (!SANITIZED)
		load_copy(module(order % 2), NAMESPACE);
	thousands_of_threads((int)ROUNDS(1600));
	return 0;
}

static void any_order(void **state)
{
	(void)state;
	for (int order = 0; order < 6; order++)
		assert_int_equal(in_child_with(some_order, order), 0);
}

/*
 * A copy's thread block is TLS with the thread's state, such as its count of users. If the area is in the block of one copy, all
 * copies share this block. If the area is the libc's, each copy has its own block, and so its own count.
 */
static int counts(int unused)
{
	struct rk_process_info info;
	uint32_t shared;

	(void)unused;
	load_copy(module(0), LOCAL);
	load_copy(module(1), LOCAL);
	CHECK(copies[0]->query(&info, sizeof(info)) == 0);
	shared = !info.libc_area || getenv("RSEQKIT_AREA") != NULL;
	CHECK(copies[0]->reg() == 0);
	CHECK(copies[0]->users() == 1);
	CHECK(copies[1]->users() == shared);
	CHECK(copies[1]->reg() == 0);
	CHECK(copies[0]->users() == 1 + shared);
	CHECK(copies[0]->unreg() == 0);
	CHECK(copies[1]->unreg() == 0);
	CHECK(copies[0]->users() == 0 && copies[1]->users() == 0);
	CHECK(copies[0]->unreg() == -EINVAL && copies[1]->unreg() == -EINVAL);
	/* Between one copy's rk_vfork_begin() and rk_vfork_end(), another copy that shares its block registers no thread. */
	CHECK(copies[0]->vfork_begin() == 0);
	CHECK(copies[0]->owner() == RK_OWNER_NONE && copies[1]->owner() == RK_OWNER_NONE);
	if (shared)
		CHECK(copies[1]->prepare() == -EAGAIN && !kernel_says_any());
	CHECK(copies[0]->vfork_end() == 0);
	check_thread();
	return 0;
}

static void explicit_users(void **state)
{
	(void)state;
	if (!has_rseq())
		SKIP("nothing to count without rseq");
	assert_int_equal(in_child_with(counts, 0), 0);
}

static pthread_barrier_t barrier;

static void *load_at_once(void *arg)
{
	size_t which = (size_t)(uintptr_t)arg;
	void *handle;
	const struct copy *copy;

	pthread_barrier_wait(&barrier);
	copy = load_copy_of_rseqkit(module((int)(which % 2)), LOCAL, &handle);
	CHECK(copy != NULL);
	CHECK(has_rseq() ? copy->prepare() == 0 : copy->prepare() < 0);
	__atomic_store_n(&copies[which], copy, __ATOMIC_RELEASE);
	return NULL;
}

static int all_at_once(int unused)
{
	pthread_t thread[8];

	(void)unused;
	pthread_barrier_init(&barrier, NULL, 8);
	for (size_t i = 0; i < 8; i++)
		CHECK(pthread_create(&thread[i], NULL, load_at_once, (void *)i) == 0);
	for (int i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	ncopies = 2;
	check_thread();
	return 0;
}

static void eight_threads_load_copies(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(in_child_with(all_at_once, 0), 0);
}

/*
 * Unloads a plugin that contains a copy. The threads that the copy registered continue. While the plugin is unloaded, they
 * sleep, and can have rseq_cs set.
 */
static void *sleeper(void *arg)
{
	copies[0]->add(counters[0], 1);
	pthread_barrier_wait(arg);
	pthread_barrier_wait(arg);
	usleep(1000);
	return NULL;
}

static int unloaded(int unused)
{
	pthread_barrier_t b;
	pthread_t thread[4];
	void *handle;

	(void)unused;
	pthread_barrier_init(&b, NULL, 5);
	copies[0] = load_copy_of_rseqkit(module(0), LOCAL, &handle);
	CHECK(copies[0] != NULL && copies[0]->create(&counters[0]) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&thread[i], NULL, sleeper, &b) == 0);
	pthread_barrier_wait(&b);
	for (int i = 0; i < 1000; i++)
		copies[0]->add(counters[0], 1);
	CHECK(dlclose(handle) == 0);
	pthread_barrier_wait(&b);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	usleep(2000);
	ncopies = 0;
	load_copy(module(1), LOCAL);
	check_thread();
	return 0;
}

static void unloading_is_harmless(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(in_child_with(unloaded, 0), 0);
}

/* A foreign page is at the fixed address at which copies agree. A copy reports this as the reason, and uses the fallback. */
static int address_taken(int protection)
{
	void *page = mmap((void *)RK_RENDEZVOUS_ADDRESS, 4096, protection,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(page == (void *)RK_RENDEZVOUS_ADDRESS);
	load_copy(module(0), LOCAL);
	CHECK(copies[0]->prepare() == -EADDRINUSE);
	CHECK(copies[0]->reason() == RK_REASON_RENDEZVOUS);
	CHECK(!kernel_says_any());
	copies[0]->add(counters[0], 7);
	CHECK(copies[0]->sum(counters[0]) == 7);
	return 0;
}

/*
 * The page at which copies agree (the rendezvous page) needs a memory file. Writing a file larger than RLIMIT_FSIZE would kill
 * the process by a signal, so the copy must not write the file, and must use the fallback.
 */
static int no_files(int limit)
{
	struct rlimit most = {(rlim_t)limit, (rlim_t)limit};

	CHECK(setrlimit(RLIMIT_FSIZE, &most) == 0);
	load_copy(module(0), LOCAL);
	CHECK(copies[0]->prepare() == -EADDRINUSE);
	CHECK(copies[0]->reason() == RK_REASON_RENDEZVOUS);
	copies[0]->add(counters[0], 7);
	CHECK(copies[0]->sum(counters[0]) == 7);
	return 0;
}

static void rendezvous_taken(void **state)
{
	(void)state;
	if (strcmp(getenv("WORLD"), "self") != 0 || strcmp(getenv("LIBC_AREA"), "false") != 0)
		SKIP("no rendezvous where the libc has an area");
	if (kernel_says_any())
		SKIP("a preloaded copy came first");
	assert_int_equal(in_child_with(address_taken, PROT_READ), 0);
	assert_int_equal(in_child_with(address_taken, PROT_NONE), 0);
	assert_int_equal(in_child_with(no_files, 0), 0);
	assert_int_equal(in_child_with(no_files, 20), 0);
}

static __thread char private_area[32] __attribute__((__aligned__(32)));

/* How another component registered this thread first: on a private area, or on the libc's with another signature or length. */
enum foreign { PRIVATE, OTHER_SIGNATURE, OTHER_LENGTH };

struct registration {
	void *area;
	uint32_t length, signature;
};

static struct registration register_foreign(enum foreign how)
{
	char *libc_area = rk_thread_pointer() + __rseq_offset;
	struct registration r = {how == PRIVATE ? private_area : libc_area, how == OTHER_LENGTH ? 64 : 32,
				 how == OTHER_SIGNATURE ? 0x12345678 : RK_SIGNATURE};

	if (syscall(quiet_rseq(), r.area, r.length, 0, r.signature) == 0)
		return r;
	/*
	 * Some kernels accept this length only with a stricter alignment. On such a kernel, let the libc's area look registered,
	 * and register a private area.
	 */
	CHECK(how == OTHER_LENGTH && errno == EINVAL);
	memset(libc_area, 0, 32);
	return register_foreign(PRIVATE);
}

/* Another component has registered the initial thread, so no copy registers a thread in this process. */
static int foreign_first(int how)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct registration its = register_foreign((enum foreign)how);

	refused = true;
	load_copy(module(0), LOCAL);
	load_copy(module(2), LOCAL);
	for (int i = 0; i < ncopies; i++) {
		CHECK(copies[i]->prepare() < 0);
		CHECK(copies[i]->owner() == RK_OWNER_FOREIGN);
		CHECK(copies[i]->reason() == (how == OTHER_SIGNATURE ? RK_REASON_SIGNATURE : RK_REASON_FOREIGN));
	}
	sigaction(SIGALRM, &action, NULL);
	handled = 0;
	storm(50);
	for (int i = 0; i < 3000000; i++)
		copies[i % 2]->add(counters[i % 2], 1);
	storm(0);
	CHECK(copies[0]->sum(counters[0]) + copies[1]->sum(counters[1]) == 3000000 + 1000000 * handled);
	/* The foreign registration is untouched. */
	CHECK(syscall(quiet_rseq(), its.area, its.length, 0, its.signature) == -1 && errno == EBUSY);
	return 0;
}

static void foreign_registrations(void **state)
{
	(void)state;
	if (kernel_says_any())
		SKIP("the libc, or a preloaded copy, has registered this thread");
	assert_int_equal(in_child_with(foreign_first, PRIVATE), 0);
	if (strcmp(getenv("LIBC_AREA"), "true") != 0)
		return;
	assert_int_equal(in_child_with(foreign_first, OTHER_SIGNATURE), 0);
	assert_int_equal(in_child_with(foreign_first, OTHER_LENGTH), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(any_order),
	cmocka_unit_test(explicit_users),
	cmocka_unit_test(eight_threads_load_copies),
	cmocka_unit_test(unloading_is_harmless),
	cmocka_unit_test(rendezvous_taken),
	cmocka_unit_test(foreign_registrations),
};

RUN(tests)
