"""How long a unit with data takes until it is ready, and how much memory it has when it was idle for a minute.

usage: ready.py BINARY OLIST"""

import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

IDLE_SECONDS = 60


def is_ready(url):
    try:
        return urllib.request.urlopen(url).status == 200
    except urllib.error.URLError:
        return False


def main(binary, olist):
    with tempfile.TemporaryDirectory() as folder:
        units = f"{folder}/units"
        play = [binary, "replay", "commerce", "--source", "olist", "--data", olist, "--dir", units, "-o", "json"]
        subprocess.run(play, check=True, stdout=subprocess.DEVNULL)
        unit = f"{units}/retail"
        listen = re.search(r'^listen = "(.*)"', open(f"{unit}/unit.toml").read(), re.M).group(1)
        since = time.monotonic()
        process = subprocess.Popen([binary, "up", unit], stdout=subprocess.DEVNULL)
        try:
            while not is_ready(f"http://{listen}/health/ready"):
                assert process.poll() is None, "the unit has ended"
            print(f"ready after {time.monotonic() - since:.2f} s")
            time.sleep(IDLE_SECONDS)
            pages = int(open(f"/proc/{process.pid}/statm").read().split()[1])
            print(f"{pages * 4096 / 1e6:.0f} MB after {IDLE_SECONDS} s")
        finally:
            process.terminate()
            process.wait()


main(*sys.argv[1:])
