/* SPDX-License-Identifier: MIT */
/* naming.c - asks a child process for symbols and source lines, see naming.h. */
#define _GNU_SOURCE
#include "naming.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/mapped.h"
#include "common/proc.h"
#include "common/source.h"

#define ANSWER_NS UINT64_C(20000000000) /* the time limit of an answer */
#define HURRY_NS UINT64_C(2000000000)   /* the time limit if the user wants to end the trace */
#define MEMORY_MAX ((rlim_t)4 << 30) /* bytes of address space that the child may take in addition to what it has at its start */
#define OVERFLOW_ID 65534
#define FILE_AT 3 /* the child's descriptor of the file */
#define SOCKET_AT 4 /* the child's descriptor of the socket */

/* Converts an offset in the file to an address by the file's program headers. */
static bool to_address(Elf *elf, uint64_t offset, uint64_t *address)
{
	size_t count = 0;

	if (elf == NULL || elf_getphdrnum(elf, &count) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;

		if (gelf_getphdr(elf, (int)i, &header) == NULL || header.p_type != PT_LOAD || offset < header.p_offset ||
		    offset - header.p_offset >= header.p_filesz)
			continue;
		*address = header.p_vaddr + (offset - header.p_offset);
		return true;
	}
	return false;
}

static void find_names(Dwfl_Module *module, uint64_t offset, struct source *answer)
{
	GElf_Addr bias = 0;
	Elf *elf = module != NULL ? dwfl_module_getelf(module, &bias) : NULL;
	uint64_t address = 0;
	bool known = to_address(elf, offset, &address);

	source_find(known ? module : NULL, address + bias, answer);
}

/* Limits the child's memory, forbids it to write files, and takes its privileges away. Returns false if the tool has ended. */
static bool give_up_rights(pid_t parent)
{
	struct rlimit limit = {0, 0};
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file != NULL && fscanf(file, "%lu", &pages) == 1) {
		limit.rlim_cur = limit.rlim_max = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY_MAX;
		(void)setrlimit(RLIMIT_AS, &limit);
	}
	if (file != NULL)
		fclose(file);
	limit = (struct rlimit){0, 0};
	(void)setrlimit(RLIMIT_CORE, &limit);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(OVERFLOW_ID, OVERFLOW_ID, OVERFLOW_ID) != 0 ||
			       setresuid(OVERFLOW_ID, OVERFLOW_ID, OVERFLOW_ID) != 0))
		return false;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* A change of the user clears the death signal, so it is set only now. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return getppid() == parent;
}

static bool close_others(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, SOCKET_AT + 1, ~0U, 0) == 0)
		return true;
#endif
	for (int fd = SOCKET_AT + 1; fd < (int)sysconf(_SC_OPEN_MAX); fd++)
		close(fd);
	return true;
}

static int open_debug_file(void *argument, const char *path)
{
	(void)argument;
	return mapped_open_regular(AT_FDCWD, path);
}

static int find_debug_file(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, const char *file,
			   const char *link, GElf_Word checksum, char **found)
{
	(void)data;
	(void)name;
	(void)base;
	return source_find_debug_file(module, file, link, checksum, open_debug_file, NULL, found);
}

/* The child: answers one question after the other. Each question is an offset. */
static _Noreturn void serve(int file, const char *name, int socket, pid_t parent)
{
	static char *no_path = NULL;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = find_debug_file,
		.debuginfo_path = &no_path,
		.section_address = dwfl_offline_section_address,
	};
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTOU, SIGTTIN, SIGPIPE, SIGWINCH};
	struct source answer;
	Dwfl_Module *module = NULL;
	uint64_t offset;
	sigset_t none;
	Dwfl *dwfl;
	int high = fcntl(socket, F_DUPFD, 64), low = fcntl(file, F_DUPFD, 64);

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN); /* the terminal also sends these signals to this child */
	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (high < 0 || low < 0 || dup2(low, FILE_AT) < 0 || dup2(high, SOCKET_AT) < 0 || !close_others() ||
	    !give_up_rights(parent))
		_exit(1);
	dwfl = dwfl_begin(&callbacks);
	if (dwfl != NULL) {
		dwfl_report_begin(dwfl);
		module = dwfl_report_offline(dwfl, "", name, FILE_AT);
		if (dwfl_report_end(dwfl, NULL, NULL) != 0)
			module = NULL;
	}
	while (recv(SOCKET_AT, &offset, sizeof(offset), 0) == sizeof(offset)) {
		find_names(module, offset, &answer);
		if (send(SOCKET_AT, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
			break;
	}
	_exit(0);
}

bool naming_start(struct naming *naming, int file, const char *name)
{
	pid_t parent = getpid();
	int ends[2];

	*naming = (struct naming){-1, -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	naming->child = fork();
	if (naming->child == 0)
		serve(file, name, ends[1], parent);
	close(ends[1]);
	naming->fd = ends[0];
	if (naming->child > 0)
		return true;
	naming_stop(naming);
	return false;
}

void naming_stop(struct naming *naming)
{
	if (naming->fd >= 0)
		close(naming->fd);
	if (naming->child > 0) {
		kill(naming->child, SIGKILL);
		while (waitpid(naming->child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*naming = (struct naming){-1, -1};
}

bool naming_ask(struct naming *naming, uint64_t offset, struct source *answer, bool (*meanwhile)(void *), void *argument)
{
	const struct timespec pause = {0, 1000000};
	uint64_t begun = proc_now(), patience = ANSWER_NS;
	ssize_t n = -1;
	int ready;

	if (naming->fd < 0 || send(naming->fd, &offset, sizeof(offset), MSG_NOSIGNAL) != sizeof(offset)) {
		naming_stop(naming);
		return false;
	}
	do {
		struct pollfd poller = {.fd = naming->fd, .events = POLLIN};

		ready = poll(&poller, 1, 20);
		if (ready < 0) /* also if a filter refuses poll() */
			nanosleep(&pause, NULL);
		if (ready != 0)
			n = recv(naming->fd, answer, sizeof(*answer), MSG_DONTWAIT);
		if (ready > 0 || n >= 0)
			break;
		if (!meanwhile(argument))
			patience = HURRY_NS;
	} while (proc_now() - begun < patience);
	if (n == sizeof(*answer)) {
		source_check(answer);
		return true;
	}
	naming_stop(naming);
	return false;
}
