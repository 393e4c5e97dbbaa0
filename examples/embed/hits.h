/* SPDX-License-Identifier: MIT */
/* hits.h - the example library's interface: it counts hits, and names the owner of a thread's registration. */
#ifndef HITS_H
#define HITS_H

#ifdef __cplusplus
extern "C" {
#endif

int hits_enter(void);          /* once per thread, before its first hit: 0, or a negative errno, which may be ignored */
void hits_leave(void);         /* once for each hits_enter() that returned 0 */
void hits_add(void);           /* in any thread, also one that never called hits_enter() */
unsigned long hits_sum(void);  /* of all threads */
const char *hits_owner(void);  /* the component that registered the calling thread */

#ifdef __cplusplus
}
#endif

#endif /* HITS_H */
