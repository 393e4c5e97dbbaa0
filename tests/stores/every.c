/* SPDX-License-Identifier: MIT */
/*
 * every.c - a program that contains every operation as inline code, with every kind of index. It also calls functions that store
 * to a thread's data. The script `check` examines the program's instructions. Because the program can really run, the compiler
 * can't drop any of this code.
 */
#include <rseqkit.h>
#include <rseqkit/ops.h>

static struct rk_percpu *pool;

/* An item: a list, a word that operations change, and more words after this word. */
struct item {
	intptr_t list, count, words[7];
	struct rk_array array;
	struct rk_log log;
};

#define WORDS ((ptrdiff_t)(offsetof(struct item, words) - offsetof(struct item, count)))

static intptr_t node[2];

/* Calls every operation with one kind of index. `...` is a comma and the CPU, for the kinds that have a CPU as parameter. */
#define ALL_OPERATIONS(kind, ...)                                                                                      \
	static int all_by_##kind(struct item *item, int cpu)                                                           \
	{                                                                                                              \
		intptr_t value = 0, *count = &item->count, *list = &item->list;                                        \
		void *element;                                                                                         \
		int done = 0;                                                                                          \
                                                                                                                       \
		(void)cpu;                                                                                             \
		done += rk_##kind##_load(count, &value __VA_ARGS__) == RK_DONE;                                        \
		done += rk_##kind##_add(count, value + 1 __VA_ARGS__) == RK_DONE;                                      \
		done += rk_##kind##_store_if_equal(count, value + 1, value __VA_ARGS__) == RK_DONE;                    \
		done += rk_##kind##_store_if_equal_release(count, value, 0 __VA_ARGS__) == RK_DONE;                    \
		done += rk_##kind##_compare_exchange(count, &value, 1 __VA_ARGS__) == RK_DONE;                         \
		done += rk_##kind##_compare_exchange_release(count, &value, 0 __VA_ARGS__) == RK_UNEQUAL;              \
		done += rk_##kind##_compare_exchange_release(count, &value, 0 __VA_ARGS__) == RK_DONE;                 \
		done += rk_##kind##_store_if_both_equal(count, 0, WORDS, 0, 1 __VA_ARGS__) == RK_DONE;                 \
		done += rk_##kind##_store_if_both_equal_release(count, 1, WORDS, 0, 2 __VA_ARGS__) == RK_DONE;         \
		done += rk_##kind##_store_two_if_equal(count, 2, WORDS, 0, 3 __VA_ARGS__) == RK_DONE;                  \
		done += rk_##kind##_store_two_if_equal_release(count, 3, WORDS, 0, 4 __VA_ARGS__) == RK_DONE;          \
		done += rk_##kind##_copy_if_equal(count, 4, WORDS, node, sizeof(node), 5 __VA_ARGS__) == RK_DONE;      \
		done += rk_##kind##_copy_if_equal_release(count, 5, WORDS, node, 3, 0 __VA_ARGS__) == RK_DONE;         \
		done += rk_##kind##_push(list, node, 0 __VA_ARGS__) == RK_DONE;                                        \
		done += rk_##kind##_add_through(list, 8, 1 __VA_ARGS__) == RK_DONE;                                    \
		done += rk_##kind##_pop(list, 0, 0, &element __VA_ARGS__) == RK_DONE;                                    \
		done += rk_##kind##_push_release(list, node, 0 __VA_ARGS__) == RK_DONE;                                \
		return done;                                                                                           \
	}
ALL_OPERATIONS(cpu, )
ALL_OPERATIONS(cid, )
#define COMMA ,
ALL_OPERATIONS(at, COMMA cpu)

static int all_operations(struct item *item)
{
	int cpu = rk_cpu();

	return all_by_cpu(item, cpu) + (rk_cid() >= 0 ? all_by_cid(item, cpu) : 0) + all_by_at(item, cpu);
}

int main(void)
{
	struct rk_percpu_options options = {.item_size = sizeof(struct item)};
	struct rk_counter *counter;
	void *item;

	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0 ||
	    rk_counter_create(&counter) != 0)
		return 1;
	rk_counter_add(counter, all_operations(item));
	(void)rk_thread_register();
	if (rk_vfork_begin() == 0 && rk_vfork_end() != 0)
		return 1;
	return rk_counter_sum(counter) >= 0 ? 0 : 1;
}
