/* SPDX-License-Identifier: MIT */
/*
 * rules_commit.h - finds a critical section's commit, which is the section's last instruction if this instruction stores. A node
 * is an instruction of the section (section.h), and a flow follows values through it (flow.h).
 */
#ifndef RK_TOOL_LINT_RULES_COMMIT_H
#define RK_TOOL_LINT_RULES_COMMIT_H

#include "judge.h"
#include "places.h"

/* Returns the node of the section's last instruction if it stores, and NULL otherwise. */
const struct node *commit_of(const struct section *section);

/* Does the node's store change data that other threads see, and is it the last visible store of a path to the section's end? */
bool commit_is_early(const struct check *check, const struct section *section, const struct flow *flow, size_t number);

/* Reports "off-by-one" and "long-commit". Returns false if the intended commit is after the end label. */
bool commit_check(const struct check *check, const struct section *section, const struct flow *flow, struct findings *findings);

#endif /* RK_TOOL_LINT_RULES_COMMIT_H */
