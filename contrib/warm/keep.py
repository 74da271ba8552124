"""A warm worker in Python 3.9 or newer, one process for many jobs: it runs the compiled script again and again.

    python3 keep.py MODULE,MODULE script.py [ARGUMENT ...]

The list of modules may be "". Each job has new globals. Jobs share everything else: modules and what is stored in them, the
working directory, the environment, threads. What atexit registers is called at the end of the process.
"""

import os
import sys

import warm_script

code = warm_script.load()
arguments = sys.argv
streams = sys.stdin, sys.stdout, sys.stderr
blocks = open(os.dup(0), "rb")
warm_script.empty_stdin()
while word := warm_script.receive_job(blocks):
    sys.argv = list(arguments)
    status = warm_script.run(code)
    warm_script.close_files()
    sys.stdin, sys.stdout, sys.stderr = streams
    if any(stream.closed for stream in streams):
        os._exit(status)
    warm_script.end_job(word, status)
