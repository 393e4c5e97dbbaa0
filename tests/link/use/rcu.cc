/* SPDX-License-Identifier: MIT */
/* Uses rcu.h in C++17, without casts and other headers. */
#include <rseqkit/rcu.h>

struct object {
	rk_rcu_call call;
	int number;
};

static object first {{nullptr, nullptr}, 1}, second {{nullptr, nullptr}, 2};
static object *published = &first;
static int called;

static void call_it(struct rk_rcu_call *call)
{
	called += call == &first.call;
}

int main()
{
	struct rk_rcu *rcu;

	if (rk_rcu_create(&rcu, 0) != 0)
		return 1;
	struct rk_rcu_section *section;
	rk_rcu_read_lock(rcu, &section);
	const object *seen = rk_rcu_dereference(published);
	if (seen->number != 1)
		return 2;
	rk_rcu_read_unlock(rcu, section);
	object *old = rk_rcu_exchange(published, &second);
	if (rk_rcu_synchronize(rcu) != 0 || rk_rcu_defer(rcu, &old->call, call_it) != 0 || rk_rcu_barrier(rcu) != 0)
		return 3;
	rk_rcu_publish(published, old);
	return called == 1 ? rk_rcu_destroy(rcu) : 4;
}
