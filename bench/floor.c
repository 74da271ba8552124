/*
 * The machine's floor: how many times per second it can start a program and wait for its end, with
 * nothing around it, and how long one such spawn takes.
 *
 *   floor PROGRAM SPAWNS THREADS
 *
 * Prints spawns per second, then milliseconds of one spawn: the median and the 99th percentile.
 * posix_spawn, because it is the cheapest way to start a program: no copy of page tables.
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
static double *milliseconds;
static atomic_long left;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *spawn_until_none_is_left(void *unused) {
    char *arguments[] = {program, NULL};
    long index;
    while ((index = atomic_fetch_sub(&left, 1) - 1) >= 0) {
        double start = now();
        pid_t pid;
        int error = posix_spawn(&pid, program, NULL, NULL, arguments, environ);
        if (error != 0) {
            fprintf(stderr, "floor: cannot start %s: %s\n", program, strerror(error));
            exit(1);
        }
        int status;
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "floor: %s did not exit with 0\n", program);
            exit(1);
        }
        milliseconds[index] = (now() - start) * 1e3;
    }
    return unused;
}

static int ascending(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The smallest value that this many per cent of the values do not exceed. */
static double percentile(long count, long percent) {
    return milliseconds[(count * percent + 99) / 100 - 1];
}

int main(int argc, char **argv) {
    long spawns = argc == 4 ? atol(argv[2]) : 0;
    int threads = argc == 4 ? atoi(argv[3]) : 0;
    if (spawns < 1 || spawns > 10000000 || threads < 1 || threads > 1024) {
        fprintf(stderr, "usage: floor PROGRAM SPAWNS THREADS\n");
        return 2;
    }
    program = argv[1];
    milliseconds = calloc((size_t)spawns, sizeof *milliseconds);
    if (milliseconds == NULL) {
        fprintf(stderr, "floor: no memory for %ld spawns\n", spawns);
        return 1;
    }
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
    double seconds = now() - start;
    qsort(milliseconds, (size_t)spawns, sizeof *milliseconds, ascending);
    printf("%.3f %.4f %.4f\n", (double)spawns / seconds, percentile(spawns, 50),
           percentile(spawns, 99));
    return 0;
}
