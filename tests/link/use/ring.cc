/* SPDX-License-Identifier: MIT */
/* Uses ring.h in C++17, without casts of arguments, and without other headers. */
#include <rseqkit/ring.h>

struct event {
	int number;
};

static int count(void *read, const struct rk_ring_record *record)
{
	*static_cast<int *>(read) += static_cast<const event *>(record->data)->number;
	return 0;
}

int main()
{
	struct rk_ring *ring;
	struct rk_ring_options options = {};
	struct rk_ring_reader reader;
	struct rk_ring_record record;
	struct rk_ring_times times;
	event one = {1};
	int read = 0;

	if (rk_ring_create(&ring, &options, sizeof(options)) != 0)
		return 1;
	for (int i = 0; i < 10; i++)
		if (rk_ring_write_stamped(ring, &one, sizeof(one)) != 0)
			return 2;
	if (rk_ring_merge(ring, count, &read) != 0 || read != 10)
		return 3;
	if (rk_ring_write(ring, &one, sizeof(one)) != 0 || rk_ring_arm(ring) != 1)
		return 4;
	if (rk_ring_open(ring, 0, &reader, sizeof(reader)) != 0)
		return 5;
	while (rk_ring_next(&reader, &record))
		read += static_cast<const event *>(record.data)->number;
	rk_ring_release(&reader);
	if (rk_ring_close(&reader) != 0 || rk_ring_destroy(ring) != 0 || read > 11)
		return 6;
	options.flags = RK_RING_OVERWRITE;
	read = 0;
	if (rk_ring_create(&ring, &options, sizeof(options)) != 0)
		return 7;
	for (int i = 0; i < 10; i++)
		if (rk_ring_write_stamped(ring, &one, sizeof(one)) != 0)
			return 8;
	if (rk_ring_newest(ring, UINT64_MAX, 3, nullptr, count, &read) != 0 || read != 3)
		return 9;
	if (rk_ring_read_times(ring, &times, sizeof(times)) != 0 ||
	    rk_ring_monotonic(&times, times.stamp) != times.monotonic || rk_ring_realtime(&times, times.stamp) != times.realtime)
		return 10;
	return rk_ring_destroy(ring) == 0 ? 0 : 11;
}
