/*
 * The machine's floor: how many times per second it can start a program and wait for its end, with
 * nothing around it.
 *
 *   floor PROGRAM SPAWNS THREADS
 *
 * Prints spawns per second. posix_spawn, because it is the cheapest way to start a program: no
 * copy of page tables.
 */

#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static char *program;
static atomic_long left;

static void *spawn_until_none_is_left(void *unused) {
    char *arguments[] = {program, NULL};
    while (atomic_fetch_sub(&left, 1) > 0) {
        pid_t pid;
        int fault = posix_spawn(&pid, program, NULL, NULL, arguments, environ);
        if (fault != 0) {
            fprintf(stderr, "floor: cannot start %s: %s\n", program, strerror(fault));
            exit(1);
        }
        int status;
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "floor: %s did not exit with 0\n", program);
            exit(1);
        }
    }
    return unused;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    long spawns = argc == 4 ? atol(argv[2]) : 0;
    int threads = argc == 4 ? atoi(argv[3]) : 0;
    if (spawns < 1 || threads < 1 || threads > 1024) {
        fprintf(stderr, "usage: floor PROGRAM SPAWNS THREADS\n");
        return 2;
    }
    program = argv[1];
    atomic_store(&left, spawns);

    pthread_t running[1024];
    double start = now();
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&running[i], NULL, spawn_until_none_is_left, NULL) != 0) {
            fprintf(stderr, "floor: cannot start a thread\n");
            return 1;
        }
    }
    for (int i = 0; i < threads; i++) pthread_join(running[i], NULL);
    printf("%.3f\n", (double)spawns / (now() - start));
    return 0;
}
