"""Bad input: who comes in wrongly, says what he may not, or what nobody can read. MQTT 5 hears a reason code and a reason; 3.1.1 has no word
for most of it, so that its connection ends and the log says why.
"""

import json
import struct

from client import Client
from places import until
from raw import CONNECT, PUBACK, PUBLISH, PUBREC, SUBSCRIBE, Raw, frame, text


def play(plant):
    van, other = plant.device("van-bad", "van"), plant.device("van-good", "van")
    watcher = Client(plant.place(), "watcher")
    who_comes_in(plant, van)
    who_is_let_go(plant)
    what_nobody_may(plant, van)
    what_is_set_aside(plant, van)
    what_is_no_row(plant, van)
    what_a_topic_takes(plant)
    what_is_too_large(plant, van)
    what_may_not_be_heard(plant, van)
    # All of that has harmed nobody.
    assert watcher.say("open/refused", "1") == 0
    good = Client(other, "van-good")
    assert good.say("devices/van-good/telemetry/weight", "1.5") == 0
    assert plant.sql("SELECT kg FROM weights WHERE device = 'van-good'") == [{"kg": 1.5}]
    for one in (watcher, good):
        one.leave()


def sees(what, found, wanted):
    assert found == wanted, f"{what}: {found} instead of {wanted}"


def is_told(what, reason, *parts):
    for part in parts:
        assert part in (reason or ""), f"{what}: `{part}` is not in the reason `{reason}`"


def is_logged(plant, before, *parts):
    """Waits for a line of the log, behind what was there before, that has all parts."""
    def line():
        lines = plant.logged()[before:].splitlines()
        return any(all(part in one for part in parts) for one in lines)
    until(f"a line with {parts} in the log:\n{plant.logged()[before:]}", line)


def who_comes_in(plant, van):
    """A token that is none, or another's, or none at all."""
    for what, user, password, code_5, code_3 in [
        ("a wrong token", "van-bad", "craton_" + "0" * 64, 0x86, 4),
        ("no text", "van-bad", b"\xff\xfe", 0x86, 4),
        ("a token of somebody else", "van-good", van.password, 0x86, 4),
        ("nothing", None, None, 0x86, 5),
    ]:
        for version, code in [(5, code_5), (3, code_3)]:
            before, one = len(plant.logged()), Raw(plant.place(None), version)
            answer = one.connect("stranger", user=user, password=password)
            sees(f"{what} in version {version}", answer.code, code)
            if version == 5:
                is_told(what, getattr(answer.about, "ReasonString", None), " ")
            sees(f"{what}: the connection", one.next(), None)
            is_logged(plant, before, "`stranger`", "not let in", "0x8")
    for what, data, code in [
        ("MQTT 3.1", frame(CONNECT, 0, text("MQIsdp") + b"\3\2\0\x3c" + text("x")), 1),
        ("a version to come", frame(CONNECT, 0, text("MQTT") + b"\6\2\0\x3c\0" + text("x")), 0x84),
    ]:
        one = Raw(van, 3)
        sees(what, (one.ask(data).code, one.next()), (code, None))
    one = Raw(van, 5)
    sees("a method that is not spoken", one.connect("x", AuthenticationMethod="SCRAM-SHA-1").code, 0x8C)


def who_is_let_go(plant):
    """A device whose token is revoked, and one that is disabled."""
    place = plant.device("van-gone", "van")
    made = plant.call("devices/van-gone/add_credential", kind="token")
    second = plant.place("van-gone").__class__(**{**vars(place), "password": made["token"]})
    one, other = Client(second, "second"), Client(place, "first")
    plant.call("devices/van-gone/revoke_credential", id=made["id"])
    sees("a revoked token", one.ended()[0], 0x87)
    sees("the other one of the device", other.say("devices/van-gone/telemetry/weight", "1"), 0)
    plant.call("devices/van-gone/update", disabled=True)
    assert other.ended()[0] in (0x87, 0x98), other.end
    for version, code in [(5, 0x87), (3, 5)]:
        sees(f"a disabled device in version {version}", Raw(place, version).connect("first").code, code)


def refused_5(plant, place, topic, payload, *parts, retain=False):
    """Publishes in MQTT 5 at both qualities that are answered; returns the code, which is the same, and looks at what it is told."""
    one, codes = Raw(place, 5), set()
    assert one.connect("five").code == 0
    for qos, kind in [(1, PUBACK), (2, PUBREC)]:
        one.publish(topic, payload, qos, qos, retain=retain)
        answer = one.next()
        sees(f"{topic}: the answer", answer and answer.kind, kind)
        is_told(topic, getattr(answer.about, "ReasonString", None), *parts)
        codes.add(answer.code)
    # At QoS 0 nothing can be told but to the log, and nothing ends.
    before = len(plant.logged())
    one.publish(topic, payload, 0, retain=retain)
    sees(f"{topic} at QoS 0", one.end_after(b""), "goes on")
    is_logged(plant, before, f"{place.user} as `five`", *parts)
    one.close()
    assert len(codes) == 1, codes
    return codes.pop()


def refused_3(plant, place, topic, payload, *parts, retain=False):
    """Publishes in 3.1.1: it is not acknowledged, the connection ends at every quality, and the log says why."""
    for qos in range(3):
        before, one = len(plant.logged()), Raw(place, 3)
        assert one.connect("three").code == 0
        one.publish(topic, payload, qos, 1, retain=retain)
        sees(f"{topic} in 3.1.1 at QoS {qos}", one.next(), None)
        is_logged(plant, before, f"{place.user} as `three`", *parts)
        one.close()


def what_nobody_may(plant, van):
    """Another's topic, one that nobody has declared, one that the unit alone speaks on, one without the right."""
    tina = plant.place()
    for place, topic, *parts in [
        (van, "devices/van-good/telemetry/weight", "van-good"),
        (van, "devices/nobody/telemetry/weight", "nobody"),
        (van, "devices/van-bad/telemetry/height", "height"),
        (van, "devices/van-bad/presence", "the unit alone"),
        (van, "devices/van-bad/commands/unlock/1", "the unit alone"),
        (van, "plant/1/line/2/state"),
        (tina, "devices/van-bad/telemetry/weight"),
        (tina, "closed/x"),
        (tina, "nowhere/x", "nowhere/x"),
    ]:
        sees(topic, refused_5(plant, place, topic, "1", *parts), 0x87)
        refused_3(plant, place, topic, "1", *parts)
    sees("a topic that devices have not", refused_5(plant, van, "devices/van-bad/other", "1", "telemetry/CHANNEL"), 0x90)
    refused_3(plant, van, "devices/van-bad/other", "1", "telemetry/CHANNEL")
    sees("rows in all these names", plant.sql("SELECT count(*) AS n FROM weights WHERE device IN ('van-bad', 'van-good', 'nobody')"), [{"n": 0}])


def what_is_set_aside(plant, van):
    """Rows that break the stream's schema are kept aside with the reason and counted; the device hears of it where it can."""
    topic, counted = "devices/van-bad/telemetry/weight", "craton_device_set_aside_total"
    before = plant.metric(counted)
    for payload in ('{"kg": "heavy"}', '{"pounds": 3}', "{broken", '["no row"]'):
        sees(payload, refused_5(plant, van, topic, payload, " "), 0x99)
        one = Raw(van, 3)
        assert one.connect("three").code == 0
        for qos, kind in [(1, PUBACK), (2, PUBREC)]:
            one.publish(topic, payload, qos, qos)
            sees(f"{payload} in 3.1.1", one.next().kind, kind)
        one.close()
    # A list is taken as far as it can be.
    sees("a list", refused_5(plant, van, topic, '[{"kg": 1}, {"kg": "two"}, {"kg": 3}]', "two"), 0x99)
    rows = plant.sql("SELECT row, reason FROM weights_set_aside")
    sees("how many are set aside", len(rows), 4 * 5 + 3)
    for row in rows:
        assert row["reason"], row
    sees("the rows that are none", sum("heavy" in str(row["row"]) for row in rows), 5)
    sees("the rows that are some", plant.sql("SELECT kg FROM weights WHERE device = 'van-bad' ORDER BY _offset"),
         [{"kg": 1.0}, {"kg": 3.0}] * 3)
    sees("counted", plant.metric(counted) - before, len(rows))
    shown = plant.get("devices/van-bad")
    sees("counted of the device", shown["presence"]["set_aside"], len(rows))


def what_is_no_row(plant, van):
    """What is no row is set aside nowhere: it is refused in both versions."""
    topic = "devices/van-bad/twin/reported"
    for payload, *parts in [("no JSON", "JSON"), ('{"wings": 2}', "wings"), ('{"battery": "full"}', "battery"), ("[1]",)]:
        sees(payload, refused_5(plant, van, topic, payload, *parts), 0x83)
        refused_3(plant, van, topic, payload, *parts)
    sees("the twin", plant.get("devices/van-bad/twin")["reported"].get("state", {}), {})
    sees("an answer to nothing", refused_5(plant, van, "devices/van-bad/answers/4711", '{"ok": true}', "4711"), 0x87)
    refused_3(plant, van, "devices/van-bad/answers/4711", '{"ok": true}', "4711")


def what_a_topic_takes(plant):
    """The quality, the flag and the size that a topic was declared with."""
    tina = plant.place()
    one = Client(tina, "tina")
    assert one.say("plant/1/line/2/state", '{"state": "on"}', 1) == 0
    for topic, payload, qos, retain, code, *parts in [
        ("plant/1/line/2/state", '{"state": "on"}', 2, False, 0x90, "QoS 1"),
        ("fleeting/x", "1", 1, True, 0x90, "retained"),
        ("fleeting/x", "x" * 101, 1, False, 0x83, "100"),
    ]:
        raw = Raw(tina, 5)
        assert raw.connect("five").code == 0
        raw.publish(topic, payload, qos, 1, retain=retain)
        answer = raw.next()
        sees(topic, answer.code, code)
        is_told(topic, getattr(answer.about, "ReasonString", None), *parts)
        raw = Raw(tina, 3)
        assert raw.connect("three").code == 0
        before = len(plant.logged())
        raw.publish(topic, payload, qos, 1, retain=retain)
        sees(f"{topic} in 3.1.1", raw.next(), None)
        is_logged(plant, before, "tina as `three`", *parts)
    sees("rows of the topic", plant.sql("SELECT plant, line, topic, publisher, state FROM line_states"),
         [{"plant": "1", "line": "2", "topic": "plant/1/line/2/state", "publisher": "user:tina", "state": "on"}])
    one.leave()


def what_is_too_large(plant, van):
    """A packet above the limit ends its connection before it is read; a payload above it is refused by itself."""
    limit = getattr(Client(van, "asks").about, "MaximumPacketSize")
    for version in (5, 3):
        one, before = Raw(van, version), len(plant.logged())
        assert one.connect("large").code == 0
        # The head alone is enough.
        one.send(bytes([PUBLISH << 4]) + b"\xff\xff\xff\x7f" + b"x" * 1_000)
        answer = one.next()
        if version == 5:
            sees("the code", answer.code, 0x95)
            is_told("a packet", getattr(answer.about, "ReasonString", None), str(limit))
        else:
            sees("the end", answer, None)
            is_logged(plant, before, "van-bad as `large`", str(limit))
    topic = "devices/van-bad/telemetry/weight"
    payload = json.dumps({"kg": 1, "note": "x" * 70_000})
    sees("a payload", refused_5(plant, van, topic, payload, "65536"), 0x83)
    refused_3(plant, van, topic, payload, "65536")


def what_may_not_be_heard(plant, van):
    """Subscriptions to what others have."""
    one, three = Raw(van, 5), Raw(van, 3)
    assert one.connect("five").code == three.connect("three").code == 0
    for filter in ("devices/van-good/#", "devices/+/telemetry/#", "closed/#", "nowhere/#", "$SYS/#"):
        sees(filter, one.subscribe(filter, 1).body[-1], 0x87)
        sees(f"{filter} in 3.1.1", three.subscribe(filter, 1).body[-1], 0x80)
    sees("its own", one.subscribe("devices/van-bad/#", 1).body[-1], 1)
    # Who may hear all but one topic is told of that one.
    tina = Raw(plant.place(), 5)
    assert tina.connect("tina").code == 0
    for filter, code in [("closed/#", 0x87), ("closed/x", 0x87), ("open/#", 1), ("#", 1), ("devices/#", 0x87), ("$SYS/#", 0x87)]:
        sees(f"{filter} for a user", tina.subscribe(filter, 1).body[-1], code)
    # One of several is refused by itself.
    filters = b"".join(text(each) + b"\1" for each in ("devices/van-good/#", "devices/van-bad/#"))
    answer = three.ask(frame(SUBSCRIBE, 2, struct.pack("!H", 3) + filters))
    sees("several", answer.body[2:], b"\x80\1")
