/* SPDX-License-Identifier: MIT */
/*
 * tracefs.c - opens tracefs, see tracefs.h.
 *
 * To find a mounted tracefs, tracefs.c reads the list of mounts. It doesn't look into /sys/kernel/debug/tracing, because then the
 * kernel would mount tracefs there, and that mount would stay.
 */
#define _GNU_SOURCE
#include "tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool.h"

#define TEXT_MAX (1U << 20)

/* From include/uapi/linux/mount.h of kernel 5.2. */
#define MOUNT_CLOEXEC 1U
#define MOUNT_CREATE 6U /* FSCONFIG_CMD_CREATE */

char *tracefs_read(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC), error;
	char *text = (char *)malloc(TEXT_MAX + 1), *less;
	ssize_t n = -1;
	size_t size = 0;

	if (fd >= 0 && text != NULL)
		while ((n = read(fd, text + size, TEXT_MAX - size)) > 0)
			size += (size_t)n;
	error = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		errno = error;
		return NULL;
	}
	text[size] = '\0';
	less = (char *)realloc(text, size + 1);
	return less != NULL ? less : text;
}

int tracefs_write(int folder, const char *name, const char *text)
{
	int fd = openat(folder, name, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	if (close(fd) != 0 && error == 0)
		error = errno;
	return error;
}

bool tracefs_number(const char *text, const char *name, uint64_t *number)
{
	size_t length = strlen(name);

	for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
		char *end;

		if (strncmp(line, name, length) != 0)
			continue;
		*number = strtoull(line + length, &end, 10);
		if (end != line + length)
			return true;
	}
	return false;
}

/* Opens the first tracefs in the list of mounts that this process may use. Returns -1 if there is no such mount. */
static int open_mounted(int *error)
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char *line = NULL;
	size_t room = 0;
	int found = -1;

	while (mounts != NULL && found < 0 && getline(&line, &room, mounts) > 0) {
		char *saved = NULL, *where, *kind;

		(void)strtok_r(line, " ", &saved);
		where = strtok_r(NULL, " ", &saved);
		kind = strtok_r(NULL, " ", &saved);
		/*
		 * The list escapes a blank in a folder's name, so this open() fails. Then mount_detached() makes another mount.
		 */
		if (where == NULL || kind == NULL || strcmp(kind, "tracefs") != 0)
			continue;
		found = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (found >= 0 && faccessat(found, "instances", W_OK | X_OK, AT_EACCESS) != 0) {
			*error = errno;
			close(found);
			found = -1;
		}
	}
	free(line);
	if (mounts != NULL)
		fclose(mounts);
	return found;
}

/* Mounts tracefs without attaching it to a folder. Returns the mount's root, or -1 with errno. */
static int mount_detached(void)
{
#if defined(SYS_fsopen) && defined(SYS_fsconfig) && defined(SYS_fsmount)
	int context = (int)syscall(SYS_fsopen, "tracefs", MOUNT_CLOEXEC), root = -1, error;

	if (context >= 0 && syscall(SYS_fsconfig, context, MOUNT_CREATE, NULL, NULL, 0) == 0)
		root = (int)syscall(SYS_fsmount, context, MOUNT_CLOEXEC, 0);
	error = errno;
	if (context >= 0)
		close(context);
	errno = error;
	return root;
#else
	errno = ENOSYS;
	return -1;
#endif
}

/* Prints why tracefs can't be used, and the one command that helps. */
static void print_advice(int error)
{
	if (error == ENODEV)
		complain("this kernel has no tracefs: it was built without CONFIG_TRACING. Use a kernel with it.");
	else if (error == ENOSYS || error == EINVAL)
		complain("tracefs is not mounted. This command mounts it: mount -t tracefs none /sys/kernel/tracing");
	else if (error == EMFILE || error == ENFILE || error == ENOMEM)
		complain("cannot open the kernel's tracing (tracefs): %s", strerror(error));
	else if (geteuid() != 0)
		complain("the kernel's tracing (tracefs) is not allowed to this user: %s. Run the same command as root, with sudo.",
			 strerror(error));
	else
		complain("the kernel's tracing (tracefs) is not allowed here: %s. In a container, run the same command on the "
			 "host, or start the container with --privileged.",
			 strerror(error));
}

int tracefs_open(void)
{
	int error = 0, root = open_mounted(&error);

	if (root < 0)
		root = mount_detached();
	if (root < 0) {
		print_advice(error != 0 ? error : errno);
	} else if (faccessat(root, "instances", W_OK | X_OK, AT_EACCESS) != 0) {
		print_advice(errno);
		close(root);
		root = -1;
	}
	return root;
}
