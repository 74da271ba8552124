@echo off
rem Starts jobrunner.exe, which lies beside this file, in this window; Ctrl-C stops it. What is given to this file goes
rem on to it: start.bat --num-workers 8
rem
rem The settings are variables, set here or before. Asks for a password if others than this machine can connect
rem and none is set: without one jobrunner does not start then, unless JOBRUNNER_ALLOW_OPEN is on. It is shown while it is
rem typed; JOBRUNNER_PASSWORD_FILE avoids that.
setlocal EnableExtensions DisableDelayedExpansion

if not defined JOBRUNNER_CMD set "JOBRUNNER_CMD=%~dp0legacy_wrapper.bat"

set "ASK="
if defined JOBRUNNER_HTTP_LISTEN_ADDRESS set "ASK=yes"
if /i "%JOBRUNNER_HTTP_LISTEN_ADDRESS%"=="127.0.0.1" set "ASK="
if /i "%JOBRUNNER_HTTP_LISTEN_ADDRESS%"=="localhost" set "ASK="
if /i "%JOBRUNNER_HTTP_LISTEN_ADDRESS%"=="::1" set "ASK="
if defined JOBRUNNER_PASSWORD set "ASK="
if defined JOBRUNNER_PASSWORD_FILE set "ASK="
if "%JOBRUNNER_ALLOW_OPEN%"=="on" set "ASK="

rem The password is never expanded here: a sign such as an ampersand in it would be taken for a command.
if defined ASK set /p "JOBRUNNER_PASSWORD=Password that clients must send: "

set "ASK="
"%~dp0jobrunner.exe" serve %*
exit /b %ERRORLEVEL%
