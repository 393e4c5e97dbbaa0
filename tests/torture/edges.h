/* SPDX-License-Identifier: MIT */
/* edges.h - what the parts of the program `edges` share. */
#ifndef EDGES_H
#define EDGES_H

/* Counts in this thread. Returns whether the sum is exact. */
int counts(void);

/* Counts a few times, in two sections. Doesn't compare the sum. */
void count_some(void);

/* The program's arguments after its name. */
extern char **arguments;

/* edges_modules.c: each function returns whether everything was as without a tracer. */
int maps(void);
int replaces(void);
int unlinks(void);
int moves(void);
int loads_late(void);
int alternates(void);

/* edges_races.c */
int forks_masked(void);
int forks_counting(void);
int forks_forever(void);
int masks_race(void);
int actions_race(void);
int is_killed(void);
int ends_twice(void);

#endif /* EDGES_H */
