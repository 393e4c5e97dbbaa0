/* SPDX-License-Identifier: MIT */
/*
 * agent_exec.c - replaces exec*() and posix_spawn*() in a program into which `rseqkit torture --inside` (the tool) has preloaded
 * its agent. The executed program gets the signal mask that the caller has chosen. If it can't load the agent, its environment
 * doesn't name the agent.
 *
 * After chroot(2), or in another mount namespace, the agent's file possibly can't be opened by its path. Then the dynamic linker
 * would print an error, so these functions leave the agent out of LD_PRELOAD. They count such programs for the tool. The
 * invariant: these functions allocate nothing, because the caller can be a child of vfork.
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

/* Older C libraries don't declare this function. */
int execveat(int folder, const char *path, char *const arguments[], char *const environment[], int flags);

DECLARE_NEXT(execve);
DECLARE_NEXT(execvpe);
DECLARE_NEXT(execveat);
DECLARE_NEXT(fexecve);
DECLARE_NEXT(posix_spawn);
DECLARE_NEXT(posix_spawnp);

static char memory_path[64];
static const char *library_path;
static uid_t opener; /* the effective user when the memory was opened */

void agent_note_paths(const char *memory)
{
	Dl_info info;

	opener = geteuid();
	if (dladdr((void *)(uintptr_t)agent_note_paths, &info) != 0)
		library_path = info.dli_fname;
	if (strlen(memory) < sizeof(memory_path))
		strcpy(memory_path, memory);
}

/* Can the executed program open the file? If an open fails here for lack of descriptors or memory, the program possibly can. */
static bool is_reachable(const char *path, int flags)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC);

	if (fd >= 0)
		(void)syscall(SYS_close, fd);
	return fd >= 0 || (errno != ENOENT && errno != ENOTDIR && errno != EACCES && errno != EPERM && errno != ELOOP);
}

/*
 * Will the executed program be able to open the shared memory as the present user? A user other than root possibly loses
 * capabilities by exec.
 */
static bool keeps_user(void)
{
	const uid_t user = (uid_t)syscall(SYS_geteuid);

	return user == 0 || user == opener;
}

static const char preload[] = "LD_PRELOAD=";

static bool has_agent(const char *variable)
{
	return library_path != NULL && strncmp(variable, preload, sizeof(preload) - 1) == 0 &&
	       strstr(variable, library_path) != NULL;
}

/* Copies the variable LD_PRELOAD without the agent's path. Returns NULL if no other path is left. */
static char *without_agent(const char *variable, char *copy)
{
	const char *found = strstr(variable, library_path), *rest = found + strlen(library_path);
	size_t size = (size_t)(found - variable);

	memcpy(copy, variable, size);
	if (size > sizeof(preload) - 1 && (copy[size - 1] == ':' || copy[size - 1] == ' '))
		size--;
	else if (*rest == ':' || *rest == ' ')
		rest++;
	strcpy(copy + size, rest);
	return copy[sizeof(preload) - 1] != '\0' ? copy : NULL;
}

/* The program that is to be executed, and how. */
struct call {
	enum { BY_PATH, BY_SEARCH, BY_FOLDER, BY_DESCRIPTOR, BY_SPAWN, BY_SPAWN_SEARCH } way;
	int fd, flags;
	const char *path;
	char *const *arguments;
	char *const *environment;
	pid_t *pid;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attributes;
};

static int run(const struct call *call)
{
	switch (call->way) {
	case BY_SEARCH:
		return NEXT(execvpe)(call->path, call->arguments, call->environment);
	case BY_FOLDER:
		return NEXT(execveat)(call->fd, call->path, call->arguments, call->environment, call->flags);
	case BY_DESCRIPTOR:
		return NEXT(fexecve)(call->fd, call->arguments, call->environment);
	case BY_SPAWN:
		return NEXT(posix_spawn)(call->pid, call->path, call->actions, call->attributes, call->arguments,
					 call->environment);
	case BY_SPAWN_SEARCH:
		return NEXT(posix_spawnp)(call->pid, call->path, call->actions, call->attributes, call->arguments,
					  call->environment);
	default:
		return NEXT(execve)(call->path, call->arguments, call->environment);
	}
}

/* Executes the program with the signal mask that the caller has chosen. Meanwhile this thread comes to no breakpoint. */
static int run_masked(const struct call *call)
{
	sigset_t now, shown;
	bool differs;
	int result, error;

	(void)syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, NSIG / 8);
	shown = now;
	agent_show(&shown);
	differs = sigismember(&shown, SIGTRAP) == 1;
	if (differs)
		(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &shown, NULL, NSIG / 8);
	result = run(call);
	error = errno;
	if (differs)
		(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &now, NULL, NSIG / 8);
	errno = error;
	return result;
}

static int execute(struct call call)
{
	char *const *from = call.environment;
	size_t count = 0, at = 0, kept = 0;
	bool library, reached;
	char **list;
	int result;

	if (!agent_is_active() || from == NULL)
		return run(&call);
	while (from[count] != NULL)
		count++;
	while (at < count && !has_agent(from[at]))
		at++;
	library = at == count || is_reachable(library_path, O_RDONLY);
	reached = at == count || (library && keeps_user() && is_reachable(memory_path, O_RDWR));
	if (!library) {
		list = (char **)alloca((count + 1) * sizeof(*list));
		for (size_t i = 0; i < count; i++) {
			list[kept] = i == at ? without_agent(from[at], (char *)alloca(strlen(from[at]) + 1)) : from[i];
			kept += list[kept] != NULL;
		}
		list[kept] = NULL;
		call.environment = list;
	}
	if (!reached)
		__atomic_add_fetch(&agent_shared->lost, 1, __ATOMIC_RELAXED);
	result = run_masked(&call);
	if (!reached && (call.way < BY_SPAWN || result != 0))
		__atomic_sub_fetch(&agent_shared->lost, 1, __ATOMIC_RELAXED);
	return result;
}

EXPORTED int execve(const char *path, char *const arguments[], char *const environment[])
{
	return execute((struct call){.way = BY_PATH, .path = path, .arguments = arguments, .environment = environment});
}

EXPORTED int execv(const char *path, char *const arguments[])
{
	return execve(path, arguments, environ);
}

EXPORTED int execvpe(const char *name, char *const arguments[], char *const environment[])
{
	return execute((struct call){.way = BY_SEARCH, .path = name, .arguments = arguments, .environment = environment});
}

EXPORTED int execvp(const char *name, char *const arguments[])
{
	return execvpe(name, arguments, environ);
}

EXPORTED int execveat(int folder, const char *path, char *const arguments[], char *const environment[], int flags)
{
	return execute((struct call){.way = BY_FOLDER, .fd = folder, .path = path, .arguments = arguments,
				     .environment = environment, .flags = flags});
}

EXPORTED int fexecve(int fd, char *const arguments[], char *const environment[])
{
	return execute((struct call){.way = BY_DESCRIPTOR, .fd = fd, .arguments = arguments, .environment = environment});
}

EXPORTED int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
			 const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
	return execute((struct call){.way = BY_SPAWN, .pid = pid, .path = path, .actions = actions, .attributes = attributes,
				     .arguments = arguments, .environment = environment});
}

EXPORTED int posix_spawnp(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
			  const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
	return execute((struct call){.way = BY_SPAWN_SEARCH, .pid = pid, .path = name, .actions = actions,
				     .attributes = attributes, .arguments = arguments, .environment = environment});
}

/* Copies the variable arguments, up to NULL, into `arguments`. Leaves `list` after this NULL. `first` must not be NULL. */
#define COLLECT(first, arguments, list)                                                                                \
	do {                                                                                                           \
		size_t collected_ = 1;                                                                                 \
		va_start(list, first);                                                                                 \
		while (va_arg(list, char *) != NULL)                                                                   \
			collected_++;                                                                                  \
		va_end(list);                                                                                          \
		arguments = (char **)alloca((collected_ + 1) * sizeof(char *));                                        \
		arguments[0] = (char *)(uintptr_t)first;                                                               \
		va_start(list, first);                                                                                 \
		for (size_t i_ = 1; i_ <= collected_; i_++)                                                            \
			arguments[i_] = va_arg(list, char *);                                                          \
	} while (0)

EXPORTED int execl(const char *path, const char *first, ...)
{
	char **arguments;
	va_list list;

	COLLECT(first, arguments, list);
	va_end(list);
	return execve(path, arguments, environ);
}

EXPORTED int execlp(const char *name, const char *first, ...)
{
	char **arguments;
	va_list list;

	COLLECT(first, arguments, list);
	va_end(list);
	return execvpe(name, arguments, environ);
}

EXPORTED int execle(const char *path, const char *first, ...)
{
	char **arguments, **environment;
	va_list list;

	COLLECT(first, arguments, list);
	environment = va_arg(list, char **);
	va_end(list);
	return execve(path, arguments, environment);
}
