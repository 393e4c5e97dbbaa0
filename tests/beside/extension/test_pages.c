/* SPDX-License-Identifier: MIT */
/*
 * test_pages.c - tests a copy of the library that finds a rendezvous page (the page at which copies agree on an area). The page
 * is of the copy's own version, of an older or newer version, or no copy wrote it. The test itself acts as the first copy: it
 * makes the page and the thread block, which is the TLS with the area and the thread's state.
 *
 * COPY_A is a module with today's copy. COPY_B is a module with the copy of a later release, which appended fields to every
 * structure.
 */
#define _GNU_SOURCE
#include "test.h"
#include <rseqkit/detail/agreement.h>
#include <sys/mman.h>
#include "../coexist/load.h"

/* The test's thread block: the area, then more room than in any release, then the state. */
struct block {
	struct rk_area area;
	unsigned char room[224];
	struct rk_thread_state state;
	unsigned char appended[64];
} __attribute__((__aligned__(64)));

static __thread struct block block = {.area.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED, .state.version = 1};

/* The process information of COPY_B's release: today's fields, and a copy of the page's appended field. */
struct later_info {
	struct rk_process_info known;
	uint64_t later;
};

static const struct copy *load(const char *variable)
{
	void *handle;
	const struct copy *copy = load_copy_of_rseqkit(getenv(variable), LOCAL, &handle);

	CHECK(copy != NULL);
	return copy;
}

static ptrdiff_t offset_of_block(void)
{
	return (char *)&block - rk_thread_pointer();
}

static struct rk_rendezvous good_page(void)
{
	struct rk_rendezvous page = {
		.magic = RK_RENDEZVOUS_MAGIC,
		.version = 1,
		.size = sizeof(page),
		.kind = RK_RENDEZVOUS_BLOCK,
		.state = offsetof(struct block, state),
		.offset = offset_of_block(),
		.length = RK_AREA_LENGTH_ORIGINAL,
		.signature = RK_SIGNATURE,
		.state_version = 1,
		.state_size = sizeof(struct rk_thread_state),
	};

	return page;
}

/*
 * Changes a good page into page number `which`: a page of the same release, of a newer release, or a page that no release wrote.
 * Returns the page's description, or NULL if there is no page with this number.
 */
static const char *change_page(struct rk_rendezvous *page, int which)
{
	switch (which) {
	case 0:
		return "same release";
	case 1:
		page->version = 9;
		page->size = 400;
		page->state_version = 9;
		page->state_size += sizeof(block.appended);
		return "newer, all appended to";
	case 2:
		page->state_size = UINT32_MAX;
		return "newer, long state";
	case 3:
		page->magic[0]++;
		return "other magic";
	case 4:
		page->size = offsetof(struct rk_rendezvous, state_size) + 3;
		return "shorter than the first release's";
	case 5:
		page->signature++;
		return "other signature";
	case 6:
		page->kind = 3;
		return "kind that isn't known";
	case 7:
		page->length--;
		return "length that no kernel takes";
	case 8:
		page->state = RK_AREA_LENGTH_ORIGINAL - 4;
		return "state inside the area";
	case 9:
		page->state += 2;
		return "misaligned state";
	case 10:
		page->state_size--;
		return "state shorter than the first release's";
	case 11:
		page->state = 1u << 30;
		return "state far away";
	case 12:
		page->length = 1u << 16;
		return "length beyond a page";
	case 13:
		page->offset += INT64_C(1) << 33;
		return "area further away than static TLS";
	case 14:
		page->blob = 1u << 20;
		return "blob far away";
	default:
		return NULL;
	}
}

#define ADOPTED 3 /* a copy must adopt the first three pages, and refuse all others */

static void write_page(const struct rk_rendezvous *page)
{
	unsigned char *memory = mmap((void *)RK_RENDEZVOUS_ADDRESS, 4096, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(memory == (void *)RK_RENDEZVOUS_ADDRESS);
	/* The bytes after the writer's last field should be zero, but no copy is allowed to rely on that. */
	memset(memory, 0xa5, 4096);
	memcpy(memory, page, sizeof(*page));
	CHECK(mprotect(memory, 4096, PROT_READ) == 0);
}

static void *in_another_thread(void *arg)
{
	const struct copy *copy = arg;

	CHECK(copy->prepare() == 0 && copy->area() == &block.area);
	CHECK(kernel_says_registered(&block, RK_AREA_LENGTH_ORIGINAL));
	return NULL;
}

static void check_adopted(const struct copy *copy)
{
	pthread_t thread;

	CHECK(copy->prepare() == 0);
	CHECK(copy->area() == &block.area);
	CHECK(kernel_says_registered(&block, RK_AREA_LENGTH_ORIGINAL));
	/*
	 * The copy uses the state at the place that the page names. In the block, only the area and the known part of the state
	 * change.
	 */
	CHECK(copy->reg() == 0 && copy->users() == 1 && block.state.users == 1);
	CHECK(copy->vfork_begin() == 0 && block.state.vfork == 1);
	CHECK(copy->vfork_end() == 0 && copy->unreg() == 0 && block.state.users == 0);
	for (size_t i = 0; i < sizeof(block.room); i++)
		CHECK(block.room[i] == 0);
	for (size_t i = 0; i < sizeof(block.appended); i++)
		CHECK(block.appended[i] == 0);
	CHECK(pthread_create(&thread, NULL, in_another_thread, (void *)(uintptr_t)copy) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void check_refused(const struct copy *copy)
{
	struct rk_process_info info;

	CHECK(copy->prepare() == -EADDRINUSE);
	CHECK(copy->reason() == RK_REASON_RENDEZVOUS);
	CHECK(copy->query(&info, sizeof(info)) == 0 && info.owner == RK_OWNER_NONE && info.length == 0);
	CHECK(!kernel_says_any());
}

static int finds(int which)
{
	bool newer_copy = which >= 100;
	struct rk_rendezvous page = good_page();
	const struct copy *copy;
	struct rk_counter *counter;
	struct later_info info;

	which %= 100;
	CHECK(change_page(&page, which) != NULL);
	write_page(&page);
	copy = load(newer_copy ? "COPY_B" : "COPY_A");
	if (which < ADOPTED)
		check_adopted(copy);
	else
		check_refused(copy);
	CHECK(copy->create(&counter) == 0);
	copy->add(counter, 7);
	CHECK(copy->sum(counter) == 7);
	/*
	 * If the writer's page is too short for a field, a newer copy reads zero for this field, whatever the memory contains.
	 * If the page is long enough, the copy reads the field.
	 */
	CHECK(copy->query(&info.known, sizeof(info)) == 0);
	if (newer_copy && which < ADOPTED)
		CHECK(info.later == (page.size > sizeof(page) ? 0xa5a5a5a5a5a5a5a5 : 0));
	return 0;
}

static void pages(void **state)
{
	struct rk_rendezvous page;
	int first = **(int **)state;

	for (int which = 0; page = good_page(), change_page(&page, which) != NULL; which++) {
		int r = in_child_with(finds, first + which);

		if (r != 0)
			print_error("# page: %s\n", change_page(&page, which));
		assert_int_equal(r, 0);
	}
}

static int todays = 0, laters = 100;

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_prestate(pages, &todays),
	cmocka_unit_test_prestate(pages, &laters),
};

RUN(tests)
