# A warm worker in bash, one process per job: waits before the script begins, then runs it unchanged.
#
#     BASH_ENV=gate.sh bash script.sh [ARGUMENT ...]
#
# In the configuration file: env = { BASH_ENV = "/path/of/gate.sh" }. Jobs share nothing. Without JOBRUNNER_WARM=1 the script
# runs at once. The end of the process ends the job.
unset BASH_ENV
if [ "$JOBRUNNER_WARM" = 1 ]; then
  while IFS= read -r JOBRUNNER_LINE || exit 0; do
    JOBRUNNER_LINE=${JOBRUNNER_LINE%$'\r'}
    [ -n "$JOBRUNNER_LINE" ] || break
    export "$JOBRUNNER_LINE"
  done
  unset JOBRUNNER_LINE
  exec </dev/null
fi
