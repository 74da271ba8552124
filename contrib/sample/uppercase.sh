#!/bin/sh
# A sample command: puts the payload in upper case into the response file, says what it did on stdout.
set -eu
tr '[:lower:]' '[:upper:]' <"$JOBRUNNER_REQUEST_DATA_FN" >"$JOBRUNNER_RESPONSE_DATA_FN"
echo "worker $JOBRUNNER_WORKER_ID did job $JOBRUNNER_REQUEST_ID"
