/* SPDX-License-Identifier: MIT */
/*
 * agreed.c - the structures and constants that copies of the library share, in a form that ABI tools understand. No exported
 * function mentions these structures, but they are compiled into programs and into all copies of the library.
 */
#include <rseqkit.h>
#include <rseqkit/detail/agreement.h>
#include <rseqkit/detail/group.h>

#define EXPORT __attribute__((__visibility__("default")))

enum agreed {
	AGREED_AREA_LENGTH_ORIGINAL = RK_AREA_LENGTH_ORIGINAL,
	AGREED_FIELD_END_RSEQ_CS = RK_FIELD_END_RSEQ_CS,
	AGREED_FIELD_END_FLAGS = RK_FIELD_END_FLAGS,
	AGREED_FIELD_END_NODE_ID = RK_FIELD_END_NODE_ID,
	AGREED_FIELD_END_MM_CID = RK_FIELD_END_MM_CID,
	AGREED_FIELD_END_SLICE_CTRL = RK_FIELD_END_SLICE_CTRL,
	AGREED_INDEX_OVERFLOW = RK_INDEX_OVERFLOW,
	AGREED_INDEX_RESERVE = RK_INDEX_RESERVE,
	AGREED_PERCPU_DEBUG = RK_PERCPU_DEBUG,
	/* ABI tools compare sizes, offsets and constants, but not alignments, so the alignment is here as a constant. */
	AGREED_BLOCK_ALIGNMENT = __alignof__(struct rk_thread_block),
	AGREED_GROUP_HEAD = RKI_GROUP_HEAD,
	AGREED_STRIDE_SHIFT = RK_STRIDE_SHIFT,
	AGREED_CPUS_MAX = RK_CPUS_MAX,
	AGREED_CPUS_PAGE_ADDRESS = RK_CPUS_PAGE_ADDRESS,
	AGREED_CPUS_PAGE_MAGIC = RK_CPUS_PAGE_MAGIC,
	AGREED_RENDEZVOUS_ADDRESS = RK_RENDEZVOUS_ADDRESS,
	AGREED_RENDEZVOUS_BLOCK = RK_RENDEZVOUS_BLOCK,
	AGREED_RENDEZVOUS_EARLY = RK_RENDEZVOUS_EARLY,
	AGREED_SIGNATURE = RK_SIGNATURE,
};

EXPORT void agreed(enum agreed constant, const struct rk_thread_block *block, const struct rk_rendezvous *page,
		   const struct rk_cpus_page *cpus, const struct rki_group_head *group);

void agreed(enum agreed constant, const struct rk_thread_block *block, const struct rk_rendezvous *page,
	    const struct rk_cpus_page *cpus, const struct rki_group_head *group)
{
	(void)constant;
	(void)block;
	(void)page;
	(void)cpus;
	(void)group;
}
