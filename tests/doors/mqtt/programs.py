"""Exchanges of mosquitto's own programs: mosquitto_pub, mosquitto_sub, mosquitto_rr. They know nothing of the unit."""

import shutil
import subprocess

from places import PATIENCE
from scene import exchange

ARE_THERE = all(shutil.which(f"mosquitto_{name}") for name in ("pub", "sub", "rr"))
SHOWN = "%t %p q%q r%r"


def command(program, place, version, *arguments):
    """Returns the command line of a program that goes to a place."""
    line = [f"mosquitto_{program}", "-h", "127.0.0.1", "-p", str(place.port), "-V", "mqttv5" if version == 5 else "mqttv311"]
    if place.user:
        line += ["-u", place.user, "-P", place.password]
    if place.authority:
        line += ["--cafile", place.authority]
    if place.certificate:
        line += ["--cert", place.certificate[0], "--key", place.certificate[1]]
    return [*line, *arguments]


def say(place, version, *arguments, text=None):
    """Runs mosquitto_pub to its end."""
    done = subprocess.run(command("pub", place, version, *arguments), input=text, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)


def hear(place, version, *arguments):
    """Runs mosquitto_sub to its end; returns the lines that it has printed."""
    done = subprocess.run(command("sub", place, version, *arguments, "-W", str(PATIENCE)), capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout.splitlines()


def program(*versions):
    """Declares an exchange of these programs, which know no WebSocket."""
    return exchange(*versions, is_raw=True) if ARE_THERE else lambda function: function


@program(3, 5)
def mosquitto_pub_and_sub(at):
    """A session of mosquitto_sub gets what mosquitto_pub has said meanwhile, over a restart."""
    session = ["-i", at.id("reader"), "-c", "-q", "2", "-t", at.topic("x/+"), *(["-x", "600"] if at.version == 5 else [])]
    hear(at.place, at.version, *session, "-E")
    for qos in range(3):
        say(at.place, at.version, "-t", at.topic(f"x/{qos}"), "-q", str(qos), "-m", f"of QoS {qos}")
    say(at.place, at.version, "-t", at.topic("x/file"), "-q", "1", "-s", text="two\nlines")
    say(at.place, at.version, "-t", at.topic("x/lines"), "-q", "1", "-l", text="".join(f"{number}\n" for number in range(50)))
    say(at.place, at.version, "-t", at.topic("x/none"), "-q", "2", "-n")
    yield
    found = hear(at.place, at.version, *session, "-C", "54", "-F", SHOWN)
    wanted = ["x/1 of QoS 1 q1 r0", "x/2 of QoS 2 q2 r0", "x/file two", "lines q1 r0",
              *(f"x/lines {number} q1 r0" for number in range(50)), "x/none  q2 r0"]
    at.sees("heard", sorted(one.removeprefix(at.topic("")) for one in found), sorted(wanted))


@program(3, 5)
def mosquitto_sub_retained(at):
    """Retained messages of mosquitto_pub, and its way to remove them."""
    for name in "ab":
        say(at.place, at.version, "-t", at.topic(name), "-q", "1", "-r", "-m", name)
    say(at.place, at.version, "-t", at.topic("a"), "-q", "1", "-r", "-n")
    found = hear(at.place, at.version, "-t", at.topic("#"), "-q", "1", "-C", "1", "-F", SHOWN)
    at.sees("heard", [one.removeprefix(at.topic("")) for one in found], ["b b q1 r1"])


@program(3, 5)
def mosquitto_sub_is_killed(at):
    """mosquitto_sub that is killed leaves the will that it was started with."""
    watcher = at.client("watcher")
    watcher.listen(at.topic("will"), 1)
    watcher.say(at.topic("hello"), "hello", 1, retain=True)
    line = command("sub", at.place, at.version, "-t", at.topic("hello"), "--will-topic", at.topic("will"), "--will-payload", "gone", "--will-qos", "1")
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as killed:
        at.sees("heard", killed.stdout.readline(), "hello\n")
        killed.kill()
    watcher.heard(1)
    at.sees("the will", at.heard(watcher), ["will gone q1"])


@program(5)
def mosquitto_rr_asks(at):
    """mosquitto_rr asks, and prints what it is answered."""
    server = at.client("server")
    server.listen(at.topic("double"), 1)
    line = command("rr", at.place, 5, "-t", at.topic("double"), "-e", at.topic("answer"), "-q", "1", "-m", "21", "-W", str(PATIENCE))
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as asker:
        request = server.heard(1)[0]
        correlation = getattr(request.properties, "CorrelationData", None)
        more = {} if correlation is None else {"CorrelationData": correlation}
        server.say(request.properties.ResponseTopic, str(2 * int(request.payload)), 1, **more)
        at.sees("the answer", asker.communicate(timeout=PATIENCE)[0], "42\n")


@program(5)
def mosquitto_pub_properties(at):
    """Properties that mosquitto_pub sends are those that mosquitto_sub prints."""
    session = ["-i", at.id("reader"), "-c", "-x", "600", "-q", "1", "-t", at.topic("x")]
    hear(at.place, 5, *session, "-E")
    say(at.place, 5, "-t", at.topic("x"), "-q", "1", "-m", "1", "-D", "publish", "user-property", "a", "1", "-D", "publish", "user-property", "b", "2",
        "-D", "publish", "content-type", "text/plain", "-D", "publish", "response-topic", "there", "-D", "publish", "payload-format-indicator", "1")
    found = hear(at.place, 5, *session, "-C", "1", "-F", "%p %P %C %R %F")
    at.sees("heard", found, ["1 a:1 b:2 text/plain there 1"])
