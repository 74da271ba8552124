/*
 * The cheapest warm command: it ends each job with status 0 as soon as it has read the job's block.
 * docs/reference/warm-protocol.md specifies both.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char end[] = "JOBRUNNER_END=";

/* The longest block is shorter than this, so no line of it is read in two pieces. */
static char line[65536 + 1];

static int write_end_line(const char *word) {
    char text[64];
    size_t length = (size_t)snprintf(text, sizeof text, "\x1e%s 0\n", word);
    return write(STDOUT_FILENO, text, length) == (ssize_t)length &&
           write(STDERR_FILENO, text, length) == (ssize_t)length;
}

int main(void) {
    char word[33] = "";
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strncmp(line, end, sizeof end - 1) == 0) {
            sscanf(line + sizeof end - 1, "%32s", word);
        } else if (line[0] == '\n' && !write_end_line(word)) {
            return 1;
        }
    }
    return 0;
}
