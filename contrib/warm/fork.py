"""A warm worker in Python 3.9 or newer, one fork per job: the forks have the modules already and run the script unchanged.

    python3 fork.py MODULE,MODULE script.py [ARGUMENT ...]

The list of modules may be "". Jobs share what the modules did while they were loaded: a connection that they opened, or the
state of numpy.random, which is the same at the beginning of each job. A module that has started threads may not work in a
fork. A job that a signal ended has exited, with 128 and the number of the signal.
"""

import os
import sys

import warm_script

code = warm_script.load()
while word := warm_script.receive_job(sys.stdin.buffer):
    child = os.fork()
    if child == 0:
        warm_script.empty_stdin()
        status = warm_script.run(code)
        warm_script.finish()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    warm_script.end_job(word, status if status >= 0 else 128 - status)
# Without flushing: each fork has written what the modules printed.
os._exit(0)
