/* SPDX-License-Identifier: MIT */
/*
 * rights.c - accesses files with the ids of another process, see rights.h.
 *
 * The invariant: outside of rights_suspend() and rights_resume(), the child has the process's ids for files. The child changes
 * only its ids for files (setfsuid), so it can return to its own ids. This protects against files, and not against code that has
 * taken over the child.
 */
#define _GNU_SOURCE
#include "rights.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/proc.h"

#define GROUPS_MAX 64 /* further groups are ignored */

struct rights {
	uid_t uid;
	gid_t gid, groups[GROUPS_MAX];
	size_t count;
};

static bool taken;
static uid_t user;      /* the process's id for files, if `taken` */
static pid_t tool = -1; /* the parent of this child */

/* Reads the last of the four ids, the id for files. The others are the real, the effective and the saved id. */
static bool read_id(pid_t pid, const char *name, unsigned *id)
{
	char text[64];

	return proc_field(pid, name, text, sizeof(text)) && sscanf(text, "%*u %*u %*u %u", id) == 1;
}

static bool read_rights(pid_t pid, struct rights *rights)
{
	char text[GROUPS_MAX * 12]; /* room for GROUPS_MAX ids */
	char *at = text, *end;

	rights->count = 0;
	if (!read_id(pid, "Uid", &rights->uid) || !read_id(pid, "Gid", &rights->gid) ||
	    !proc_field(pid, "Groups", text, sizeof(text)))
		return false;
	while (rights->count < GROUPS_MAX) {
		unsigned long id = strtoul(at, &end, 10);

		if (end == at)
			break;
		rights->groups[rights->count++] = (gid_t)id;
		at = end;
	}
	return true;
}

/* Only the tool limits the child's time. A change of ids clears the death signal, so this follows each change. */
static void end_with_tool(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != tool)
		raise(SIGKILL);
}

static bool change_user(uid_t id)
{
	(void)setfsuid(id);
	end_with_tool();
	return setfsuid((uid_t)-1) == (int)id;
}

bool rights_take(pid_t pid, pid_t parent)
{
	struct rights rights;

	tool = parent;
	end_with_tool();
	if (geteuid() != 0)
		return true;
	if (!read_rights(pid, &rights))
		return false;
	if (rights.uid == 0)
		return true;
	if (setgroups(rights.count, rights.groups) != 0)
		return false;
	(void)setfsgid(rights.gid);
	taken = change_user(rights.uid) && setfsgid((gid_t)-1) == (int)rights.gid;
	user = rights.uid;
	return taken;
}

void rights_suspend(void)
{
	if (taken)
		(void)change_user(0); /* if this fails, the child has fewer rights, and reads less */
}

void rights_resume(void)
{
	if (taken && !change_user(user))
		_exit(1);
}
