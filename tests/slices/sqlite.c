/* SPDX-License-Identifier: MIT */
/*
 * sqlite.c - runs threads that share one connection of SQLite. The connection has its own mutex. The threads insert, change and
 * look up rows for some time. At the end the table must contain exactly the rows that the threads made.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS 4
#define SECONDS 2

static sqlite3 *database;
static int stop;

#define NEED(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "sqlite: line %d: %s: %s\n", __LINE__, #condition, sqlite3_errmsg(database));  \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

struct client {
	pthread_t thread;
	int number;
	long inserted, found;
};

static void *be_client(void *arg)
{
	sqlite3_stmt *insert, *change, *look;
	struct client *client = (struct client *)arg;

	NEED(sqlite3_prepare_v2(database, "INSERT INTO t VALUES (?, ?, 0)", -1, &insert, NULL) == SQLITE_OK);
	NEED(sqlite3_prepare_v2(database, "UPDATE t SET n = n + 1 WHERE c = ? AND k = ?", -1, &change, NULL) == SQLITE_OK);
	NEED(sqlite3_prepare_v2(database, "SELECT n FROM t WHERE c = ? AND k = ?", -1, &look, NULL) == SQLITE_OK);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		sqlite3_stmt *const all[] = {insert, change, look};

		for (int i = 0; i < 3; i++) {
			int r;

			NEED(sqlite3_bind_int(all[i], 1, client->number) == SQLITE_OK &&
			     sqlite3_bind_int64(all[i], 2, client->inserted) == SQLITE_OK);
			r = sqlite3_step(all[i]);
			NEED(r == (i == 2 ? SQLITE_ROW : SQLITE_DONE));
			client->found += i == 2 && sqlite3_column_int(look, 0) == 1;
			NEED(sqlite3_reset(all[i]) == SQLITE_OK);
		}
		client->inserted++;
	}
	NEED(sqlite3_finalize(insert) == SQLITE_OK && sqlite3_finalize(change) == SQLITE_OK &&
	     sqlite3_finalize(look) == SQLITE_OK);
	return NULL;
}

static long count_rows(void)
{
	sqlite3_stmt *count;
	long rows;

	NEED(sqlite3_prepare_v2(database, "SELECT sum(n) FROM t", -1, &count, NULL) == SQLITE_OK);
	NEED(sqlite3_step(count) == SQLITE_ROW);
	rows = (long)sqlite3_column_int64(count, 0);
	NEED(sqlite3_finalize(count) == SQLITE_OK);
	return rows;
}

int main(void)
{
	const struct timespec pause = {SECONDS, 0};
	struct client clients[THREADS] = {0};
	long inserted = 0, found = 0;

	NEED(sqlite3_open_v2(":memory:", &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL) ==
	     SQLITE_OK);
	NEED(sqlite3_exec(database, "CREATE TABLE t (c INT, k INT, n INT, PRIMARY KEY (c, k))", NULL, NULL, NULL) == SQLITE_OK);
	for (int i = 0; i < THREADS; i++) {
		clients[i].number = i;
		NEED(pthread_create(&clients[i].thread, NULL, be_client, &clients[i]) == 0);
	}
	nanosleep(&pause, NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++) {
		NEED(pthread_join(clients[i].thread, NULL) == 0);
		inserted += clients[i].inserted;
		found += clients[i].found;
	}
	NEED(inserted > 0 && found == inserted && count_rows() == inserted);
	NEED(sqlite3_close(database) == SQLITE_OK);
	printf("%ld rows\n", inserted);
	return 0;
}
