"""A warm worker in Python 3.9 or newer, one process per job: it waits with the modules loaded, then runs the script unchanged.

    python3 gate.py MODULE,MODULE script.py [ARGUMENT ...]

The list of modules may be "". Jobs share nothing. Without JOBRUNNER_WARM=1 the script runs at once.
The job is answered before Python has freed its memory, which takes some modules 100 ms.
"""

import os
import sys

import warm_script

code = warm_script.load()
waits = os.environ.get("JOBRUNNER_WARM") == "1"
word = warm_script.receive_job(sys.stdin.buffer) if waits else ""
if waits and not word:
    sys.exit()
warm_script.empty_stdin()
status = warm_script.run(code)
warm_script.finish()
if waits:
    warm_script.end_job(word, status, " leaving")
os._exit(status)
