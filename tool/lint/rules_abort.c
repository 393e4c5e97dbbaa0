/* SPDX-License-Identifier: MIT */
/*
 * rules_abort.c - the rule "clobber" of `rseqkit lint`: a critical section that starts again must not read a register, or the
 * flags, that its first attempt has changed.
 *
 * The rule follows the code from the abort handler to the section's beginning. If an instruction on this path writes a changed
 * register, the section may read it. A path without branches and calls is certainly taken, so the finding is an error. Whether
 * a path with branches or calls is taken isn't known, so the finding is a note. The finding is also a note if the register can
 * have the same value at the second attempt.
 */
#include <stdlib.h>
#include <string.h>

#include "judge.h"

enum { STEPS_MAX = 4000, WAITING_MAX = 64, VISITED_MAX = 256 };

/*
 * A set of registers, separately for their low parts and for the rest (high). An instruction of x86-64 with an operand of 1 or 2
 * bytes accesses only the low part, and the rest keeps its value. Which bytes the low part has isn't distinguished further. The
 * flags count as one register, because the tables don't say which of them an instruction reads or sets.
 */
struct parts {
	insn_set low, high;
	bool flags;
};

static struct parts reads_of(const struct insn *insn)
{
	return (struct parts){insn->reads, insn->reads & ~insn->narrow, insn->conditional};
}

static struct parts writes_of(const struct insn *insn)
{
	return (struct parts){insn->writes, insn->writes & ~insn->partly, insn->sets_flags};
}

static struct parts without(struct parts parts, struct parts removed)
{
	return (struct parts){parts.low & ~removed.low, parts.high & ~removed.high, parts.flags && !removed.flags};
}

static struct parts joined(struct parts one, struct parts other)
{
	return (struct parts){one.low | other.low, one.high | other.high, one.flags || other.flags};
}

/* Returns the registers of which both sets have the same part, each as a whole. */
static struct parts common(struct parts one, struct parts other)
{
	insn_set both = (one.low & other.low) | (one.high & other.high);

	return (struct parts){both, both, one.flags && other.flags};
}

static bool is_empty(struct parts parts)
{
	return (parts.low | parts.high) == 0 && !parts.flags;
}

/* An address on a path from the abort handler, and what is known there. */
struct path_step {
	uint64_t address;
	struct parts changed; /* registers that the section may have changed, and that the path hasn't written since */
	bool sure;            /* the path to this address is certainly taken */
};

struct walk {
	struct path_step waiting[WAITING_MAX], visited[VISITED_MAX];
	size_t waiting_count, visited_count;
};

/* Returns the registers that the section reads before it writes them, on some path from the start label. */
static struct parts read_first(const struct section *section)
{
	struct parts *before = (struct parts *)calloc(section->count, sizeof(struct parts)), result = {0, 0, false};
	bool changed = before != NULL;

	while (changed) {
		changed = false;
		for (size_t i = section->count; i-- > 0;) {
			const struct node *node = &section->nodes[i];
			const struct parts none = {0, 0, false};
			struct parts next = node->next >= 0 ? before[node->next] : none;
			struct parts jump = node->jump >= 0 ? before[node->jump] : none;
			struct parts live = joined(without(joined(next, jump), writes_of(&node->insn)), reads_of(&node->insn));

			changed |= !is_empty(without(live, before[i]));
			before[i] = live;
		}
	}
	if (before != NULL)
		result = before[0];
	free(before);
	return result;
}

/* Does the section go on after this instruction, so that an abort can leave what it changes? */
static bool changes(const struct node *node)
{
	return node->next >= 0 || node->jump >= 0;
}

/*
 * Is there a path on which the section first reads the register and then writes it? Then a second attempt on the same path
 * reads what the first attempt wrote. If there is no such path, there may be no attempt that reads what an earlier attempt
 * wrote. A write of the low part leaves the rest to be read.
 */
static bool reads_then_writes(const struct section *section, struct parts what)
{
	enum { SEEN = 1, SEEN_READ = 2 };
	uint8_t *seen = (uint8_t *)calloc(section->count, 1);
	bool found = false, changed = seen != NULL;

	if (changed)
		seen[0] = SEEN;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < section->count; i++) {
			const struct node *node = &section->nodes[i];
			bool writes = changes(node) && !is_empty(common(writes_of(&node->insn), what));
			uint8_t state = seen[i];

			if ((state & SEEN) != 0 && !is_empty(common(reads_of(&node->insn), what)))
				state |= SEEN_READ;
			found |= (state & SEEN_READ) != 0 && writes;
			if (writes && (node->insn.partly & what.low) == 0)
				state &= (uint8_t)~SEEN;
			for (int k = 0; k < 2; k++) {
				int edge = k == 0 ? node->next : node->jump;

				if (edge >= 0 && (seen[edge] | state) != seen[edge]) {
					seen[edge] |= state;
					changed = true;
				}
			}
		}
	}
	free(seen);
	return found;
}

static void go_on(struct walk *walk, uint64_t address, struct parts changed, bool sure)
{
	const struct path_step place = {address, changed, sure};

	for (size_t i = 0; i < walk->visited_count; i++)
		if (walk->visited[i].address == address && is_empty(without(changed, walk->visited[i].changed)) &&
		    (walk->visited[i].sure || !sure))
			return;
	if (walk->visited_count == VISITED_MAX || walk->waiting_count == WAITING_MAX || is_empty(changed))
		return;
	walk->visited[walk->visited_count++] = place;
	walk->waiting[walk->waiting_count++] = place;
}

/* Is this a conditional move, after which a changed register can still have its old value? */
static bool may_keep(const struct insn *insn, struct parts changed)
{
	return insn->conditional && !insn->sets_flags && (insn->reads & insn->writes & (changed.low | changed.high)) != 0;
}

/*
 * Follows the code from `place`. Adds the targets of branches to the walk, to follow them later. If the path leads to the
 * section's beginning, returns the changed registers that the section reads. Otherwise returns an empty set.
 */
static struct parts follow(const struct check *check, const struct section *section, struct parts read, struct walk *walk,
		       struct path_step *place, int *steps)
{
	const struct parts none = {0, 0, false};

	while (!is_empty(place->changed) && --*steps > 0) {
		struct insn insn;

		if (place->address == section->start)
			return common(place->changed, read);
		if (place->address - section->start < section->end - section->start ||
		    !image_decode(check->image, check->decoder, place->address, &insn) || insn.unknown)
			return none;
		/* The instruction that stores the descriptor's address also reads registers. These must be unchanged, too. */
		if (section->arming.found && place->address == section->arming.address &&
		    !is_empty(common(place->changed, reads_of(&insn))))
			return common(place->changed, reads_of(&insn));
		if (may_keep(&insn, place->changed))
			place->sure = false;
		else
			place->changed = without(place->changed, writes_of(&insn));
		switch (insn.kind) {
		case INSN_JUMP:
			place->address = insn.target;
			continue;
		case INSN_BRANCH:
			place->sure = false;
			go_on(walk, insn.target, place->changed, false);
			break;
		case INSN_CALL:
			place->sure = false;
			place->changed.low &= ~check->image->arch->scratch;
			place->changed.high &= ~check->image->arch->scratch;
			place->changed.flags = false;
			break;
		case INSN_INDIRECT:
		case INSN_TRAP:
			return none;
		default:
			break;
		}
		place->address += insn.size;
	}
	return none;
}

static void tell(const struct check *check, const struct section *section, struct parts changed, bool sure,
		 struct findings *findings)
{
	const char *const *names = check->image->arch->names;

	for (int i = 0; i <= FLAGS; i++) {
		const char *name = i == FLAGS                              ? "the flags"
				   : i < FIRST_VECTOR && names[i] != NULL ? names[i]
									  : "a vector register";
		insn_set bit = i == FLAGS ? 0 : INSN_BIT(i);
		struct parts what = common(changed, (struct parts){bit, bit, i == FLAGS});

		if (is_empty(what))
			continue;
		if (sure && (section->mixed & bit) == 0 && reads_then_writes(section, what))
			add_finding(findings, ERROR_CLOBBER, section->abort,
				    "the abort handler starts the section again, which reads %s, though the section changes %s; "
				    "the second attempt "
				    "works with a wrong value",
				    name, i == FLAGS ? "them" : "it");
		else
			add_finding(findings, NOTE_CLOBBER, section->abort,
				    "a path from the abort handler may start the section again, which reads %s, though the "
				    "section changes %s",
				    name, i == FLAGS ? "them" : "it");
	}
}

void rules_abort(struct check *check, const struct section *section, struct findings *findings)
{
	const struct parts read = read_first(section);
	struct parts told = {0, 0, false}, changed = {section->changed, section->changed_high, false};
	struct walk *walk;
	int steps = STEPS_MAX;

	if (!section->complete)
		return;
	walk = (struct walk *)calloc(1, sizeof(*walk));
	if (walk == NULL)
		return;
	for (size_t i = 0; i < section->count; i++)
		changed.flags |= changes(&section->nodes[i]) && section->nodes[i].insn.sets_flags;
	go_on(walk, section->abort, changed, true);
	while (walk->waiting_count > 0) {
		struct path_step place = walk->waiting[--walk->waiting_count];

		changed = without(follow(check, section, read, walk, &place, &steps), told);
		tell(check, section, changed, place.sure, findings);
		told = joined(told, changed);
	}
	free(walk);
}
