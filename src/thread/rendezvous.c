/* SPDX-License-Identifier: MIT */
/*
 * rendezvous.c - one page that all copies of this library in a process find without a symbol, a lock, or a file name. The
 * first copy writes on it where each thread's area (struct rseq) is.
 *
 * Copies of the library don't know each other. They can be linked statically and hidden in two plugins, loaded with
 * RTLD_LOCAL, or loaded into a namespace. They can be of different versions. The first use of a copy can be in a signal
 * handler. A child of fork has the page, too. At exec the page is unmapped, together with the TLS that it describes. Other
 * ways for copies to agree don't work:
 *
 *   an exported symbol                   hidden copies don't see it, RTLD_LOCAL and namespaces hide it, and a second copy
 *                                        can bind to the first one's variables by accident and write to them
 *   a weak alias to a hidden object      the dynamic linker can bind the alias to another module's object, while the code
 *                                        of the alias's module uses that module's own object
 *   an environment variable              not async-signal-safe, inherited by other programs, changed by this program
 *   a lock, file or socket with a name   not async-signal-safe, seen by other processes, has to be removed later
 *   ask the kernel whose area is there   the kernel answers only yes or no, for an address that the caller has to know
 *   a page that is mapped, then filled   a reader in between, or a handler on the writer's own thread, can only spin
 *   each registers, the first one wins   which copy is the first can differ from thread to thread
 *
 * The invariant: one mmap succeeds, and makes the complete page visible. After this mmap the page never changes. A copy that
 * loses the race reads what the winner wrote. System calls are raw, because sanitizers intercept the libc's mmap. Each
 * result is compared with the requested address, because valgrind and emulators ignore MAP_FIXED_NOREPLACE.
 */
#define _GNU_SOURCE
#include "rendezvous.h"

#include <string.h>
#include <sys/mman.h>
#include "os/kernel.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PAGE 4096

static void *const meeting_page = (void *)RK_RENDEZVOUS_ADDRESS;

/*
 * The sizes of the page's content and of the thread state (area.h) in the library's first version. Later versions only append
 * to these structures, so every version can rely on these bytes.
 */
#define FIRST_PAGE (offsetof(struct rk_rendezvous, state_size) + sizeof(uint32_t))
#define FIRST_STATE (offsetof(struct rk_thread_state, armed) + sizeof(uint8_t))

/* Returns whether the page names a thread state (area.h) for all copies: it is after the area, complete, and aligned. */
static bool has_state(const struct rk_rendezvous *found)
{
	return found->state >= found->length && found->state <= PAGE && found->state % sizeof(uint32_t) == 0 &&
	       found->state_size >= FIRST_STATE;
}

/*
 * Reads the page. Checks the contents, because another component may have mapped memory at the address. A page that another
 * version of this library made is used, too. Fields that an older version didn't write are 0 in *meeting.
 */
int rk_rendezvous_read(struct rk_rendezvous *meeting)
{
	struct rk_rendezvous found = {0};

	memcpy(&found, meeting_page, FIRST_PAGE);
	if (memcmp(found.magic, RK_RENDEZVOUS_MAGIC, sizeof(found.magic)) != 0 || found.size < FIRST_PAGE ||
	    found.signature != RK_SIGNATURE || found.length < RK_AREA_LENGTH_ORIGINAL || found.length > PAGE ||
	    found.offset != (int32_t)found.offset)
		return -EADDRINUSE;
	if (found.kind != RK_RENDEZVOUS_EARLY && (found.kind != RK_RENDEZVOUS_BLOCK || !has_state(&found)))
		return -EADDRINUSE;
	memcpy(&found, meeting_page, found.size < sizeof(found) ? found.size : sizeof(found));
	if (found.blob > PAGE)
		return -EADDRINUSE;
	*meeting = found;
	return 0;
}

/* If no page is there, maps a page with our offer. Returns 0, -EEXIST if a page is there, or another negative errno. */
static int publish_offer(const struct rk_rendezvous *offer)
{
	long fd, mapped;

	if (!rk_kernel_file_may_have(sizeof(*offer)))
		return -EFBIG;
	fd = RK_SYSCALL(SYS_memfd_create, "rseqkit-rendezvous", MFD_CLOEXEC);
	if (fd < 0)
		return (int)fd;
	mapped = RK_SYSCALL(SYS_write, (int)fd, offer, sizeof(*offer));
	if (mapped == (long)sizeof(*offer))
		mapped = rk_kernel_map_at(meeting_page, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, (int)fd);
	else if (mapped >= 0)
		mapped = -ENOSPC;
	(void)RK_SYSCALL(SYS_close, (int)fd);
	if (mapped == (long)RK_RENDEZVOUS_ADDRESS)
		return 0;
	if (RK_MAP_FAILED(mapped))
		return (int)mapped;
	/* The page was mapped at another address: an emulator treated the address as a hint. */
	(void)RK_SYSCALL(SYS_munmap, mapped, PAGE);
	return -EEXIST;
}

int rk_rendezvous_look(struct rk_rendezvous *meeting)
{
	return rk_kernel_can_read(meeting_page) ? rk_rendezvous_read(meeting) : -EADDRINUSE;
}

int rk_rendezvous(struct rk_rendezvous *meeting)
{
	int r;

	if (rk_kernel_can_read(meeting_page))
		return rk_rendezvous_read(meeting);
	r = publish_offer(meeting);
	return r == -EEXIST ? rk_rendezvous_look(meeting) : r;
}
