/* SPDX-License-Identifier: MIT */
/*
 * records.h - records for a ring (ring.h). Each says who wrote it and as which of its own, and is filled with what follows
 * from that. The invariant: what is read of a CPU is whole, once, and each writer's records come in the order in which it
 * wrote them there.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include "test.h"

struct head {
	uint32_t writer, length;
	uint64_t number; /* of the writer's, counting up */
};

#define RECORD_LONGEST 4000

static inline unsigned char filling(const struct head *head, size_t at)
{
	return (unsigned char)(head->number * 31 + head->writer * 7 + at);
}

/* A record of that length in `buffer`, or as long as its head. Returns the length. */
static inline size_t make_record(void *buffer, uint32_t writer, uint64_t number, size_t length)
{
	struct head head = {writer, (uint32_t)(length < sizeof(head) ? sizeof(head) : length), number};

	memcpy(buffer, &head, sizeof(head));
	for (size_t at = sizeof(head); at < head.length; at++)
		((unsigned char *)buffer)[at] = filling(&head, at);
	return head.length;
}

static inline bool is_whole(const struct rk_ring_record *record)
{
	const unsigned char *bytes = (const unsigned char *)record->data;
	struct head head;

	if (record->length < sizeof(head) || (uintptr_t)record->data % 8 != 0)
		return false;
	memcpy(&head, bytes, sizeof(head));
	if (head.length != record->length)
		return false;
	for (size_t at = sizeof(head); at < record->length; at++)
		if (bytes[at] != filling(&head, at))
			return false;
	return true;
}

static inline struct head head_of(const struct rk_ring_record *record)
{
	struct head head;

	memcpy(&head, record->data, sizeof(head));
	return head;
}

#endif /* RECORDS_H */
