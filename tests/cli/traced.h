/* SPDX-License-Identifier: MIT */
/*
 * traced.h - runs `rseqkit trace` and `top` for test_trace.c, and reads the kernel's trace by itself, as text.
 *
 * The invariant: mounts that a test makes or hides are in mount namespaces of the test.
 */
#ifndef TESTS_CLI_TRACED_H
#define TESTS_CLI_TRACED_H

#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define SECONDS_MAX 100 /* the test fails if an event that it waits for takes longer, on any machine */

/* The things that a test can hide from the tool. */
enum hidden { NOTHING, MOUNTS, ABORTS, UPDATES, TRACEFS };

/* Lines of text, sorted. */
struct texts {
	char **text;
	size_t count;
};

/* The output of `trace --json`. */
struct lines {
	json_object **abort, *summary;
	size_t aborts;
};

static char out[64]; /* the file of --output */

/* Mounts tracefs in a namespace of this test. Returns 0, or an error number. */
static int mount_tracefs(void)
{
	snprintf(out, sizeof(out), "/tmp/test-trace-%d", (int)getpid());
	setenv("OUT", out, 1);
	(void)mkdir("/mnt", 0755);
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return errno;
	return mount("tracefs", "/mnt", "tracefs", 0, NULL) == 0 ? 0 : errno;
}

/* Returns a descriptor of tracefs's folder, or -1 with errno if this process has no tracefs. */
static int tracefs(void)
{
	static int folder = -2, error;

	if (folder == -2) {
		error = mount_tracefs();
		folder = error == 0 ? open("/mnt", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	}
	errno = error;
	return folder;
}

static bool has_event(const char *event)
{
	char path[128];

	snprintf(path, sizeof(path), "events/rseq/%s/format", event);
	return tracefs() >= 0 && faccessat(tracefs(), path, F_OK, 0) == 0;
}

#define NEED_ABORTS()                                                                                                  \
	do {                                                                                                           \
		if (!has_event("rseq_ip_fixup")) {                                                                     \
			printf("# reason: %s\n", tracefs() < 0 ? strerror(errno) : "no event rseq_ip_fixup");          \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

/* Reads a whole file. */
static char *text_of(int folder, const char *path)
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	size_t size = 0, room = 1 << 16;
	char *text = (char *)malloc(room + 1);
	ssize_t n = -1;

	while (fd >= 0 && text != NULL && (n = read(fd, text + size, room - size)) > 0) {
		size += (size_t)n;
		if (size == room)
			text = (char *)realloc(text, (room *= 2) + 1);
	}
	if (text == NULL || n < 0)
		fail_msg("%s: %s", path, strerror(errno));
	text[size] = '\0';
	close(fd);
	return text;
}

static void set(const char *path, const char *text)
{
	int fd = openat(tracefs(), path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_text(struct texts *texts, const char *text)
{
	texts->text = (char **)realloc(texts->text, (texts->count + 1) * sizeof(char *));
	assert_non_null(texts->text);
	texts->text[texts->count++] = strdup(text);
}

static void sort_texts(struct texts *texts)
{
	if (texts->count > 0)
		qsort(texts->text, texts->count, sizeof(char *), by_text);
}

/* Prints the texts that only one of two sorted lists has. Returns their number. */
static size_t print_differences(const struct texts *got, const struct texts *wanted)
{
	size_t i = 0, j = 0, different = 0;

	while (i < got->count || j < wanted->count) {
		int order = i == got->count ? 1 : j == wanted->count ? -1 : strcmp(got->text[i], wanted->text[j]);

		if (order != 0) {
			printf("# only in the %s: %s\n", order < 0 ? "tool's trace" : "test's trace",
			       order < 0 ? got->text[i] : wanted->text[j]);
			different++;
		}
		i += order <= 0;
		j += order >= 0;
	}
	return different;
}

static void forget_texts(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->text[i]);
	free(texts->text);
	*texts = (struct texts){0};
}

/* Returns the path of a file in this process's instance of tracefs, until the next call. "" is the instance itself. */
static const char *instance(const char *file)
{
	static char path[96];

	snprintf(path, sizeof(path), "instances/test-rseqkit-%d%s%s", (int)getpid(), file[0] != '\0' ? "/" : "", file);
	return path;
}

/* Creates an instance that records the events of rseq for all processes that this test starts from now on. */
static void begin_record(void)
{
	char pid[16];

	(void)unlinkat(tracefs(), instance(""), AT_REMOVEDIR);
	assert_int_equal(mkdirat(tracefs(), instance(""), 0700), 0);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	set(instance("buffer_size_kb"), "4096");
	set(instance("options/event-fork"), "1");
	set(instance("set_event_pid"), pid);
	set(instance("events/rseq/enable"), "1");
}

/* Returns the instance's entries of an event. Each is "TID CPU", and then the kernel's text after the event's name. */
static struct texts recorded(const char *event)
{
	struct texts texts = {0};
	char *all = text_of(tracefs(), instance("trace")), *saved = NULL, name[64];

	snprintf(name, sizeof(name), ": %s: ", event);
	for (char *line = strtok_r(all, "\n", &saved); line != NULL; line = strtok_r(NULL, "\n", &saved)) {
		char *found = strstr(line, name), *bracket, text[512];
		int cpu;

		if (line[0] == '#' || found == NULL)
			continue;
		/* NAME-TID     [CPU] FLAGS TIME: EVENT: ..., and names can have any characters. */
		*found = '\0';
		bracket = strrchr(line, '[');
		if (bracket == NULL || sscanf(bracket, "[%d]", &cpu) != 1)
			continue;
		*bracket = '\0';
		snprintf(text, sizeof(text), "%d %d %s", atoi(strrchr(line, '-') + 1), cpu, found + strlen(name));
		add_text(&texts, text);
	}
	free(all);
	sort_texts(&texts);
	return texts;
}

static struct texts end_record(const char *event)
{
	struct texts texts;

	set(instance("events/enable"), "0");
	texts = recorded(event);
	assert_int_equal(unlinkat(tracefs(), instance(""), AT_REMOVEDIR), 0);
	return texts;
}

/* Waits until the kernel has reported at least `wanted` aborts. */
static void wait_for_aborts(size_t wanted)
{
	size_t count = 0;

	for (int waited = 0; waited < SECONDS_MAX * 5 && count < wanted; waited++) {
		struct texts now = recorded("rseq_ip_fixup");

		count = now.count;
		forget_texts(&now);
		usleep(200000);
	}
	if (count < wanted)
		fail_msg("%zu aborts in %d s", count, SECONDS_MAX);
}

/* Removes all mounts of tracefs that this process sees. */
static void unmount_all(void)
{
	char *text = text_of(AT_FDCWD, "/proc/self/mounts"), where[256], kind[64];

	for (char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL)
		if (sscanf(line, "%*s %255s %63s", where, kind) == 2 && strcmp(kind, "tracefs") == 0)
			(void)umount2(where, MNT_DETACH);
	free(text);
}

/* From now on, the kernel answers fsopen(2) as if it were built without CONFIG_TRACING. Returns 0 on success. */
static int filter_fsopen(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsopen, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENODEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Hides a part of tracefs from the calling process. Returns 0 on success. */
static int hide(enum hidden hidden)
{
	const char *over = hidden == ABORTS ? "/mnt/events/rseq" : "/mnt/events/rseq/rseq_update";

	if (hidden == NOTHING)
		return 0;
	if (unshare(CLONE_NEWNS) != 0)
		return -1;
	unmount_all();
	if (hidden == TRACEFS)
		return filter_fsopen();
	if (hidden == MOUNTS)
		return 0;
	return mount("tracefs", "/mnt", "tracefs", 0, NULL) != 0 || mount("tmpfs", over, "tmpfs", 0, NULL) != 0;
}

/*
 * Starts the tool with the arguments `words`. If `words` begins with "$HELPERS/", starts this program instead. A shell expands
 * the words. The program's output goes to `output`.
 */
static pid_t start(enum hidden hidden, const char *words, int output)
{
	char command[1024];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(command, sizeof(command), "exec %s%s", words[0] == '$' ? "" : "$RSEQKIT ", words);
	if (output >= 0) {
		dup2(output, STDOUT_FILENO);
		dup2(output, STDERR_FILENO);
	}
	if (hide(hidden) == 0)
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Runs the tool to its end. Returns the tool's exit status, and stores the tool's output in *said. */
static int run_tool(enum hidden hidden, const char *words, char **said)
{
	char path[80];
	int fd, status;

	snprintf(path, sizeof(path), "%s.said", out);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	status = exit_status_of(start(hidden, words, fd));
	close(fd);
	*said = text_of(AT_FDCWD, path);
	(void)unlink(path);
	return status;
}

/* Starts a trace of the program `aborted`. The program runs until end_traced(). */
static pid_t start_traced(enum hidden hidden, const char *options, const char *modes)
{
	char words[512];

	snprintf(words, sizeof(words), "trace --json %s --output $OUT -- /bin/sh -c 'echo $$ >$OUT.pid; exec $HELPERS/aborted %s 1000'",
		 options, modes);
	return start(hidden, words, -1);
}

/* Ends the program, which ends the trace. */
static void end_traced(pid_t tool)
{
	char path[80], *text;

	snprintf(path, sizeof(path), "%s.pid", out);
	text = text_of(AT_FDCWD, path);
	kill((pid_t)atoi(text), SIGKILL);
	free(text);
	(void)unlink(path);
	assert_int_equal(exit_status_of(tool), 0);
}

#endif /* TESTS_CLI_TRACED_H */
