/* SPDX-License-Identifier: MIT */
/*
 * records.h - records for a ring (ring.h). Each record has the number of its writer, and its own number among this
 * writer's records. The record's other bytes are computed from these two numbers. The invariant: each record that a
 * reader gets from a CPU's ring is whole, and is read once. The records of a writer come in the order in which the
 * writer wrote them on that CPU.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include "test.h"

struct head {
	uint32_t writer, length;
	uint64_t number; /* counts up for each record of the writer */
};

#define RECORD_LONGEST 4000

static inline unsigned char filling(const struct head *head, size_t at)
{
	return (unsigned char)(head->number * 31 + head->writer * 7 + at);
}

/*
 * Makes a record of `length` bytes in `buffer`. The record is at least as long as its head. Returns the record's
 * length.
 */
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
