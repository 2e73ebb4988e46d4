"""Exchanges that are the same wherever they happen: at each door of the unit, and at mosquitto. Each says what it wants to see there.

An exchange is a function of a scene. Where it has a `yield`, the broker is restarted there: the unit is killed, mosquitto, which writes down
what it has when it ends, is stopped in order. All exchanges of all places run beside each other, each on topics of its own.
"""

import inspect
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from client import Client, text
from raw import Raw

EXCHANGES = []
BESIDE = 24


def exchange(*versions, is_raw=False, is_own=False):
    """Declares an exchange for these versions of the protocol; a raw one knows no WebSocket, one of our own is for the unit alone."""
    def declare(function):
        EXCHANGES.append((function, versions, lambda place: not (is_raw and place.is_web) and (place.is_unit or not is_own)))
        return function
    return declare


class Scene:
    """One exchange at one place in one version."""

    def __init__(self, function, place, version):
        self.function, self.place, self.version = function, place, version
        self.name = f"{function.__name__}{version}"
        self.faults, self.open, self.run, self.seconds = [], [], None, 0.0

    def topic(self, rest):
        return f"open/{self.place.name}/{self.name}/{rest}"

    def id(self, name):
        return f"{self.place.name}-{self.name}-{name}"

    def client(self, name, is_durable=False, **more):
        """Connects a client; a durable one finds what it had."""
        if is_durable:
            more = {"clean": False, **({"expiry": 600} if self.version == 5 else {}), **more}
        made = Client(self.place, self.id(name), self.version, **more)
        self.open.append(made.drop)
        return made

    def raw(self):
        made = Raw(self.place, self.version)
        self.open.append(made.close)
        return made

    def connect_raw(self, name, is_durable=False, **more):
        """Connects packet by packet; returns the connection and CONNACK."""
        made = self.raw()
        if is_durable and self.version == 5:
            more["SessionExpiryInterval"] = 600
        return made, made.connect(self.id(name), not is_durable, **more)

    def texts(self, messages):
        return [text(one).removeprefix(self.topic("")) for one in messages]

    def heard(self, client):
        """What a client has heard until now: all that others know to be taken is among it."""
        return self.texts(client.all_heard(self.topic(f"mark/{client.name}")))

    def sees(self, what, found, wanted):
        if found != wanted:
            self.faults.append((what, f"{what}: {found} instead of {wanted}"))

    def go(self):
        """Runs to the next restart of the broker, or to the end."""
        began = time.monotonic()
        try:
            if self.run is None:
                self.run = self.function(self)
            if not inspect.isgenerator(self.run):
                self.run = iter(())
            next(self.run)
        except StopIteration:
            self.end()
        except Exception:  # whatever went wrong there, the others go on
            self.faults.append(("broken", traceback.format_exc(limit=-4)))
            self.run = iter(())
            self.end()
        self.seconds += time.monotonic() - began

    def end(self):
        """Leaves nothing behind."""
        for close in self.open:
            try:
                close()
            except Exception:  # it may have gone already
                pass
        self.open = []


def play(places, restart, chosen=None):
    """Plays all exchanges at all places, restarts the brokers in between, and returns the scenes."""
    scenes = [Scene(function, place, version) for function, versions, is_for in EXCHANGES for version in versions
              for place in places if is_for(place) and chosen in (None, function.__name__)]
    with ThreadPoolExecutor(BESIDE) as pool:
        list(pool.map(Scene.go, scenes))
        restart()
        list(pool.map(Scene.go, scenes))
    return scenes
