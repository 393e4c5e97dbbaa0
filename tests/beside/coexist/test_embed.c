/* SPDX-License-Identifier: MIT */
/*
 * test_embed.c - loads four modules in every order: two libraries that contain embed.h, and two copies of this library. The
 * program itself contains neither a copy of this library nor embed.h.
 *
 * With EARLY the program defines the symbols of the public TLS protocol, __rseq_abi and its count of users. In each thread the
 * four modules (the parties) use one area, the protocol's count stays right, and errno and signal masks are unchanged.
 *
 * If the libc has an area and doesn't register threads, embed.h registers no thread, but uses the threads that a copy registered.
 */
#include "test.h"
#include <sys/time.h>
#include "load.h"

#define PARTIES 4 /* the first two use embed.h, the others are copies */

static const struct neighbour *embedded[2];
static const struct copy *copies[2];
static struct rk_counter *counters[2];

static bool own_area(void)
{
	return strcmp(getenv("LIBC_AREA"), "false") == 0;
}

#if EARLY
static const struct neighbour *program; /* the program's own adopter, to read the count */
#endif

static uint32_t count(void)
{
#if EARLY
	return program->users();
#else
	return 0;
#endif
}

/* Returns true if parties use the protocol's count. Then a thread is unregistered as soon as its count is 0. */
static bool counted(void)
{
	return EARLY && world_owner() == RK_OWNER_SELF;
}

/* Returns true if embed.h registers no thread, because the libc has an area and doesn't register threads. */
static bool passive(void)
{
	return !EARLY && !own_area() && world_owner() == RK_OWNER_SELF;
}

/* Returns true if embed.h finds no area until a copy is loaded: see passive(). Without the libc's area there is none at all. */
static bool waits(void)
{
	return passive() || (!EARLY && own_area());
}

static void load_party(int which)
{
	static const char *const modules[PARTIES] = {"embedded", "embedded-2", "copy-static-a.so",
						     "copy-shared.so"};
	void *handle;

	if (which < 2) {
		embedded[which] = load_neighbour(modules[which], LOCAL);
		CHECK(embedded[which] != NULL);
		return;
	}
	copies[which - 2] = load_copy_of_rseqkit(modules[which], LOCAL, &handle);
	CHECK(copies[which - 2] != NULL && copies[which - 2]->create(&counters[which - 2]) == 0);
}

/* Lets the party use rseq in this thread; a user of embed.h first enters. Returns the area that the party uses. */
static volatile void *use(int which)
{
	if (which < 2) {
		errno = 12345;
		CHECK(embedded[which]->enter() == 0 && embedded[which]->is_fast());
		CHECK(errno == 12345);
		return embedded[which]->area();
	}
	copies[which - 2]->add(counters[which - 2], 1);
	CHECK(copies[which - 2]->prepare() == 0);
	return (volatile void *)(uintptr_t)copies[which - 2]->area();
}

/* A user of embed.h tries to enter a thread that isn't registered. It is refused, and nothing changes. */
static void refuse(int which)
{
	CHECK(!kernel_says_any());
	errno = 12345;
	CHECK(embedded[which]->enter() == -ENOTSUP && errno == 12345);
	CHECK(!embedded[which]->is_fast() && embedded[which]->area() == NULL);
	CHECK(embedded[which]->owner() == RK_OWNER_NONE && !kernel_says_any());
}

static bool signals_open(void)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	for (int i = 1; i < 32; i++)
		if (sigismember(&now, i))
			return false;
	return true;
}

/*
 * All parties use one area, and the kernel confirms that it is registered. Each thread begins with another party. If embed.h
 * registers no thread, each user of embed.h that comes before the first copy is refused, and comes again after the copies.
 */
static void *everybody(void *arg)
{
	int first = (int)((uintptr_t)arg % PARTIES);
	volatile void *area = NULL;
	struct rk_process_info info;

	for (; passive() && first < 2; first++)
		refuse(first);
	for (int i = 0; i < PARTIES; i++) {
		volatile void *here = use((first + i) % PARTIES);

		CHECK(here != NULL && (i == 0 || here == area));
		area = here;
	}
	CHECK(copies[0]->query(&info, sizeof(info)) == 0);
	CHECK(kernel_says_registered(area, info.length));
	CHECK(copies[0]->owner() == (counted() ? RK_OWNER_EARLY : world_owner()));
	for (int i = 0; i < 2; i++)
		CHECK(embedded[i]->owner() == (int)copies[0]->owner());
	CHECK(embedded[0]->leave() && embedded[1]->leave() && signals_open());
	/* The users of embed.h have left. Only the copies still use rseq in this thread, and they keep it registered. */
	CHECK(kernel_says_registered(area, info.length));
	CHECK(!counted() || count() > 0);
	return NULL;
}

/*
 * Only users of embed.h use rseq in this thread, no copy does. If the protocol's count is in use, the last user that leaves
 * unregisters the thread. Otherwise the thread stays registered. If embed.h registers no thread, each try is refused, until a
 * copy has registered the thread.
 */
static void *embedders_alone(void *arg)
{
	int first = (int)((uintptr_t)arg % 2);

	for (int round = 0; passive() && round < 100; round++) {
		refuse(first);
		refuse(1 - first);
		CHECK(embedded[first]->leave() && embedded[1 - first]->leave() && !kernel_says_any());
	}
	CHECK(!passive() || (copies[0]->prepare() == 0 && kernel_says_any()));
	for (int round = 0; round < 100; round++) {
		uint32_t before = count();

		CHECK(use(first) == use(1 - first));
		CHECK(!counted() || count() == before + 2);
		CHECK(embedded[first]->leave());
		CHECK(embedded[1 - first]->is_fast() && kernel_says_any());
		CHECK(embedded[1 - first]->leave());
		CHECK(count() == before && kernel_says_any() == (!counted() || before > 0));
	}
	if (counted()) {
		CHECK(count() == 0);
		CHECK(!embedded[0]->leave()); /* one leave too many: -EINVAL, and the count doesn't become -1 */
		CHECK(count() == 0);
	}
	return NULL;
}

/*
 * Creates threads. If the libc doesn't register the initial thread, the new threads begin unregistered: rk_vfork_begin()
 * unregisters their creator, and the libc registers only the children of registered threads.
 */
static void threads(void *(*run)(void *), int n)
{
	bool libc = world_owner() == RK_OWNER_LIBC;
	pthread_t batch[8];

	for (int i = 0; i < n; i += 8) {
		CHECK(libc || copies[0]->vfork_begin() == 0);
		for (int k = 0; k < 8; k++)
			CHECK(pthread_create(&batch[k], NULL, run, (void *)(uintptr_t)(i / 8 + k)) == 0);
		CHECK(libc || copies[0]->vfork_end() == 0);
		for (int k = 0; k < 8; k++)
			pthread_join(batch[k], NULL);
	}
}

static int in_order(int order)
{
	int left[PARTIES] = {0, 1, 2, 3}, n = ((int)ROUNDS(160) + 7) / 8 * 8; /* a multiple of 8, even with few rounds */

	/*
	 * The digits of `order` choose among the parties that aren't loaded yet. Each party is used as soon as it is loaded
	 * and can find an area.
	 */
	for (int i = PARTIES; i > 0; i--) {
		int chosen = order % i, party = left[chosen];

		order /= i;
		left[chosen] = left[i - 1];
		load_party(party);
		if (party < 2 && waits() && copies[0] == NULL && copies[1] == NULL) {
			refuse(party);
			continue;
		}
		(void)use(party);
	}
	/* Users of embed.h that were refused before a copy came now share the copies' registration. */
	CHECK(!waits() || (use(0) == use(2) && use(1) == use(3)));
	CHECK(!waits() || embedded[0]->owner() == RK_OWNER_SELF);
	threads(everybody, n);
	threads(embedders_alone, 8);
	CHECK(copies[0]->sum(counters[0]) >= n && copies[1]->sum(counters[1]) >= n);
	return 0;
}

static void every_order(void **state)
{
	(void)state;
	if (!world_has_rseq())
		SKIP("the libc's registration is foreign to this build");
	for (int order = 0; order < 24; order++)
		assert_int_equal(in_child_with(in_order, order), 0);
}

static bool refused; /* in the initial thread users of embed.h are refused */

/* A user of embed.h enters and leaves. If it is refused, it only tries to enter. */
static void visit(int which)
{
	if (refused) {
		refuse(which);
		return;
	}
	(void)use(which);
	CHECK(embedded[which]->is_fast());
	CHECK(embedded[which]->leave());
}

static void on_signal(int signo)
{
	int saved = errno;

	(void)signo;
	visit(0);
	errno = saved;
}

/* The handler enters and leaves between any two instructions of a thread that also enters and leaves. */
static void visit_in_a_storm(int rounds)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct itimerval interval = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &interval, NULL);
	for (int i = 0; i < rounds; i++) {
		visit(1);
		CHECK(!counted() || (count() == 0 && !kernel_says_any()));
	}
	setitimer(ITIMER_REAL, &never, NULL);
}

/* If embed.h registers no thread, its users are refused in a first storm. Then a copy registers the thread. */
static int storm(int rounds)
{
	load_party(0);
	load_party(1);
	if (passive()) {
		refused = true;
		visit_in_a_storm(rounds / 4);
		refused = false;
	}
	if (waits())
		load_party(2);
	if (passive())
		(void)use(2);
	visit_in_a_storm(rounds);
	return 0;
}

static void signal_storm(void **state)
{
	(void)state;
	if (!world_has_rseq())
		SKIP("the libc's registration is foreign to this build");
	assert_int_equal(in_child_with(storm, (int)ROUNDS(300000)), 0);
}

/* Returns true if a user of embed.h in a vfork child is refused with this error, and the child registers nothing. */
static bool child_is_refused(int error)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(embedded[0]->enter() == error && !kernel_says_any() ? 0 : 1);
	return exit_status_of(pid) == 0;
}

/*
 * The parent isn't registered, and doesn't call rk_vfork_begin(). embed.h recognises the vfork child, because the child runs on
 * its parent's TLS. If embed.h registers no thread, it has no area before a copy registered a thread. Then there is nothing that
 * a vfork child could use.
 */
static int vfork_child_of_none(void)
{
	load_party(0);
	if (kernel_says_any()) {
		CHECK(embedded[0]->leave());
		CHECK(!kernel_says_any());
	}
	if (passive()) {
		volatile void *area;

		CHECK(child_is_refused(-ENOTSUP));
		CHECK(!kernel_says_any());
		load_party(2);
		area = use(2);
		CHECK(use(0) == area);
		CHECK(syscall(quiet_rseq(), area, 32, 1, RK_SIGNATURE) == 0);
		refuse(0);
	}
	CHECK(child_is_refused(-EAGAIN));
	CHECK(!kernel_says_any());
	return 0;
}

/*
 * A vfork child can't register, and its parent's registration stays. If embed.h registers no thread, it knows the area only in
 * the second round. In the first round embed.h has seen no registered thread, so it hasn't found the area.
 */
static int vfork_child(void)
{
	load_party(0);
	load_party(2);
	for (int round = 0; round < 2; round++) {
		bool is_refused;

		CHECK(copies[0]->vfork_begin() == 0);
		is_refused = child_is_refused(passive() && round == 0 ? -ENOTSUP : -EAGAIN);
		CHECK(embedded[0]->enter() == (passive() && round == 0 ? -ENOTSUP : -EAGAIN) && !kernel_says_any());
		CHECK(copies[0]->vfork_end() == 0);
		CHECK(is_refused);
		(void)use(0);
	}
	return 0;
}

static void vfork_child_is_refused(void **state)
{
	(void)state;
	if (!world_has_rseq())
		SKIP("the libc's registration is foreign to this build");
	if (SANITIZED)
		SKIP("a sanitizer may make a fork of vfork");
	if (world_owner() == RK_OWNER_LIBC)
		SKIP("the libc's registration leaves nothing to register");
	if (!own_area() || EARLY)
		assert_int_equal(in_child(vfork_child_of_none), 0);
	assert_int_equal(in_child(vfork_child), 0);
}

static __thread char private_area[32] __attribute__((__aligned__(32)));

/*
 * A component first registered a private area, or the shared area with another signature. embed.h reports this, even after the
 * component has unregistered the thread. embed.h changes no registration.
 *
 * If embed.h registers no thread, it doesn't see a private area, because the thread isn't registered in the libc's area. Then a
 * copy can register the thread later, and embed.h uses it.
 */
static int foreign_first(int signature_only)
{
	volatile void *area = private_area;
	uint32_t signature = RK_SIGNATURE;
	int error = signature_only ? -EACCES : passive() ? -ENOTSUP : -EBUSY;

	load_party(0);
	if (signature_only) {
		if (passive()) {
			load_party(2);
			(void)use(2);
		}
		CHECK(embedded[0]->enter() == 0);
		area = embedded[0]->area();
		CHECK(syscall(quiet_rseq(), area, 32, 1, RK_SIGNATURE) == 0);
		signature = 0x12345678;
	}
	CHECK(syscall(quiet_rseq(), area, 32, 0, signature) == 0);
	load_party(1);
	CHECK(embedded[1]->enter() == error && kernel_says_any());
	CHECK(!embedded[1]->is_fast() && count() == (EARLY && signature_only ? 1 : 0));
	CHECK(syscall(quiet_rseq(), area, 32, 1, signature) == 0);
	/* The thread isn't registered any more, but embed.h remembers the other component in the whole process. */
	CHECK(embedded[1]->enter() == error && !kernel_says_any());
	if (passive() && !signature_only) {
		load_party(2);
		CHECK(use(2) == use(1));
	}
	return 0;
}

static void foreign_registrations(void **state)
{
	(void)state;
	if (world_owner() != RK_OWNER_SELF)
		SKIP("the libc has registered this thread");
	if (own_area() && !EARLY)
		SKIP("no area to share without the library");
	assert_int_equal(in_child_with(foreign_first, 0), 0);
	assert_int_equal(in_child_with(foreign_first, 1), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_order),
	cmocka_unit_test(signal_storm),
	cmocka_unit_test(vfork_child_is_refused),
	cmocka_unit_test(foreign_registrations),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(TEST_SECONDS);
#if EARLY
	program = neighbour_calls();
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
