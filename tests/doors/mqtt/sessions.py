"""Exchanges about sessions: what waits for whom, who takes over from whom, wills."""

import time

from paho.mqtt.packettypes import PacketTypes

from client import Client, Refused, properties
from scene import exchange


def by_quality(texts):
    """Order holds for each quality by itself: paho gives a message of QoS 2 away once it is released."""
    return sorted(texts, key=lambda text: text[-1])


@exchange(3, 5)
def queue(at):
    """What comes for a client that is away waits for it, in order, over a restart; QoS 0 does not (MQTT-3.1.2-4, -5, -23)."""
    reader, writer = at.client("reader", is_durable=True), at.client("writer")
    at.sees("a session at first", reader.is_present, False)
    reader.listen(at.topic("#"), 2)
    reader.leave()
    for number, qos in enumerate([0, 1, 2, 1]):
        writer.say(at.topic("x"), str(number), qos)
    reader = at.client("reader", is_durable=True)
    at.sees("a session at the second time", reader.is_present, True)
    at.sees("heard", by_quality(at.heard(reader)), ["x 1 q1", "x 3 q1", "x 2 q2"])
    reader.leave()
    for number in range(4, 30):
        writer.say(at.topic("x"), str(number), 1 + number % 2)
    yield
    writer = at.client("writer")
    writer.say(at.topic("x"), "30", 1)
    reader = at.client("reader", is_durable=True)
    at.sees("a session after a restart", reader.is_present, True)
    wanted = by_quality([*(f"x {number} q{1 + number % 2}" for number in range(4, 30)), "x 30 q1"])
    at.sees("heard after a restart", by_quality(at.heard(reader)), wanted)
    reader.leave()
    reader = at.client("reader", is_durable=True)
    at.sees("nothing comes twice", at.heard(reader), [])


@exchange(3, 5)
def clean(at):
    """Who wants to begin anew has nothing of what was (MQTT-3.1.2-6; 5: 3.1.2-4), and what he begins ends with him."""
    reader, writer = at.client("reader", is_durable=True), at.client("writer")
    reader.listen(at.topic("x"), 1)
    reader.leave()
    writer.say(at.topic("x"), "1")
    reader = at.client("reader")
    at.sees("a session", reader.is_present, False)
    writer.say(at.topic("x"), "2")
    at.sees("heard", at.heard(reader), [])
    reader.listen(at.topic("x"), 1)
    reader.leave()
    writer.say(at.topic("x"), "3")
    reader = at.client("reader", is_durable=True)
    at.sees("a session of a clean one", reader.is_present, False)
    at.sees("heard by it", at.heard(reader), [])


@exchange(3, 5)
def takeover(at):
    """The older connection of a client is ended, the newer one has its session (MQTT-3.1.4-2; 5: 3.1.4-3)."""
    writer, first = at.client("writer"), at.client("reader", is_durable=True, is_manual=True)
    first.listen(at.topic("x"), 1)
    writer.say(at.topic("x"), "1")
    first.heard(1)
    second = at.client("reader", is_durable=True)
    at.sees("the first hears", first.ended()[0], 0x8E if at.version == 5 else "closed")
    at.sees("a session", second.is_present, True)
    writer.say(at.topic("x"), "2")
    at.sees("heard", at.heard(second), ["x 1 q1", "x 2 q1"])


@exchange(3, 5)
def unacknowledged(at):
    """What was not acknowledged comes again, marked as sent before; after a restart at least once more (MQTT-4.4.0-1)."""
    reader, writer = at.client("reader", is_durable=True, is_manual=True), at.client("writer")
    reader.listen(at.topic("x"), 1)
    for number in range(3):
        writer.say(at.topic("x"), str(number))
    first = reader.heard(3)
    reader.ack(first[0])
    # SUBACK comes behind the acknowledgement.
    reader.listen(at.topic("y"), 1)
    reader.drop()
    reader = at.client("reader", is_durable=True, is_manual=True)
    second = reader.heard(2)
    at.sees("again", at.texts(second), ["x 1 q1", "x 2 q1"])
    at.sees("marked", [one.dup for one in second], [True, True])
    at.sees("under the same number", [one.mid for one in second], [one.mid for one in first[1:]])
    yield
    reader = at.client("reader", is_durable=True)
    at.sees("after a restart", at.heard(reader), ["x 1 q1", "x 2 q1"])


@exchange(5)
def session_expiry(at):
    """A session is kept as long as its client says, and may say anew when it leaves (MQTT-3.1.2-23, 3.14.2-1, -2)."""
    for name, expiry in [("short", 1), ("longer", 1), ("ended", 600)]:
        reader = at.client(name, clean=False, expiry=expiry)
        reader.listen(at.topic("x"), 1)
        reader.leave(**{"longer": {"SessionExpiryInterval": 600}, "ended": {"SessionExpiryInterval": 0}}.get(name, {}))
    time.sleep(2.5)  # the time that is spoken of
    found = {name: at.client(name, clean=False, expiry=600).is_present for name in ("short", "longer", "ended")}
    at.sees("sessions", found, {"short": False, "longer": True, "ended": False})
    reader = at.client("none", clean=False)
    reader.paho.disconnect(properties=properties(PacketTypes.DISCONNECT, {"SessionExpiryInterval": 600}))
    at.sees("one that was to end is not prolonged", reader.ended()[0] in (0x82, "closed"), True)
    yield
    found = {name: at.client(name, clean=False, expiry=600).is_present for name in ("short", "none")}
    at.sees("sessions after a restart", found, {"short": True, "none": False})


@exchange(3, 5)
def wills(at):
    """Who is gone without a word leaves his will, who says so does not (MQTT-3.1.2-8 to -17)."""
    watcher = at.client("watcher")
    watcher.listen(at.topic("#"), 2)

    def with_will(name, qos, retain=False):
        return at.client(name, will=(at.topic(name), f"of {name}", qos, retain))

    with_will("polite", 1).leave()
    with_will("lost", 1).drop()
    watcher.heard(1)
    with_will("twice", 2)
    with_will("twice", 2).leave()
    watcher.heard(2)
    with_will("kept", 0, retain=True).drop()
    watcher.heard(3)
    if at.version == 5:
        with_will("wanted", 1).leave(4)
        watcher.heard(4)
    wanted = ["lost of lost q1", "twice of twice q2", "kept of kept q0", *(["wanted of wanted q1"] if at.version == 5 else [])]
    at.sees("heard", at.heard(watcher), wanted)
    late = at.client("late")
    late.listen(at.topic("+"), 1)
    at.sees("retained", at.heard(late), ["kept of kept q0 r"])


@exchange(5)
def delayed_wills(at):
    """A will waits as long as it says, and is void where its client is back in time; no longer than the session (MQTT-3.1.3-9)."""
    watcher = at.client("watcher")
    watcher.listen(at.topic("#"), 1)

    def with_will(name, delay, expiry):
        about = {"WillDelayInterval": delay, "UserProperty": [("of", name)], "ContentType": "text/plain"}
        return at.client(name, clean=False, expiry=expiry, will=(at.topic(name), f"of {name}", 1, False, about))

    gone = {name: with_will(name, delay, expiry).drop() for name, delay, expiry in [("back", 3, 600), ("late", 4, 600), ("ends", 600, 2)]}
    at.client("back", clean=False, expiry=600)
    came = {}
    for count in (1, 2):
        message = watcher.heard(count)[-1]
        came[message.topic.rsplit("/", 1)[1]] = time.monotonic()
        at.sees("what goes with it", (message.properties.UserProperty[0][0], message.properties.ContentType), ("of", "text/plain"))
    at.sees("heard", set(at.heard(watcher)), {"ends of ends q1", "late of late q1"})
    waited = {name: moment - gone[name] for name, moment in came.items()}
    at.sees("when the delay is over", 3.5 <= waited.get("late", 0) <= 15, True)
    at.sees("when the session ends", 1.5 <= waited.get("ends", 0) <= 15, True)


@exchange(3, 5, is_raw=True)
def names(at):
    """A client without an identifier is given one where it begins anew (MQTT-3.1.3-6 to -8; 5: 3.2.2-16)."""
    if at.version == 3:
        one = at.raw()
        answer = one.connect("", clean=False)
        at.sees("a session without a name", (answer.code, one.next()), (2, None))
        one = at.raw()
        at.sees("none is needed", one.connect("", clean=True).code, 0)
        return
    found = [Client(at.place, "", 5) for _ in range(2)]
    at.open += [one.drop for one in found]
    given = [getattr(one.about, "AssignedClientIdentifier", "") for one in found]
    at.sees("given", len({name for name in given if name}), 2)


@exchange(3, 5)
def long_names(at):
    """A client's identifier may have any letters, and more than 23 of them."""
    for name in ("0123456789" * 6, "a b/ü☃#+"):
        try:
            at.client(name)
        except Refused as refused:
            at.sees(f"`{name}` comes in", str(refused), None)


@exchange(3, 5, is_own=True)
def wills_of_the_killed(at):
    """Who is connected when the unit is killed has not said goodbye: his will is published when it is back."""
    watcher = at.client("watcher", is_durable=True)
    watcher.listen(at.topic("#"), 2)
    watcher.leave()
    at.client("lost", will=(at.topic("lost"), "of lost", 2, True))
    yield
    watcher = at.client("watcher", is_durable=True)
    at.sees("heard", at.heard(watcher), ["lost of lost q2"])
    late = at.client("late")
    late.listen(at.topic("#"), 1)
    at.sees("retained", at.heard(late), ["lost of lost q1 r"])


@exchange(5, is_own=True)
def wills_that_wait(at):
    """A will whose delay runs over a kill is published when it is over; not where its client is back before."""
    watcher = at.client("watcher", is_durable=True)
    watcher.listen(at.topic("#"), 1)
    watcher.leave()
    gone = {}
    for name, delay in [("back", 600), ("late", 6)]:
        will = (at.topic(name), f"of {name}", 1, False, {"WillDelayInterval": delay})
        gone[name] = at.client(name, is_durable=True, will=will).drop()
    yield
    at.sees("a session", at.client("back", is_durable=True).is_present, True)
    watcher = at.client("watcher", is_durable=True)
    watcher.heard(1)
    at.sees("when the delay is over", 5.5 <= time.monotonic() - gone["late"], True)
    at.sees("heard", at.heard(watcher), ["late of late q1"])


@exchange(3, 5, is_own=True)
def shared_by_the_absent(at):
    """What comes for a shared subscription whose members are all away waits for them, over a restart, and is for one of them (MQTT 5, 4.8.2)."""
    group, writer = "$share/group/" + at.topic("x"), at.client("writer")
    for name in ("one", "other"):
        member = at.client(name, is_durable=True)
        member.listen(group, 2)
        member.leave()
    for number in range(10):
        writer.say(at.topic("x"), str(number), 1 + number % 2)
    yield
    members = [at.client(name, is_durable=True) for name in ("one", "other")]
    heard = sum((at.heard(one) for one in members), [])
    at.sees("all of it, once", sorted(heard), [f"x {number} q{1 + number % 2}" for number in range(10)])
