/* SPDX-License-Identifier: MIT */
/* Uses vfork.h in C++17, without casts. */
#include <rseqkit/vfork.h>

#include <sys/wait.h>
#include <unistd.h>

extern "C" int begins();
extern "C" pid_t ends(long made, int begun);
extern "C" pid_t own_vfork() __attribute__((__returns_twice__));

int begins()
{
	return rk_vfork_begin();
}

pid_t ends(long made, int begun)
{
	return begun == 0 && rk_vfork_end() == 0 ? static_cast<pid_t>(made) : -1;
}

RK_VFORK(own_vfork, begins, ends);

int main()
{
	const pid_t pid = own_vfork();
	int status;

	if (pid == 0)
		_exit(3);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 3)
		return 1;
	return 0;
}
