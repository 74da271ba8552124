@echo off
rem Starts jobrunner.exe from the folder of this file, in this window; Ctrl-C stops it. Arguments are passed on to it:
rem start.bat --num-workers 8
rem
rem The settings are variables, set here or before. If other machines can connect and neither a password nor a tokens file is
rem set, this file asks for a password: without it jobrunner would not start, unless JOBRUNNER_ALLOW_OPEN is on. The password
rem is visible while it is typed; JOBRUNNER_PASSWORD_FILE avoids that.
setlocal EnableExtensions DisableDelayedExpansion

if not defined JOBRUNNER_CMD set "JOBRUNNER_CMD=%~dp0legacy_wrapper.bat"

set "ASK="
if defined JOBRUNNER_HTTP_LISTEN_ADDRESS set "ASK=yes"
if /i "%JOBRUNNER_HTTP_LISTEN_ADDRESS%"=="127.0.0.1" set "ASK="
if /i "%JOBRUNNER_HTTP_LISTEN_ADDRESS%"=="localhost" set "ASK="
if /i "%JOBRUNNER_HTTP_LISTEN_ADDRESS%"=="::1" set "ASK="
if defined JOBRUNNER_PASSWORD set "ASK="
if defined JOBRUNNER_PASSWORD_FILE set "ASK="
if defined JOBRUNNER_TOKENS_FILE set "ASK="
if "%JOBRUNNER_ALLOW_OPEN%"=="on" set "ASK="

rem The password is never expanded here: cmd.exe would interpret characters in it, such as an ampersand.
if defined ASK set /p "JOBRUNNER_PASSWORD=Password that clients must send: "

set "ASK="
"%~dp0jobrunner.exe" serve %*
exit /b %ERRORLEVEL%
