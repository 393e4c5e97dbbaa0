/* SPDX-License-Identifier: MIT */
/*
 * redis.c - runs a redis server with I/O threads and its load generator with several threads, over a socket in the file
 * system. Both are unmodified, and inherit LD_PRELOAD. REDIS_SERVER and REDIS_BENCHMARK are the paths of their files.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REQUESTS "4000"

static pid_t start(const char *file, char **arguments)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)dup2(2, 1);
		execv(file, arguments);
		perror(file);
		_exit(127);
	}
	return pid;
}

static char *text(const char *constant)
{
	return (char *)(size_t)constant;
}

int main(void)
{
	const char *server_file = getenv("REDIS_SERVER"), *client_file = getenv("REDIS_BENCHMARK");
	const struct timespec pause = {0, 10000000};
	char folder[] = "/tmp/rseqkit-redis-XXXXXX", socket[64], log[64];
	int status = -1, server_status = -1;
	pid_t server, client;

	if (server_file == NULL || client_file == NULL || mkdtemp(folder) == NULL)
		return 2;
	snprintf(socket, sizeof(socket), "%s/socket", folder);
	snprintf(log, sizeof(log), "%s/log", folder);
	/* The file contains several programs. The name in argv[0] selects one of them. */
	server = start(server_file, (char *[]){text("redis-server"), text("--port"), text("0"), text("--unixsocket"), socket,
					       text("--save"), text(""), text("--io-threads"), text("3"),
					       text("--io-threads-do-reads"), text("yes"), text("--dir"), folder,
					       text("--logfile"), log, NULL});
	for (int i = 0; i < 3000 && access(socket, F_OK) != 0; i++)
		nanosleep(&pause, NULL);
	client = start(client_file, (char *[]){text("redis-benchmark"), text("-s"), socket, text("--threads"), text("2"),
					       text("-n"), text(REQUESTS), text("-c"), text("20"), text("-P"), text("4"),
					       text("-t"), text("set"), text("-q"), NULL});
	waitpid(client, &status, 0);
	kill(server, SIGTERM);
	waitpid(server, &server_status, 0);
	unlink(socket);
	unlink(log);
	rmdir(folder);
	printf("client %d, server %d\n", status, server_status);
	return status == 0 && server_status == 0 ? 0 : 1;
}
