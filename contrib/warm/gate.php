<?php
// A warm worker in PHP, one process per job: waits before the script begins, then runs it unchanged. Not for Windows.
//
//     php -d auto_prepend_file=/path/of/gate.php script.php [ARGUMENT ...]
//
// Jobs share nothing. Without JOBRUNNER_WARM=1 the script runs at once. The end of the process ends the job. The constant STDIN
// is closed; php://stdin is empty.
(static function (): void {
    if (getenv('JOBRUNNER_WARM') !== '1') {
        return;
    }
    while (($line = rtrim($text = (string) fgets(STDIN), "\r\n")) !== '') {
        putenv($line);
        [$name, $value] = explode('=', $line, 2);
        $_SERVER[$name] = $_ENV[$name] = $value;
    }
    if ($text === '') {
        exit(0);
    }
    // The lowest number that is free becomes that of the new file: 0. A constant keeps it open.
    fclose(STDIN);
    define('JOBRUNNER_STDIN', fopen('/dev/null', 'r'));
})();
