#!/bin/bash
# A warm worker in bash 5 or newer, one fork per job: the script runs unchanged in a subshell.
#
#     bash fork.sh script.sh [ARGUMENT ...]
#
# Jobs share nothing but $$, the number of this process. A process that a job leaves in the background stays, and what it writes
# may become output of the next job. A job that a signal ended has exited, with 128 and the number of the signal.
if [ "$JOBRUNNER_WARM" != 1 ]; then
  echo 'JOBRUNNER_WARM is not 1: the command must be configured with warm = true' >&2
  exit 1
fi
BASH_ARGV0=$1 # This sets $0.
shift
while IFS= read -r line; do
  line=${line%$'\r'}
  if [ -n "$line" ]; then
    export "$line"
    continue
  fi
  # Without a stderr of its own bash says nothing about a job that a signal ended.
  { (unset line end; . "$0" "$@") </dev/null 2>&3 3>&-; } 3>&2 2>/dev/null
  printf -v end '\036%s %d\n' "$JOBRUNNER_END" "$?"
  printf %s "$end"
  printf %s "$end" >&2
done
exit 0
