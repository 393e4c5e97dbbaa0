/* SPDX-License-Identifier: MIT */
/* Uses ref.h in C++17, without casts and other headers. */
#include <rseqkit/ref.h>

struct object : rk_ref {
	int released = 0;
};

static void release(rk_ref *ref)
{
	static_cast<object *>(ref)->released++;
}

int main()
{
	object one, other;
	rk_ref *both[] = {&one, &other};

	if (rk_ref_init(&one, release) != 0 || rk_ref_init(&other, release) != 0)
		return 1;
	rk_ref_get(&one);
	if (rk_ref_get_try(&one) != 0 || rk_ref_get_live_try(&other) != 0)
		return 2;
	rk_ref_put(&one);
	rk_ref_put(&other);
	if (rk_ref_kill_all(both, 2) != 0 || one.released != 0 || other.released != 1)
		return 3;
	rk_ref_put(&one);
	return one.released == 1 && rk_ref_get_try(&one) < 0 && rk_ref_kill(&one) < 0 ? 0 : 4;
}
