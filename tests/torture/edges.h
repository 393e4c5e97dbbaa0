/* SPDX-License-Identifier: MIT */
/* edges.h - functions that the parts of the program `edges` (edges.c) share. */
#ifndef EDGES_H
#define EDGES_H

/* Adds to the program's counter in this thread. Returns true if the counter's sum is exact. */
int counts(void);

/* Adds to the counter a few times, in two critical sections. Doesn't compare the sum. */
void count_some(void);

/* The program's arguments after its name. */
extern char **arguments;

/* Functions of edges_modules.c. Each returns true if the program saw no difference from a run without a tracer. */
int maps(void);
int replaces(void);
int unlinks(void);
int moves(void);
int widens(void);
int loads_late(void);
int alternates(void);

/* Functions of edges_races.c. Each returns true if the program saw no difference from a run without a tracer. */
int forks_masked(void);
int forks_counting(void);
int forks_forever(void);
int masks_race(void);
int actions_race(void);
int is_killed(void);
int ends_twice(void);

#endif /* EDGES_H */
