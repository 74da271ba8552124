"""What gate.py, fork.py and keep.py share: they receive jobs and run a script as Python does."""

import atexit
import gc
import importlib
import os
import sys
import types


def load():
    """Loads the modules and compiles the script: MODULE,MODULE script.py [ARGUMENT ...]. Returns the code."""
    modules, sys.argv = sys.argv[1], sys.argv[2:]
    sys.path[0] = os.path.dirname(os.path.realpath(sys.argv[0]))
    for name in filter(None, modules.split(",")):
        importlib.import_module(name)
    with open(sys.argv[0], "rb") as script:
        code = compile(script.read(), sys.argv[0], "exec")
    gc.collect()
    gc.freeze()
    return code


def receive_job(stream):
    """Waits for a job and sets its variables. Returns the word that ends it, "" at the end of standard input."""
    if os.environ.get("JOBRUNNER_WARM") != "1":
        sys.exit("JOBRUNNER_WARM is not 1: the command must be configured with warm = true")
    for line in stream:
        name, _, value = os.fsdecode(line.rstrip(b"\r\n")).partition("=")
        if not name:
            return os.environ["JOBRUNNER_END"]
        os.environ[name] = value
    return ""


def empty_stdin():
    """Makes standard input empty, for the script and the processes that it starts."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def run(code):
    """Runs the script with new globals; returns its exit status."""
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = sys.argv[0]
    try:
        exec(code, main.__dict__)
        return 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 255
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        # Without the first frame, which is that of this function.
        error.__traceback__ = error.__traceback__.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        return 130 if isinstance(error, KeyboardInterrupt) else 1


def close_files():
    """Drops the script's globals, the newest first, so that files that it left open are written; flushes the outputs."""
    names = sys.modules["__main__"].__dict__
    while names:
        names.popitem()
    gc.collect()
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # The script closed or replaced it.


def finish():
    """Does what Python does at its end: waits for threads, calls exit handlers, closes files."""
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    close_files()


def identity(fd):
    """Tells the file of a descriptor from others; None for a descriptor that is closed."""
    try:
        file = os.fstat(fd)
        return file.st_dev, file.st_ino
    except OSError:
        return None


outputs = [identity(1), identity(2)]


def end_job(word, status, leaving=""):
    """Ends the job. If an output is not the server's any more, the process exits: that ends the job too."""
    if [identity(1), identity(2)] != outputs:
        os._exit(status)
    for fd in (1, 2):
        try:
            os.write(fd, f"\x1e{word} {status}{leaving}\n".encode())
        except OSError:
            os._exit(status)
