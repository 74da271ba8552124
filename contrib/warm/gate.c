/*
 * gate.so: starts any program of Linux before its job, without a change to the program.
 *
 *   cc -shared -fPIC -O2 -Wall -Wextra -o gate.so gate.c
 *
 * The command is a script, because only a script may set LD_PRELOAD:
 *
 *   #!/bin/sh
 *   LD_PRELOAD=/opt/gate.so exec octave-cli /opt/job.m
 *
 * The program starts up and waits when it first touches the file JOBRUNNER_REQUEST_DATA_FN. When the job is there, its
 * variables are set, an empty standard input is opened, and the program goes on. Its end is the job's end. Each job has a
 * process of its own, so jobs share nothing. Processes that the program starts are part of the same job.
 *
 * Limits:
 * - It needs glibc. Static programs, and programs of Go, do not load it: they run at once, without a payload.
 * - The program has to name the file as the variable does, and must not read its standard input before.
 * - What the program does before it touches the file, it does without a job.
 * - A program that copies its environment when it starts, as Python, Perl, Java and dash do, has empty variables of the
 *   job. The programs that it starts after the touch have the right ones.
 * - The file of a form may have another name than the variable had at the start. That name is in the variables.
 */
#undef _FORTIFY_SOURCE /* it would define some of these functions inline */
#undef _FILE_OFFSET_BITS /* it would give two of these functions one name */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * What the processes of a job have in common is a file in the job's folder. Its first line is written by the first process
 * of all: its id, and the device and the inode of its standard input, which is the pipe that the job comes from. Whoever
 * reads the job appends it. The file's lock belongs to the process, or the thread, that waits for the job.
 */
static char shared_file[PATH_MAX];
static char request_file[PATH_MAX];

/* Whether this process need not wait any more. */
static volatile int passed = 1;

/* What is in the shared file: at most 64 KiB of the job, and the line before it. Used by the lock's owner. */
static char text[65536 + 128];
static size_t length;

static struct { int process; unsigned long long device, inode; } first;

/* A job that cannot be received must not run without its payload. */
static void fail(const char *what) {
  dprintf(2, "gate.so: %s: %s\n", what, strerror(errno));
  _exit(1);
}

static int is_job_pipe(int fd) {
  struct stat is;
  return fstat(fd, &is) == 0 && S_ISFIFO(is.st_mode) && is.st_dev == first.device &&
         is.st_ino == first.inode;
}

static void open_empty_input(void) {
  if (!is_job_pipe(0)) return;
  int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (empty < 0 || dup2(empty, 0) < 0) fail("/dev/null");
  close(empty);
}

/* Appends what can be read at once; 0 at the end. */
static size_t read_more(int fd) {
  ssize_t count;
  do count = read(fd, text + length, sizeof text - 1 - length);
  while (count < 0 && errno == EINTR);
  if (count < 0) fail("the job cannot be read");
  length += count;
  text[length] = 0;
  return count;
}

/* The job in the shared file; null if it is not there yet. */
static char *read_shared_file(int fd) {
  length = 0;
  while (read_more(fd) > 0);
  char *job = strchr(text, '\n');
  if (!job || sscanf(text, "%d %llu %llu", &first.process, &first.device, &first.inode) != 3) {
    return NULL;
  }
  return length >= 2 && !strcmp(text + length - 2, "\n\n") ? job + 1 : NULL;
}

/* No job will come. A script must not go on with its next line either, so its process group ends. */
static void leave(void) {
  if (getpgrp() == first.process) {
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
  }
  _exit(0);
}

/* Waits for the job and appends it to the shared file. A shell may have given this process another standard input. */
static char *receive_job(int shared) {
  int input = 0;
  if (!is_job_pipe(0)) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/0", first.process);
    input = open(path, O_RDONLY | O_CLOEXEC);
    if (input < 0 || !is_job_pipe(input)) fail("the job's pipe is gone");
  }
  size_t from = length;
  while (length - from < 2 || strcmp(text + length - 2, "\n\n")) {
    if (length == sizeof text - 1) {
      errno = E2BIG;
      fail("the job cannot be read");
    }
    if (read_more(input) == 0) leave();
  }
  if (input != 0) close(input);
  for (size_t at = from; at < length;) {
    ssize_t count = write(shared, text + at, length - at);
    if (count < 0 && errno != EINTR) fail(shared_file);
    if (count > 0) at += count;
  }
  return text + from;
}

typedef int set_variable(const char *, const char *, int);

/* Begins the job in this process. */
static void begin_job(char *job, set_variable *set) {
  for (char *line = job, *end; (end = strchr(line, '\n')); line = end + 1) {
    *end = 0;
    char *value = strchr(line, '=');
    if (!value) continue;
    *value = 0;
    set(line, value + 1, 1);
  }
  open_empty_input();
  passed = 1;
}

/* Is called with each path that the program names. */
static void touch(const char *path) {
  if (passed || !path || strcmp(path, request_file)) return;
  int error = errno;
  int shared = open(shared_file, O_RDWR | O_CLOEXEC);
  if (shared < 0) fail("there is no pipe of a job");
  while (flock(shared, LOCK_EX) < 0) {
    if (errno != EINTR) fail(shared_file);
  }
  char *job = read_shared_file(shared);
  if (!passed) begin_job(job ? job : receive_job(shared), setenv);
  flock(shared, LOCK_UN); /* a child may have a copy of the descriptor */
  close(shared);
  errno = error;
}

/* Sets a variable before main. What the process that started this one has set stays. */
static int set_early(const char *name, const char *value, int overwrite) {
  const char *now = getenv(name);
  if (now && *now && strcmp(now, request_file)) return 0;
  /* Not bash's own, which would come first, and which has no variables yet. */
  return ((set_variable *)dlsym(RTLD_NEXT, "setenv"))(name, value, overwrite);
}

__attribute__((constructor)) static void start(void) {
  const char *warm = getenv("JOBRUNNER_WARM");
  const char *folder = getenv("JOBRUNNER_JOB_DIR");
  const char *request = getenv("JOBRUNNER_REQUEST_DATA_FN");
  if (!warm || strcmp(warm, "1") || !folder || !request || strlen(request) >= PATH_MAX) return;
  int size = snprintf(shared_file, sizeof shared_file, "%s/.gate", folder);
  if (size >= (int)sizeof shared_file) return;
  strcpy(request_file, request);
  passed = 0;

  int shared = open(shared_file, O_RDONLY | O_CLOEXEC);
  if (shared >= 0) {
    char *job = read_shared_file(shared);
    if (job) begin_job(job, set_early);
    close(shared);
    return;
  }
  struct stat input;
  if (fstat(0, &input) < 0 || !S_ISFIFO(input.st_mode)) return;
  shared = open(shared_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (shared < 0) fail(shared_file);
  unsigned long long device = input.st_dev, inode = input.st_ino;
  if (dprintf(shared, "%d %llu %llu\n", (int)getpid(), device, inode) < 0) fail(shared_file);
  close(shared);
}

/* The functions of the C library that the program calls in place of those, with each path that it names. */

/* They are looked up at the start, because a signal handler or a child after fork must not do that. */
#define REAL(name) \
  static __typeof__(&name) real_##name; \
  __attribute__((constructor)) static void find_##name(void) { \
    real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
  }

/* The constructor of another library may have been first. */
#define FIND(name) \
  if (!real_##name) find_##name(); \
  if (!real_##name) fail(#name)

#define GATED(result, name, parameters, path, arguments) \
  REAL(name) \
  result name parameters { \
    FIND(name); \
    touch(path); \
    return real_##name arguments; \
  }

#define GATED_OPEN(name, parameters, path, ...) \
  REAL(name) \
  int name parameters { \
    FIND(name); \
    mode_t mode = 0; \
    if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) { \
      va_list rest; \
      va_start(rest, flags); \
      mode = va_arg(rest, mode_t); \
      va_end(rest); \
    } \
    touch(path); \
    return real_##name(__VA_ARGS__, mode); \
  }

typedef const char *path;
typedef struct stat status;
typedef struct stat64 status64;

GATED_OPEN(open, (path p, int flags, ...), p, p, flags)
GATED_OPEN(open64, (path p, int flags, ...), p, p, flags)
GATED_OPEN(openat, (int at, path p, int flags, ...), p, at, p, flags)
GATED_OPEN(openat64, (int at, path p, int flags, ...), p, at, p, flags)
GATED(FILE *, fopen, (path p, path mode), p, (p, mode))
GATED(FILE *, fopen64, (path p, path mode), p, (p, mode))
GATED(FILE *, freopen, (path p, path mode, FILE *file), p, (p, mode, file))
GATED(FILE *, freopen64, (path p, path mode, FILE *file), p, (p, mode, file))
GATED(int, stat, (path p, status *s), p, (p, s))
GATED(int, stat64, (path p, status64 *s), p, (p, s))
GATED(int, lstat, (path p, status *s), p, (p, s))
GATED(int, lstat64, (path p, status64 *s), p, (p, s))
GATED(int, fstatat, (int at, path p, status *s, int flags), p, (at, p, s, flags))
GATED(int, fstatat64, (int at, path p, status64 *s, int flags), p, (at, p, s, flags))
GATED(int, statx, (int at, path p, int flags, unsigned mask, struct statx *s), p,
      (at, p, flags, mask, s))
GATED(int, access, (path p, int mode), p, (p, mode))
GATED(int, faccessat, (int at, path p, int mode, int flags), p, (at, p, mode, flags))
GATED(int, euidaccess, (path p, int mode), p, (p, mode))
GATED(int, eaccess, (path p, int mode), p, (p, mode))
GATED(char *, realpath, (path p, char *result), p, (p, result))

/* Giving the file another name. */
GATED(int, rename, (path p, path to), p, (p, to))
GATED(int, renameat, (int at, path p, int there, path to), p, (at, p, there, to))
GATED(int, renameat2, (int at, path p, int there, path to, unsigned flags), p,
      (at, p, there, to, flags))
GATED(int, link, (path p, path to), p, (p, to))
GATED(int, linkat, (int at, path p, int there, path to, int flags), p, (at, p, there, to, flags))
GATED(int, symlink, (path p, path to), p, (p, to))
GATED(int, symlinkat, (path p, int there, path to), p, (p, there, to))

/* What _FORTIFY_SOURCE makes of an open without a mode. */
int __open_2(path, int);
int __open64_2(path, int);
int __openat_2(int, path, int);
int __openat64_2(int, path, int);
GATED(int, __open_2, (path p, int flags), p, (p, flags))
GATED(int, __open64_2, (path p, int flags), p, (p, flags))
GATED(int, __openat_2, (int at, path p, int flags), p, (at, p, flags))
GATED(int, __openat64_2, (int at, path p, int flags), p, (at, p, flags))

/* What libuv, and with it Node.js, calls in place of statx. */
REAL(syscall)
long syscall(long number, ...) {
  FIND(syscall);
  va_list rest;
  va_start(rest, number);
  long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
  long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_statx) touch((path)b);
  return real_syscall(number, a, b, c, d, e, f);
}

/* What programs that were built before glibc 2.33 call. */
int __xstat(int, path, status *);
int __xstat64(int, path, status64 *);
int __lxstat(int, path, status *);
int __lxstat64(int, path, status64 *);
int __fxstatat(int, int, path, status *, int);
int __fxstatat64(int, int, path, status64 *, int);
GATED(int, __xstat, (int version, path p, status *s), p, (version, p, s))
GATED(int, __xstat64, (int version, path p, status64 *s), p, (version, p, s))
GATED(int, __lxstat, (int version, path p, status *s), p, (version, p, s))
GATED(int, __lxstat64, (int version, path p, status64 *s), p, (version, p, s))
GATED(int, __fxstatat, (int version, int at, path p, status *s, int flags), p,
      (version, at, p, s, flags))
GATED(int, __fxstatat64, (int version, int at, path p, status64 *s, int flags), p,
      (version, at, p, s, flags))
