// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * act_storm N: N processes one after the other, each ended as soon as it is made; writes how many a second.
 * act_storm N PROGRAM EVERY: each runs PROGRAM by vfork(2), but for each EVERY-th, which runs this program as
 * "act_storm listen": it listens and is gone.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int listen_and_go(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		return 1;
	_exit(0);
}

static pid_t run(const char *program, const char *word)
{
	char *const args[] = {(char *)program, (char *)word, NULL}, *const env[] = {NULL};
	pid_t pid = vfork();

	if (pid)
		return pid;
	execve(program, args, env);
	_exit(127);
}

static pid_t make(char **argv, int i)
{
	pid_t pid;

	if (argv[2])
		return i % atoi(argv[3]) ? run(argv[2], NULL) : run("/proc/self/exe", "listen");
	pid = fork();
	if (!pid)
		_exit(0);
	return pid;
}

int main(int argc, char **argv)
{
	int n = argc == 2 || argc == 4 ? atoi(argv[1]) : 0, status;
	double began = now();

	if (argc == 2 && strcmp(argv[1], "listen") == 0)
		return listen_and_go();
	for (int i = 0; i < n; i++) {
		pid_t pid = make(argv, i);

		if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
			return 1;
	}
	printf("done %.0f\n", n / (now() - began));
	return 0;
}
