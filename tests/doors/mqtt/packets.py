"""Exchanges packet by packet: what is lost on its way and sent again, and what is no MQTT."""

import struct
import time

from raw import (CONNACK, CONNECT, DISCONNECT, PINGREQ, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, SUBSCRIBE, UNSUBSCRIBE, frame,
                 text)
from scene import exchange


@exchange(3, 5, is_raw=True)
def sent_twice(at):
    """A QoS 2 message that is sent again before its end is taken once, over a restart too (MQTT-4.3.3-2; 5: 4.3.3-8 to -13)."""
    reader = at.client("reader", is_durable=True)
    reader.listen(at.topic("x"), 2)
    for is_dup in (False, True, True):
        writer, answer = at.connect_raw("writer", is_durable=True)
        at.sees("a session", answer.is_present, is_dup)
        writer.publish(at.topic("x"), "1", 2, 7, is_dup)
        answer = writer.next()
        at.sees("PUBREC", (answer.kind, answer.id, answer.code < 0x80), (PUBREC, 7, True))
    for _ in range(2):
        writer.ack(PUBREL, 7)
        answer = writer.next()
        at.sees("PUBCOMP", (answer.kind, answer.id), (PUBCOMP, 7))
    writer.publish(at.topic("x"), "2", 2, 7)
    at.sees("the number is free again", (writer.next().kind, writer.ack(PUBREL, 7), writer.next().kind), (PUBREC, None, PUBCOMP))
    writer.publish(at.topic("x"), "3", 2, 8)
    at.sees("PUBREC before a restart", writer.next().kind, PUBREC)
    before = at.heard(reader)
    reader.leave()
    yield
    writer, answer = at.connect_raw("writer", is_durable=True)
    at.sees("a session", answer.is_present, True)
    writer.publish(at.topic("x"), "3", 2, 8, True)
    at.sees("PUBREC after it", writer.next().kind, PUBREC)
    writer.ack(PUBREL, 8)
    at.sees("PUBCOMP after it", writer.next().kind, PUBCOMP)
    writer.publish(at.topic("x"), "4", 2, 8)
    writer.next()
    writer.ack(PUBREL, 8)
    writer.next()
    at.sees("heard", before + at.heard(at.client("reader", is_durable=True)), [f"x {number} q2" for number in range(1, 5)])


@exchange(3, 5, is_raw=True)
def delivered_once(at):
    """A QoS 2 message whose PUBREC has come is not sent again, its PUBREL is (MQTT-4.4.0-1), over a restart too."""
    reader, _ = at.connect_raw("reader", is_durable=True)
    at.sees("SUBACK", reader.subscribe(at.topic("x"), 2).kind, SUBACK)
    writer = at.client("writer")
    for number in range(2):
        writer.say(at.topic("x"), str(number), 2)
    first, second = reader.next(), reader.next()
    at.sees("came", [(one.kind, one.payload, one.flags >> 1 & 3) for one in (first, second)], [(PUBLISH, "0", 2), (PUBLISH, "1", 2)])
    reader.ack(PUBREC, first.id)
    answer = reader.next()
    at.sees("PUBREL", (answer.kind, answer.flags, answer.id), (PUBREL, 2, first.id))
    reader.close()
    reader, answer = at.connect_raw("reader", is_durable=True)
    at.sees("a session", answer.is_present, True)
    came = sorted(((one.kind, one.id, one.flags) for one in (reader.next(), reader.next())))
    at.sees("again", came, [(PUBLISH, second.id, 0b1100), (PUBREL, first.id, 2)])
    yield
    reader, answer = at.connect_raw("reader", is_durable=True)
    at.sees("a session after a restart", answer.is_present, True)
    came = sorted(((one.kind, one.id, one.flags & 6) for one in (reader.next(), reader.next())))
    at.sees("again after a restart", came, [(PUBLISH, second.id, 4), (PUBREL, first.id, 2)])
    reader.ack(PUBCOMP, first.id)
    reader.ack(PUBREC, second.id)
    at.sees("PUBREL after a restart", (reader.next().kind, reader.ack(PUBCOMP, second.id)), (PUBREL, None))
    at.client("writer").say(at.topic("x"), "2", 2)
    answer = reader.next()
    at.sees("the next one", (answer.kind, answer.payload), (PUBLISH, "2"))


@exchange(5, is_raw=True)
def too_many(at):
    """Who sends more than is taken at a time is told (MQTT-3.3.4-7)."""
    writer, answer = at.connect_raw("writer")
    most = getattr(answer.about, "ReceiveMaximum", 65_535)
    for number in range(1, most + 1):
        writer.publish(at.topic("x"), "1", 2, number)
    codes = {writer.next().kind for _ in range(most)}
    at.sees("as many as it said", codes, {PUBREC})
    writer.publish(at.topic("x"), "1", 2, most + 1)
    at.sees("one more", writer.end_after(b""), 0x93)


@exchange(3, 5, is_raw=True)
def keep_alive(at):
    """Who is silent for one and a half times of his keep alive is gone, and leaves his will (MQTT-3.1.2-24; 5: 3.1.2-22)."""
    one, _ = at.connect_raw("one", keep_alive=1)
    began = time.monotonic()
    at.sees("it is asked for life", one.ask(frame(PINGREQ, 0)).kind, PINGRESP)
    at.sees("the end", one.end(), 0x8D if at.version == 5 else "closed")
    at.sees("in time", 1 <= time.monotonic() - began <= 20, True)


def names(*filters):
    return b"".join(text(one) for one in filters)


def wrong(version):
    """Packets that no client may send, each with how its connection ends in MQTT 5; in 3.1.1 all are closed."""
    none = b"\0" if version == 5 else b""
    publish = lambda flags, topic, rest=b"": frame(PUBLISH, flags, text(topic) + rest)  # noqa: E731
    id = struct.pack("!H", 5)
    said = {
        "CONNECT twice": (frame(CONNECT, 0, text("MQTT") + bytes([5 if version == 5 else 4, 2, 0, 9]) + none + text("x")), {0x82}),
        "CONNACK of a client": (frame(CONNACK, 0, b"\0\0" + none), {0x81, 0x82}),
        "packet type 0": (frame(0, 0), {0x81, 0x82}),
        "reserved flags of PINGREQ": (frame(PINGREQ, 1), {0x81}),
        "reserved flags of SUBSCRIBE": (frame(SUBSCRIBE, 0, id + none + text("open/x") + b"\1"), {0x81}),
        "reserved flags of PUBREL": (frame(PUBREL, 0, id), {0x81}),
        "QoS 3": (publish(6, "open/x", id + none), {0x81}),
        "packet identifier 0": (publish(2, "open/x", b"\0\0" + none), {0x81, 0x82}),
        "wildcard in a topic": (publish(0, "open/#", none), {0x81, 0x82, 0x90}),
        "NUL in a topic": (publish(0, "open/\0", none), {0x81, 0x90}),
        "a topic that is no UTF-8": (publish(0, b"open/\xff", none), {0x81, 0x90}),
        "half of a UTF-16 pair in a topic": (publish(0, b"open/\xed\xa0\x80", none), {0x81, 0x90}),
        "an empty topic": (publish(0, "", none), {0x81, 0x82, 0x90}),
        "SUBSCRIBE without a filter": (frame(SUBSCRIBE, 2, id + none), {0x81, 0x82}),
        "SUBSCRIBE of QoS 3": (frame(SUBSCRIBE, 2, id + none + text("open/x") + b"\3"), {0x81, 0x82}),
        "SUBSCRIBE with packet identifier 0": (frame(SUBSCRIBE, 2, b"\0\0" + none + text("open/x") + b"\1"), {0x81, 0x82}),
        "UNSUBSCRIBE without a filter": (frame(UNSUBSCRIBE, 2, id + none), {0x81, 0x82}),
        "a PUBACK that is too short": (frame(PUBACK, 0, b"\0"), {0x81}),
        "a length without end": (b"\x30\xff\xff\xff\xff\x01", {0x81, 0x95}),
        "a topic longer than its packet": (frame(PUBLISH, 0, b"\0\xffopen/x"), {0x81}),
    }
    if version == 5:
        said |= {
            "a property twice": (publish(0, "open/x", b"\4\1\0\1\0x"), {0x81, 0x82}),
            "a property that PUBLISH has not": (publish(0, "open/x", b"\5\x11\0\0\0\1x"), {0x81, 0x82}),
            "a subscription identifier of a client": (publish(0, "open/x", b"\2\x0b\1x"), {0x81, 0x82}),
            "a wildcard in a response topic": (publish(0, "open/x", b"\4\x08\0\1#x"), {0x81, 0x82, 0x90}),
            "no local on a shared subscription": (frame(SUBSCRIBE, 2, id + none + text("$share/g/open/x") + b"\5"), {0x81, 0x82}),
            "retain handling 3": (frame(SUBSCRIBE, 2, id + none + text("open/x") + b"\x31"), {0x81, 0x82}),
            "subscription identifier 0": (frame(SUBSCRIBE, 2, id + b"\2\x0b\0" + text("open/x") + b"\1"), {0x81, 0x82}),
            "AUTH that nobody asked for": (frame(15, 0, b"\x18\0"), {0x82, 0x8C}),
        }
    return said


@exchange(3, 5, is_raw=True)
def malformed(at):
    """What is no MQTT ends its connection (MQTT-4.8.0-1; 5: 4.13.1-1), and nobody else's."""
    watcher = at.client("watcher")
    for what, (data, codes) in wrong(at.version).items():
        one, answer = at.connect_raw("one")
        at.sees("let in", answer.code, 0)
        found, wanted = one.end_after(data), codes if at.version == 5 else set()
        # Why, the unit says wherever it can be said.
        is_ended = found in wanted or found == "closed" and not (wanted and at.place.is_unit)
        at.sees(what, None if is_ended else found, None)
        one.close()
    for filter in ("open/a#", "open/#/a", "open/+a", "", "$share//open/x", "$share/a+/open/x"):
        one, _ = at.connect_raw("one")
        one.send(frame(SUBSCRIBE, 2, struct.pack("!H", 5) + (b"\0" if at.version == 5 else b"") + text(filter) + b"\1"))
        answer = one.next()
        is_refused = answer is None or answer.kind == DISCONNECT or answer.kind == SUBACK and answer.body[-1] >= 0x80
        at.sees(f"filter `{filter}`", is_refused, True)
        one.close()
    at.sees("who was there", watcher.say(at.topic("x"), "1"), 0)


@exchange(3, 5, is_raw=True)
def strange(at):
    """What comes in place of CONNECT, or is no such as the standard knows, is not let in (MQTT-3.1.0-1, 3.1.2-1, -2)."""
    own = bytes([5 if at.version == 5 else 4])
    none = b"\0" if at.version == 5 else b""
    for what, data in {
        "PINGREQ first": frame(PINGREQ, 0),
        "another protocol": frame(CONNECT, 0, text("MQTX") + own + b"\2\0\x3c" + none + text("x")),
        "a version that there is not": frame(CONNECT, 0, text("MQTT") + b"\x09\2\0\x3c\0" + text("x")),
        "the reserved flag": frame(CONNECT, 0, text("MQTT") + own + b"\3\0\x3c" + none + text("x")),
        "a will of QoS 3": frame(CONNECT, 0, text("MQTT") + own + b"\x1e\0\x3c" + none + text("x") + none + text("a") + text("b")),
        "will flags without a will": frame(CONNECT, 0, text("MQTT") + own + b"\x2a\0\x3c" + none + text("x")),
        "a CONNECT that is too short": frame(CONNECT, 0, text("MQTT") + own),
        "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    }.items():
        one = at.raw()
        answer = one.ask(data)
        is_refused = answer is None or answer.kind == DISCONNECT or answer.kind == CONNACK and answer.code
        at.sees(what, bool(is_refused) and (answer is None or one.next() is None), True)
        one.close()
