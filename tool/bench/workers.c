/* SPDX-License-Identifier: MIT */
/*
 * workers.c - starts the workers of `rseqkit bench`, and communicates with them over a socket pair.
 *
 * No worker outlives the tool. A worker ends at the end of its input. If it doesn't, the tool kills the worker. If the tool
 * itself is killed, the kernel kills the worker. Sockets are used instead of pipes, because a write to a dead process must be
 * an error and not a signal.
 */
#define _GNU_SOURCE
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/self.h"
#include "tool.h"

#define SILENCE_MAX_MS 30000 /* limit for an answer. Usually a slice takes milliseconds, but in an emulator much longer */
#define END_MAX_MS 2000      /* limit for a worker to end, before it is killed */

static const char *const names[BENCH_MODES] = {
	[BENCH_PIE] = "rseqkit-bench-pie",
	[BENCH_NON_PIE] = "rseqkit-bench-nopie",
};

/* The workers' folders relative to the folder of the tool's executable: in the build tree, and installed. */
static const char *const folders[] = {"../bench", "../libexec/rseqkit"};

/* Stores the worker's path in path[PATH_MAX]. */
static bool find(const char *name, char *path)
{
	char self[PATH_MAX];
	char *slash;

	if (!self_path(self)) {
		complain("without /proc this program can't find its own folder, nor its workers. Mount /proc.");
		return false;
	}
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (snprintf(path, PATH_MAX, "%s/%s/%s", self, folders[i], name) < PATH_MAX && self_may(path, X_OK))
			return true;
	complain("cannot find %s in %s/%s or %s/%s. Build or install all of rseqkit.", name, self, folders[0], self,
		 folders[1]);
	return false;
}

/*
 * Makes the rseq system call fail with ENOSYS, in this process and in the program that the process executes next, including
 * its C library.
 */
static void take_rseq_away(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rseq, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	/* If these calls fail, the worker notices that it has rseq, and reports this. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static bool take_libc_registration_away(void)
{
	const char *tunables = getenv("GLIBC_TUNABLES");
	char text[4096];
	bool more = tunables != NULL && tunables[0] != '\0';
	/* The C library uses the last of several rseq tunables. */
	int length = snprintf(text, sizeof(text), "%s%sglibc.pthread.rseq=0", more ? tunables : "", more ? ":" : "");

	return length < (int)sizeof(text) && setenv("GLIBC_TUNABLES", text, 1) == 0;
}

/*
 * Puts the library at the beginning of LD_PRELOAD. Directs stderr to /dev/null, because the worker's answer shows whether the
 * library was loaded, and the dynamic linker's message isn't needed.
 */
static bool put_before_others(const char *preload)
{
	const char *others = getenv("LD_PRELOAD");
	char text[4096];
	int silence = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int length = snprintf(text, sizeof(text), "%s%s%s", preload, others != NULL ? ":" : "",
			      others != NULL ? others : "");

	if (silence >= 0)
		(void)dup2(silence, STDERR_FILENO);
	return length < (int)sizeof(text) && setenv("LD_PRELOAD", text, 1) == 0;
}

static _Noreturn void become_worker(const char *path, const char *name, int fd, enum bench_environment environment,
				    const char *preload, pid_t parent)
{
	/* If the tool was killed before PR_SET_PDEATHSIG took effect, getppid() shows this. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && dup2(fd, STDIN_FILENO) >= 0 &&
	    dup2(fd, STDOUT_FILENO) >= 0 && (environment != BENCH_NO_LIBC || take_libc_registration_away()) &&
	    (preload == NULL || put_before_others(preload))) {
		if (environment == BENCH_NO_RSEQ)
			take_rseq_away();
		execl(path, name, (char *)NULL);
	}
	_exit(EXIT_USAGE);
}

bool bench_worker_start(struct bench_worker *worker, enum bench_mode mode, enum bench_environment environment,
			const char *preload)
{
	char path[PATH_MAX];
	int ends[2];
	pid_t parent = getpid(), pid;

	*worker = (struct bench_worker){.name = names[mode]};
	if (!find(worker->name, path))
		return false;
	signal(SIGCHLD, SIG_DFL); /* if the tool inherited an ignored SIGCHLD, the kernel would reap its children */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		complain("cannot make a socket pair: %s", strerror(errno));
		return false;
	}
	pid = fork();
	if (pid == 0)
		become_worker(path, worker->name, ends[1], environment, preload, parent);
	if (pid < 0)
		complain("cannot start %s: %s", worker->name, strerror(errno));
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return false;
	}
	worker->pid = pid;
	worker->fd = ends[0];
	return true;
}

/* The worker's socket has an error or has closed. Prints why, and returns false. */
static bool lost(struct bench_worker *worker)
{
	int status;
	const struct timespec moment = {.tv_nsec = 100000000};

	nanosleep(&moment, NULL); /* the socket can close before the process has ended */
	if (waitpid(worker->pid, &status, WNOHANG) != worker->pid) {
		complain("%s closed its output", worker->name);
		return false;
	}
	if (WIFSIGNALED(status))
		complain("%s was killed by signal %d (%s)", worker->name, WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		complain("%s exited with status %d", worker->name, WEXITSTATUS(status));
	worker->pid = 0;
	close(worker->fd);
	return false;
}

bool bench_worker_ask(struct bench_worker *worker, const char *format, ...)
{
	char request[256];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(request, sizeof(request) - 1, format, args);
	va_end(args);
	request[length++] = '\n';
	if (send(worker->fd, request, (size_t)length, MSG_NOSIGNAL) != length)
		return lost(worker);
	return true;
}

/* Receives more of the answer. Returns false after a failure or a timeout. */
static bool receive(struct bench_worker *worker)
{
	struct pollfd poller = {.fd = worker->fd, .events = POLLIN};
	int ready;
	ssize_t n;

	do
		ready = poll(&poller, 1, SILENCE_MAX_MS);
	while (ready < 0 && errno == EINTR);
	if (ready == 0) {
		complain("%s doesn't answer", worker->name);
		return false;
	}
	n = recv(worker->fd, worker->received + worker->size, sizeof(worker->received) - worker->size, 0);
	if (n <= 0)
		return lost(worker);
	worker->size += (size_t)n;
	return true;
}

const char *bench_worker_answer(struct bench_worker *worker)
{
	char *newline;

	worker->size -= worker->returned;
	memmove(worker->received, worker->received + worker->returned, worker->size);
	worker->returned = 0;
	while ((newline = memchr(worker->received, '\n', worker->size)) == NULL) {
		if (worker->size == sizeof(worker->received)) {
			complain("%s sends an answer without end", worker->name);
			return NULL;
		}
		if (!receive(worker))
			return NULL;
	}
	*newline = '\0';
	worker->returned = (size_t)(newline - worker->received) + 1;
	return worker->received;
}

void bench_worker_stop(struct bench_worker *worker)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int status;

	if (worker->pid <= 0)
		return;
	close(worker->fd);
	for (int ms = 0; waitpid(worker->pid, &status, WNOHANG) == 0; ms++) {
		if (ms == END_MAX_MS)
			kill(worker->pid, SIGKILL);
		nanosleep(&pause, NULL);
	}
	worker->pid = 0;
}
