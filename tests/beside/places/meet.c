/* SPDX-License-Identifier: MIT */
/*
 * meet.c - tests several copies of the library in one process. No copy has decided yet which area it uses. Eight threads use the
 * copies at once, while a timer sends signals. A copy does nothing before the first operation of a thread or of a signal handler.
 * Each such meeting of copies has its own process.
 *
 * usage: meet registered|no-kernel MODULE...
 *
 * The first word is the expected result. Each module contains a copy of the library without constructors.
 */
#include "test.h"
#include <dlfcn.h>
#include <sys/time.h>
#include "../coexist/copy.h"

#define THREADS 8
#define ADDS 2000

static const struct copy *copies[4];
static struct rk_counter *counters[4];
static int ncopies;
static bool registered;
static int64_t handled;
static bool counting;
static pthread_barrier_t barrier;

static void load(const char *module)
{
	copy_function *function;
	void *handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL)
		fprintf(stderr, "# %s\n", dlerror());
	CHECK(handle != NULL);
	*(void **)&function = dlsym(handle, "copy_of_rseqkit");
	CHECK(function != NULL);
	copies[ncopies++] = function();
}

static void check_copy(const struct copy *copy)
{
	struct rk_process_info first, info;

	if (!registered) {
		CHECK(copy->prepare() == -ENOSYS);
		CHECK(copy->owner() == RK_OWNER_NONE && copy->reason() == RK_REASON_NO_KERNEL);
		CHECK(copy->area() == NULL);
		return;
	}
	CHECK(copy->prepare() == 0);
	CHECK(copy->owner() == RK_OWNER_SELF);
	CHECK(copy->query(&info, sizeof(info)) == 0 && copies[0]->query(&first, sizeof(first)) == 0);
	CHECK(!info.libc_area && info.offset == first.offset && info.length == first.length);
	CHECK(copy->area() == copies[0]->area());
	CHECK(kernel_says_registered(copy->area(), info.length));
}

/*
 * The first run of this handler can make the copies decide, at any instruction of the interrupted thread. The stack is
 * realigned, because qemu 7.2 enters handlers with a misaligned stack, on which compiled code can fault.
 */
__attribute__((__force_align_arg_pointer__)) static void on_alarm(int signo)
{
	int64_t which = __atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED) % ncopies;
	int before = errno;

	(void)signo;
	CHECK(copies[which]->reg() == (registered ? 0 : -ENOSYS));
	if (registered)
		CHECK(copies[which]->unreg() == 0);
	if (__atomic_load_n(&counting, __ATOMIC_ACQUIRE))
		copies[which]->add(counters[which], 1000000);
	else
		__atomic_fetch_sub(&handled, 1, __ATOMIC_RELAXED);
	/*
	 * ThreadSanitizer's runtime calls handlers late, from its own functions. Sometimes a handler then sees the runtime's
	 * errno at its end. In all other builds the library must keep errno.
	 */
	CHECK(errno == before || THREAD_SANITIZED);
}

static void *meet(void *arg)
{
	int mine = (int)((uintptr_t)arg % (uintptr_t)ncopies);

	pthread_barrier_wait(&barrier);
	check_copy(copies[mine]);
	for (int i = 0; i < ncopies; i++)
		check_copy(copies[i]);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (int round = 0; round < ADDS; round++)
		copies[(mine + round) % ncopies]->add(counters[(mine + round) % ncopies], 1);
	CHECK(copies[mine]->users() == 0);
	return NULL;
}

static void storm(long microseconds)
{
	struct itimerval interval = {{0, microseconds}, {0, microseconds}};

	setitimer(ITIMER_REAL, &interval, NULL);
}

static int meeting(int unused)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	pthread_t thread[THREADS];
	int64_t sum = 0;

	(void)unused;
	sigaction(SIGALRM, &action, NULL);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, meet, (void *)i) == 0);
	storm(200);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < ncopies; i++)
		CHECK(copies[i]->create(&counters[i]) == 0);
	__atomic_store_n(&counting, true, __ATOMIC_RELEASE);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	storm(0);
	signal(SIGALRM, SIG_IGN);
	for (int i = 0; i < ncopies; i++)
		sum += copies[i]->sum(counters[i]);
	/* The threads' adds are exact, and so are those of the handlers that counted. */
	CHECK(sum % 1000000 == THREADS * ADDS && sum / 1000000 == handled);
	return 0;
}

int main(int argc, char **argv)
{
	int64_t rounds = ROUNDS(100);

	if (argc < 4 || argc > 6)
		return 2;
	registered = strcmp(argv[1], "registered") == 0;
	for (int i = 2; i < argc; i++)
		load(argv[i]);
	alarm(2 * TEST_SECONDS);
	for (int64_t i = 0; i < rounds; i++) {
		int status = in_child_with(meeting, 0);

		if (status != 0) {
			fprintf(stderr, "meeting %lld ended with %d\n", (long long)i, status);
			return 1;
		}
	}
	printf("%lld meetings of %d copies: %s\n", (long long)rounds, ncopies,
	       registered ? "one area, all registered, all counts exact" : "no rseq, all counts exact");
	return rounds > 0 ? 0 : 1;
}
