/* SPDX-License-Identifier: MIT */
/* Uses thread.h in C++17, without casts and other headers. */
#include <rseqkit/thread.h>

int main()
{
	struct rk_process_info info;
	const volatile rk_area *area;
	enum rk_owner owner;
	enum rk_reason reason;

	if (rk_process_query(&info, sizeof(info)) != 0)
		return 1;
	if (rk_process_init() != 0 || rk_thread_prepare() != 0 || rk_thread_register() != 0 || rk_thread_users() != 1)
		return 2;
	owner = rk_thread_owner();
	reason = rk_thread_reason();
	area = rk_thread_area();
	if (owner != info.owner || reason != RK_REASON_NONE || area == nullptr || rk_owner_name(owner) == nullptr ||
	    rk_reason_text(reason) == nullptr)
		return 3;
	if (rk_vfork_begin() != 0 || rk_thread_area() != nullptr || rk_vfork_end() != 0)
		return 4;
	if (rk_cpu() < 0 || (rk_cid() < 0 && rk_area_valid >= RK_FIELD_END_MM_CID))
		return 5;
	return rk_thread_unregister();
}
