/* SPDX-License-Identifier: MIT */
/* edges.h - what the parts of the program `edges` share. */
#ifndef EDGES_H
#define EDGES_H

/* Counts in this thread. Returns whether the sum is exact. */
int counts(void);

/* The program's arguments behind its name. */
extern char **arguments;

/* edges_modules.c: each returns whether everything was as without a tracer. */
int maps(void);
int replaces(void);
int unlinks(void);
int moves(void);
int loads_late(void);

#endif /* EDGES_H */
