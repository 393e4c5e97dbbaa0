/* SPDX-License-Identifier: MIT */
/* api.h from C++17, with no cast and no other header. */
#include <rseqkit/api.h>

int main()
{
	const char *version = rk_version();

	return version[0] == '0' + RK_VERSION_MAJOR ? 0 : 1;
}
