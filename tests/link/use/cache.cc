/* SPDX-License-Identifier: MIT */
/* Uses cache.h in C++17, without casts of arguments and results, and without other headers. */
#include <rseqkit/cache.h>

struct object {
	int number;
};

static void *make(void *)
{
	return new object();
}

static void unmake(void *count, void *made)
{
	++*static_cast<int *>(count);
	delete static_cast<object *>(made);
}

int main()
{
	struct rk_cache *cache;
	struct rk_cache_options options = {};
	struct rk_cache_report report;
	void *batch[10];
	int unmade = 0;

	options.construct = make;
	options.destruct = unmake;
	options.context = &unmade;
	if (rk_cache_create(&cache, &options, sizeof(options)) != 0)
		return 1;
	object *one = static_cast<object *>(rk_cache_get_here(cache));
	if (one != nullptr)
		return 1;
	one = static_cast<object *>(rk_cache_get(cache));
	if (one == nullptr || rk_cache_get_batch(cache, batch, 10) != 10)
		return 2;
	rk_cache_put(cache, one);
	rk_cache_put_batch(cache, batch, 10);
	if (rk_cache_query(cache, &report, sizeof(report)) != 0 || report.constructed != 11)
		return 3;
	return rk_cache_destroy(cache) == 0 && unmade == 11 ? 0 : 4;
}
