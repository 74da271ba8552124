@echo off
rem A sample command: copies the payload into the response file and prints what it did to stdout.
copy /b /y "%JOBRUNNER_REQUEST_DATA_FN%" "%JOBRUNNER_RESPONSE_DATA_FN%" >nul || exit /b 1
echo worker %JOBRUNNER_WORKER_ID% did a job
