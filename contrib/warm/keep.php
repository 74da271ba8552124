<?php
// A warm worker in PHP 8.1 or newer, one process for many jobs: runs the script again and again. Not for Windows.
//
//     php keep.php script.php [ARGUMENT ...]
//
// Each job has new global variables. Jobs share everything else: functions, classes, constants, the working directory, the
// environment. What the script defines must not be defined twice, so keep it in a file that the script names with require_once.
// exit ends the process, and so the job. Shutdown functions are called at the end of the process. The constant STDIN is closed;
// php://stdin is empty. Processes that a job starts inherit the pipe of this one under another number than 0.
final class JobrunnerWarm
{
    private static $blocks;
    private static array $globals;

    /** Gives the pipe another number than 0 and makes standard input empty. */
    public static function start(): void
    {
        if (getenv('JOBRUNNER_WARM') !== '1') {
            fwrite(STDERR, "JOBRUNNER_WARM is not 1: the command must be configured with warm = true\n");
            exit(1);
        }
        self::$blocks = fopen('php://stdin', 'r');
        // The lowest number that is free becomes that of the new file: 0. A constant keeps it open.
        fclose(STDIN);
        define('JOBRUNNER_STDIN', fopen('/dev/null', 'r'));
        array_shift($_SERVER['argv']);
        $_SERVER['argc']--;
        self::$globals = array_keys($GLOBALS);
    }

    /** Waits for a job, and sets its variables and the script's arguments; false at the end of the pipe. */
    public static function receive(): bool
    {
        while (($line = fgets(self::$blocks)) !== false) {
            $line = rtrim($line, "\r\n");
            if ($line === '') {
                [$GLOBALS['argv'], $GLOBALS['argc']] = [$_SERVER['argv'], $_SERVER['argc']];
                return true;
            }
            putenv($line);
            [$name, $value] = explode('=', $line, 2);
            $_SERVER[$name] = $_ENV[$name] = $value;
        }
        return false;
    }

    /** Removes the job's global variables, writes what is buffered and ends the job. */
    public static function end(int $status): void
    {
        foreach (array_diff(array_keys($GLOBALS), self::$globals) as $name) {
            unset($GLOBALS[$name]);
        }
        gc_collect_cycles();
        while (ob_get_level() > 0 && ob_end_flush());
        if (!is_resource(STDOUT) || !is_resource(STDERR)) {
            // The script has closed it. The end of the process is that of the job.
            exit($status);
        }
        foreach ([STDOUT, STDERR] as $output) {
            fwrite($output, "\x1e" . getenv('JOBRUNNER_END') . " $status\n");
        }
    }
}

JobrunnerWarm::start();
while (JobrunnerWarm::receive()) {
    try {
        require $argv[0];
        JobrunnerWarm::end(0);
    } catch (Throwable $error) {
        error_log("PHP Fatal error:  Uncaught $error\n  thrown in {$error->getFile()} on line {$error->getLine()}");
        JobrunnerWarm::end(255);
    }
}
