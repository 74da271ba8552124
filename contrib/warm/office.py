"""A warm worker that converts each payload with a LibreOffice that stays open. Needs Debian's python3-uno.

    /usr/bin/python3 office.py 'MS Word 2007 XML' writer_pdf_Export [SECONDS]

The arguments are the filter that reads, the filter that writes, and after how many seconds a conversion counts as hung (300).
Jobs share one LibreOffice and its profile, which are new for each process. If LibreOffice crashes or hangs, the job fails and
the process ends. A LibreOffice that was killed leaves two sockets in /tmp, named OSL_PIPE_*.
"""

import fcntl
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import uno
from com.sun.star.beans import PropertyValue

if os.environ.get("JOBRUNNER_WARM") != "1":
    sys.exit("JOBRUNNER_WARM is not 1: the command must be configured with warm = true")
read_filter, write_filter = sys.argv[1:3]
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 300
# A document must not have pictures fetched from elsewhere.
SETTINGS = """<oor:items xmlns:oor="http://openoffice.org/2001/registry">
  <item oor:path="/org.openoffice.Office.Common/Security/Scripting">
    <prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop>
  </item>
</oor:items>"""


def make_folder():
    """Makes a folder for the profile and temporary files, and removes those of adapters that were killed."""
    for old in glob.glob(f"{tempfile.gettempdir()}/jobrunner-office-*/lock"):
        try:
            with open(old, "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(os.path.dirname(old))
        except OSError:
            pass  # another user's, or in use
    made = tempfile.mkdtemp(prefix="jobrunner-office-")
    lock = open(f"{made}/lock", "wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return made, lock


def start_office():
    """Starts LibreOffice, a group of processes. Returns its first process and its desktop."""
    os.mkdir(f"{folder}/user")
    with open(f"{folder}/user/registrymodifications.xcu", "w", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    pipe = f"pipe,name=jobrunner{os.getpid()}"
    words = ["soffice", "--headless", "--norestore", f"--accept={pipe};urp;"]
    words.append(f"-env:UserInstallation={uno.systemPathToFileUrl(folder)}")
    none = subprocess.DEVNULL
    office = subprocess.Popen(
        words, stdin=none, stdout=none, stderr=none, preexec_fn=os.setpgrp,
        env={**os.environ, "TMPDIR": folder},
    )
    services = uno.getComponentContext().ServiceManager
    resolver = services.createInstance("com.sun.star.bridge.UnoUrlResolver")
    until = time.monotonic() + 60
    while True:
        try:
            context = resolver.resolve(f"uno:{pipe};urp;StarOffice.ComponentContext")
            return office, context.ServiceManager.createInstance("com.sun.star.frame.Desktop")
        except Exception:
            if office.poll() is not None or time.monotonic() > until:
                kill(office)
                shutil.rmtree(folder, ignore_errors=True)
                sys.exit("LibreOffice did not start")
            time.sleep(0.05)


def kill(office):
    """Kills LibreOffice."""
    try:
        os.killpg(office.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def convert(desktop, source, target):
    """Converts a file into another."""
    how = {"FilterName": read_filter, "Hidden": True, "ReadOnly": True, "UpdateDocMode": 0}
    document = desktop.loadComponentFromURL(
        uno.systemPathToFileUrl(source), "_blank", 0, properties(how))
    if document is None:
        raise ValueError("the payload could not be loaded")
    try:
        document.storeToURL(uno.systemPathToFileUrl(target), properties({"FilterName": write_filter}))
    finally:
        document.close(True)


def properties(values):
    """Names and values as LibreOffice wants them."""
    return tuple(PropertyValue(name, 0, value, 0) for name, value in values.items())


def serve(office, desktop):
    """Converts the payload of each job, until there are no more jobs or LibreOffice is broken."""
    job = {}
    for line in sys.stdin.buffer:
        name, _, value = os.fsdecode(line.rstrip(b"\r\n")).partition("=")
        if name:
            job[name] = value
            continue
        status, leaving = 0, ""
        watch = threading.Timer(seconds, kill, [office])
        watch.start()
        try:
            convert(desktop, job["JOBRUNNER_REQUEST_DATA_FN"], job["JOBRUNNER_RESPONSE_DATA_FN"])
        except Exception as error:
            print(f"LibreOffice: {error}", file=sys.stderr)
            status = 1
        watch.cancel()
        try:
            desktop.getFrames().getCount()
        except Exception:
            leaving = " leaving"
        for stream in (sys.stdout, sys.stderr):
            print(f"\x1e{job['JOBRUNNER_END']} {status}{leaving}", file=stream, flush=True)
        if leaving:
            return


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
# Not in the job's folder, which is emptied after each job.
folder, lock = make_folder()
office, desktop = start_office()
try:
    serve(office, desktop)
    desktop.terminate()
    office.wait(5)
except Exception:
    pass  # LibreOffice is gone, or does not end
finally:
    kill(office)
    office.wait()
    shutil.rmtree(folder, ignore_errors=True)
