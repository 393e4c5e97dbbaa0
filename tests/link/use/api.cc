/* SPDX-License-Identifier: MIT */
/* Uses api.h in C++17, without casts and other headers. */
#include <rseqkit/api.h>

int main()
{
	const char *version = rk_version();

	return version[0] == '0' + RK_VERSION_MAJOR ? 0 : 1;
}
