@echo off
rem A JOBRUNNER_CMD for a legacy program that reads a file and writes its result to a file of its own when it is done.
rem
rem NEVER expand here what a client sent: JOBRUNNER_REQUEST_ID, JOBRUNNER_FILENAME, JOBRUNNER_QUERY_STRING,
rem JOBRUNNER_CONTENT_TYPE, JOBRUNNER_HTTP_... or TRACESTATE between percent signs, not even in a rem
rem line. cmd.exe inserts the text before it parses the line, so the part of an id after an ampersand would run as a
rem command. The names of the two files are safe: of the id they keep only letters, digits, dots, hyphens and
rem underscores. A program that needs the id reads the variable from its own environment.
setlocal EnableExtensions DisableDelayedExpansion

rem Defaults. A variable of the same name in the server's environment takes precedence.
rem The program; it is called as LEGACY INPUT, in the folder of the job.
if not defined LEGACY set "LEGACY=C:\Legacy\legacy.exe"
rem The file name that it expects for the payload, and the one that it uses for the result.
if not defined LEGACY_INPUT set "LEGACY_INPUT=input.dat"
if not defined LEGACY_RESULT set "LEGACY_RESULT=result.dat"
rem Timeout for the result, in seconds. JOBRUNNER_JOB_TIMEOUT_SEC should be longer.
if not defined LEGACY_WAIT_SEC set "LEGACY_WAIT_SEC=60"
rem The parent of a folder for each worker, so that two jobs never share one. It lies beside the job's folder, below a
rem folder whose name cannot be guessed: another user could have created one of a fixed name in a shared temp folder. The
rem job's own folder would only do for a program that exits once its result is written; while a program runs in it, the
rem folder cannot be removed.
for %%F in ("%JOBRUNNER_JOB_DIR%\..") do if not defined LEGACY_ROOT set "LEGACY_ROOT=%%~fF\legacy"
rem The jobrunner.exe that waits for the file.
if not defined LEGACY_JOBRUNNER set "LEGACY_JOBRUNNER=%~dp0jobrunner.exe"

set "WORKER=%LEGACY_ROOT%\worker%JOBRUNNER_WORKER_ID%"
rem Removes what earlier jobs left behind, except files that a program still has open.
if exist "%WORKER%" rd /s /q "%WORKER%" 2>nul

rem A new folder for every job, so that a late result is not mistaken for the next job's.
:again
set "JOB=%WORKER%\job%RANDOM%%RANDOM%"
if exist "%JOB%" goto again
md "%JOB%"
if not exist "%JOB%\" exit /b 1

copy /b /y "%JOBRUNNER_REQUEST_DATA_FN%" "%JOB%\%LEGACY_INPUT%" >nul
if errorlevel 1 exit /b 1

rem The program may keep running (a window, a server) or pass its work to another process: only its result counts. Its
rem output goes to a file, since jobrunner kills processes that still hold the output of a command that has exited.
start "legacy" /b /d "%JOB%" "%LEGACY%" "%JOB%\%LEGACY_INPUT%" <nul >"%JOB%\output.txt" 2>&1
if errorlevel 1 exit /b 1

rem A result that stays unchanged for a fifth of a second counts as complete. A program that pauses for longer while it
rem writes should write under another name and rename the file at the end.
"%LEGACY_JOBRUNNER%" wait-file %LEGACY_WAIT_SEC% "%JOB%" "%LEGACY_RESULT%"
set "STATUS=%ERRORLEVEL%"
if exist "%JOB%\output.txt" type "%JOB%\output.txt"
rem 1 is a timeout, which wait-file has reported; it becomes 124, as for a job that exceeds JOBRUNNER_JOB_TIMEOUT_SEC.
if "%STATUS%"=="1" set "STATUS=124"
if not "%STATUS%"=="0" exit /b %STATUS%

copy /b /y "%JOB%\%LEGACY_RESULT%" "%JOBRUNNER_RESPONSE_DATA_FN%" >nul
if errorlevel 1 exit /b 1
rd /s /q "%JOB%" 2>nul
exit /b 0
