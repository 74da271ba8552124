@echo off
rem JOBRUNNER_CMD for a legacy program that reads a file and writes its result to a file of its own, whenever it is done.
rem
rem NEVER expand here what a client sent: JOBRUNNER_REQUEST_ID or TRACESTATE between percent signs, not even in a rem
rem line. cmd.exe puts the text in before it reads the line, so an id that holds an ampersand would run as a command.
rem The names of the two files are safe: they hold letters, digits, dots, hyphens and underscores of the id, nothing
rem else. A program that needs the id reads the variable from its own environment.
setlocal EnableExtensions DisableDelayedExpansion

rem Placeholders. A variable of the same name in the server's environment goes before.
rem The program; it is called as LEGACY INPUT, in the folder of the job.
if not defined LEGACY set "LEGACY=C:\Legacy\legacy.exe"
rem The name under which it wants the payload, and the one under which it leaves the result.
if not defined LEGACY_INPUT set "LEGACY_INPUT=input.dat"
if not defined LEGACY_RESULT set "LEGACY_RESULT=result.dat"
rem How many seconds the result may take. JOBRUNNER_JOB_TIMEOUT_SEC should be longer.
if not defined LEGACY_WAIT_SEC set "LEGACY_WAIT_SEC=60"
rem Where each worker gets a folder of its own, so that two jobs never meet: beside the job's folder, in one whose name
rem nobody can know before. One of a fixed name in a temp folder that others write to could be theirs. The job's own folder
rem would do for a program that is over when its result is there; of one that stays it could not be removed.
for %%F in ("%JOBRUNNER_JOB_DIR%\..") do if not defined LEGACY_ROOT set "LEGACY_ROOT=%%~fF\legacy"
rem The jobrunner that waits for the file.
if not defined LEGACY_JOBRUNNER set "LEGACY_JOBRUNNER=%~dp0jobrunner.exe"

set "WORKER=%LEGACY_ROOT%\worker%JOBRUNNER_WORKER_ID%"
rem What jobs before have left. What a program that still runs holds open stays for now.
if exist "%WORKER%" rd /s /q "%WORKER%" 2>nul

rem A new folder for every job: a result that comes too late is not taken for the next job's.
:again
set "JOB=%WORKER%\job%RANDOM%%RANDOM%"
if exist "%JOB%" goto again
md "%JOB%"
if not exist "%JOB%\" exit /b 1

copy /b /y "%JOBRUNNER_REQUEST_DATA_FN%" "%JOB%\%LEGACY_INPUT%" >nul
if errorlevel 1 exit /b 1

rem It may stay (a window, a server) or hand its work to another process: what counts is its result. Its output goes to
rem a file, since jobrunner ends what still holds the output of a command that is over.
start "legacy" /b /d "%JOB%" "%LEGACY%" "%JOB%\%LEGACY_INPUT%" <nul >"%JOB%\output.txt" 2>&1
if errorlevel 1 exit /b 1

rem A result that stays the same for a fifth of a second counts as whole. A program that pauses for longer while it
rem writes should write under another name and rename the file at the end.
"%LEGACY_JOBRUNNER%" wait-file %LEGACY_WAIT_SEC% "%JOB%" "%LEGACY_RESULT%"
set "STATUS=%ERRORLEVEL%"
if exist "%JOB%\output.txt" type "%JOB%\output.txt"
rem 1 is too late, which wait-file has said: 124, as for a job that jobrunner itself ends for its time.
if "%STATUS%"=="1" set "STATUS=124"
if not "%STATUS%"=="0" exit /b %STATUS%

copy /b /y "%JOB%\%LEGACY_RESULT%" "%JOBRUNNER_RESPONSE_DATA_FN%" >nul
if errorlevel 1 exit /b 1
rd /s /q "%JOB%" 2>nul
exit /b 0
