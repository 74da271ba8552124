#!/bin/sh
# A sample command: writes the payload in upper case to the response file and prints what it did to stdout.
set -eu
tr '[:lower:]' '[:upper:]' <"$JOBRUNNER_REQUEST_DATA_FN" >"$JOBRUNNER_RESPONSE_DATA_FN"
echo "worker $JOBRUNNER_WORKER_ID did job $JOBRUNNER_REQUEST_ID"
