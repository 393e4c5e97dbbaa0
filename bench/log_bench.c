/* SPDX-License-Identifier: MIT */
/*
 * log_bench.c - the memory of the bench `log`, and the check that each counted record was appended (log_bench.h).
 */
#define _GNU_SOURCE
#include "log_bench.h"

const struct bench_record bench_record = {{1, UINT64_C(1) << 63, 3, UINT64_MAX, 5}};
void *bench_log_rseqkit;
void *bench_log_classic;
struct bench_log bench_log_shared __attribute__((__aligned__(128)));
__thread struct bench_log bench_log_thread_local;

int bench_log_create(void)
{
	static const struct rk_percpu_options options = {.item_size = sizeof(struct bench_log), .alignment = 128};
	struct rk_percpu *pool;
	int r = rk_percpu_create(&pool, &options, sizeof(options));

	if (r == 0)
		r = rk_percpu_alloc(pool, &bench_log_rseqkit);
	if (r == 0)
		r = rk_percpu_alloc(pool, &bench_log_classic);
	return r;
}

static uint64_t sum_logs(const void *logs)
{
	uint64_t sum = 0;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		sum += (uint64_t)((const struct bench_log *)rk_percpu_slot(logs, cpu))->count;
	return sum;
}

uint64_t bench_sum_log_rseqkit(void)
{
	return sum_logs(bench_log_rseqkit);
}

uint64_t bench_sum_log_classic(void)
{
	return sum_logs(bench_log_classic);
}

uint64_t bench_sum_log_shared(void)
{
	return (uint64_t)bench_log_shared.count;
}

/* Compares all records with the record that was appended, and empties the log. */
static bool settle(struct bench_log *log)
{
	bool whole = true;

	for (intptr_t i = 0; i < log->count && i < BENCH_RECORDS; i++)
		whole &= memcmp(&log->ring[i].record, &bench_record, sizeof(bench_record)) == 0;
	if (log->count != 0)
		memset(log, 0, sizeof(*log));
	return whole;
}

static bool settle_logs(const void *logs)
{
	bool whole = true;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		whole &= settle(rk_percpu_slot(logs, cpu));
	return whole;
}

bool bench_settle_log_rseqkit(void)
{
	return settle_logs(bench_log_rseqkit);
}

bool bench_settle_log_classic(void)
{
	return settle_logs(bench_log_classic);
}

bool bench_settle_log_shared(void)
{
	return settle(&bench_log_shared);
}
