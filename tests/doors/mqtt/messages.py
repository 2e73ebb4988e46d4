"""Exchanges about messages: quality of service, order, filters, retained ones, properties, flow control, expiry."""

import time

from scene import exchange

IDENTIFIERS, RETAIN_SEND, RETAIN_NEW, RETAIN_NEVER = "SubscriptionIdentifier", 0, 1, 2


@exchange(3, 5)
def qualities(at):
    """A message comes with the lower one of the qualities in which it was published and granted (MQTT-3.8.4-6; 5: 3.8.4-8)."""
    reader, writer = at.client("reader"), at.client("writer")
    at.sees("granted", [reader.listen(at.topic(str(qos)), qos) for qos in range(3)], [0, 1, 2])
    for granted in range(3):
        for qos in range(3):
            at.sees("taken", writer.say(at.topic(str(granted)), f"{qos}", qos), 0)
    wanted = [f"{granted} {qos} q{min(granted, qos)}" for granted in range(3) for qos in range(3)]
    at.sees("heard", sorted(at.heard(reader)), wanted)


@exchange(3, 5)
def order(at):
    """Messages of a publisher on a topic come in the order in which it has sent them (MQTT-4.6.0-5, -6)."""
    reader, writer = at.client("reader"), at.client("writer")
    reader.listen(at.topic("#"), 2)
    waits = [writer.begin(at.topic(f"q{qos}"), f"{number:03}", qos) for number in range(100) for qos in range(3)]
    at.sees("taken", {writer.answer(mid)[0] for mid in waits}, {0})
    heard = at.heard(reader)
    for qos in range(3):
        at.sees(f"order at QoS {qos}", [one for one in heard if one.startswith(f"q{qos}")],
                [f"q{qos} {number:03} q{qos}" for number in range(100)])


@exchange(3, 5)
def filters(at):
    """Filters match as the standard's examples say (4.7.1)."""
    names = ["sport", "sport/", "sport/tennis", "sport/tennis/player1", "sport/tennis/player1/ranking", "Sport", "a b", "/finance", "ü/☃"]
    wanted = {
        "sport/#": {"sport", "sport/", "sport/tennis", "sport/tennis/player1", "sport/tennis/player1/ranking"},
        "sport/tennis/player1/#": {"sport/tennis/player1", "sport/tennis/player1/ranking"},
        "sport/tennis/+": {"sport/tennis/player1"}, "sport/+": {"sport/", "sport/tennis"}, "+": {"sport", "Sport", "a b"},
        "+/+": {"sport/", "sport/tennis", "/finance", "ü/☃"}, "/+": {"/finance"},
        "+/tennis/#": {"sport/tennis", "sport/tennis/player1", "sport/tennis/player1/ranking"},
        "#": set(names), "sport": {"sport"}, "ü/☃": {"ü/☃"}, "sport/+/player1": {"sport/tennis/player1"},
    }
    readers = {filter: at.client(f"reader{number}") for number, filter in enumerate(wanted)}
    for filter, reader in readers.items():
        at.sees("granted", reader.listen(at.topic(f"names/{filter}"), 1), 1)
    writer = at.client("writer")
    for name in names:
        writer.say(at.topic(f"names/{name}"), "x")
    for filter, reader in readers.items():
        found = {one.removeprefix("names/").removesuffix(" x q1") for one in at.heard(reader)}
        at.sees(filter, found, wanted[filter])


@exchange(3, 5)
def overlapping(at):
    """Who has several subscriptions that match hears a message with the highest of their qualities (MQTT-3.3.5-1; 5: 3.3.4-2)."""
    reader, writer = at.client("reader"), at.client("writer")
    codes = reader.listen([(at.topic("+"), 1), (at.topic("#"), 2), (at.topic("x"), 0)])
    at.sees("granted", codes, [1, 2, 0])
    writer.say(at.topic("x"), "1", 2)
    at.sees("heard", at.heard(reader), ["x 1 q2"])


@exchange(3, 5)
def again(at):
    """The same filter again replaces the subscription, and what is retained comes again (MQTT-3.8.4-3)."""
    reader, writer = at.client("reader"), at.client("writer")
    writer.say(at.topic("x"), "old", 1, retain=True)
    reader.listen(at.topic("x"), 0)
    reader.listen(at.topic("x"), 1)
    writer.say(at.topic("x"), "new", 1)
    at.sees("heard", at.heard(reader), ["x old q0 r", "x old q1 r", "x new q1"])


@exchange(3, 5)
def unsubscribing(at):
    """What is unsubscribed is heard no more; filters are compared as they are written (MQTT-3.10.4-1, -2)."""
    reader, writer = at.client("reader"), at.client("writer")
    reader.listen([(at.topic("a"), 1), (at.topic("b/+"), 1)])
    codes = reader.unlisten([at.topic("a"), at.topic("b/c"), at.topic("none")])
    if at.version == 5:
        at.sees("codes", codes, [0, 0x11, 0x11])
    for name in ("a", "b/c"):
        writer.say(at.topic(name), "1")
    at.sees("heard", at.heard(reader), ["b/c 1 q1"])


@exchange(3, 5)
def retained(at):
    """The last retained message of a topic is for whoever subscribes, also after a restart (MQTT-3.3.1-5 to -12)."""
    writer, early = at.client("writer"), at.client("early")
    early.listen(at.topic("+"), 2)
    for name, payload, qos in [("a", "1", 1), ("a", "2", 2), ("b", "x", 0), ("c", "y", 1), ("d", "z", 1), ("d", "", 1), ("e", "plain", 1)]:
        writer.say(at.topic(name), payload, qos, retain=name != "e")
    wanted = ["a 1 q1", "a 2 q2", "b x q0", "c y q1", "d  q1", "d z q1", "e plain q1"]
    at.sees("heard by who was there", sorted(at.heard(early)), wanted)
    late = at.client("late")
    late.listen(at.topic("+"), 1)
    at.sees("heard later", sorted(at.heard(late)), ["a 2 q1 r", "b x q0 r", "c y q1 r"])
    yield
    latest, writer = at.client("latest"), at.client("writer")
    writer.say(at.topic("b"), "", 1, retain=True)
    latest.listen(at.topic("+"), 2)
    at.sees("heard after a restart", sorted(at.heard(latest)), ["a 2 q2 r", "c y q1 r"])


@exchange(5)
def retain_options(at):
    """Retain handling and retain as published (MQTT-3.3.1-9 to -13)."""
    writer = at.client("writer")
    writer.say(at.topic("x"), "old", 1, retain=True)
    for handling, wanted in [(RETAIN_SEND, 2), (RETAIN_NEW, 1), (RETAIN_NEVER, 0)]:
        reader = at.client(f"reader{handling}")
        for _ in range(2):
            reader.listen(at.topic("x"), 1, retainHandling=handling)
        at.sees(f"retain handling {handling}", at.heard(reader), ["x old q1 r"] * wanted)
    for flag in (False, True):
        reader = at.client(f"as published {flag}")
        reader.listen(at.topic("y"), 1, retainAsPublished=flag)
        writer.say(at.topic("y"), "1", 1, retain=True)
        writer.say(at.topic("y"), "2", 1)
        at.sees(f"retain as published {flag}", at.heard(reader), [f"y 1 q1{' r' if flag else ''}", "y 2 q1"])
        writer.say(at.topic("y"), "", 1, retain=True)


@exchange(5)
def no_local(at):
    """Who wants nothing of his own hears nothing of it (MQTT-3.8.3-3)."""
    one, other = at.client("one"), at.client("other")
    one.listen(at.topic("x"), 1, noLocal=True)
    one.say(at.topic("x"), "own")
    other.say(at.topic("x"), "other's")
    at.sees("heard", at.heard(one), ["x other's q1"])


@exchange(5)
def identifiers(at):
    """A message says which subscriptions it comes by (MQTT-3.3.4-3, -4); they outlive the connection."""
    def told(reader):
        messages = reader.all_heard(at.topic("mark"))
        return sorted(number for one in messages for number in getattr(one.properties, IDENTIFIERS, []))

    reader, writer = at.client("reader", is_durable=True), at.client("writer")
    for number, filter in [(7, "x"), (268_435_455, "#")]:
        reader.listen(at.topic(filter), 1, {IDENTIFIERS: number})
    reader.listen(at.topic("x/+"), 1)
    writer.say(at.topic("x"), "1")
    at.sees("both", told(reader), [7, 268_435_455])
    reader.messages.clear()
    writer.say(at.topic("x/y"), "2")
    at.sees("one of two", told(reader), [268_435_455])
    reader.leave()
    writer.say(at.topic("x"), "3")
    yield
    reader = at.client("reader", is_durable=True)
    reader.heard(1)
    at.sees("both, after a restart", told(reader), [7, 268_435_455])


@exchange(5)
def request_and_response(at):
    """A request says where its answer goes and what it belongs to; both come through as they are (MQTT-3.3.2-15, -16)."""
    server, asker = at.client("server"), at.client("asker")
    server.listen(at.topic("requests/#"), 1)
    asker.listen(at.topic("answers/asker"), 1)
    for number in range(3):
        asker.say(at.topic("requests/double"), str(number), 1, ResponseTopic=at.topic("answers/asker"), CorrelationData=bytes([number, 0, 255]))
    for request in server.heard(3):
        about = request.properties
        server.say(about.ResponseTopic, str(2 * int(request.payload)), 1, CorrelationData=about.CorrelationData)
    found = [(one.payload, one.properties.CorrelationData) for one in asker.heard(3)]
    at.sees("answers", found, [(str(2 * number).encode(), bytes([number, 0, 255])) for number in range(3)])


@exchange(5)
def about(at):
    """User properties in their order, content type and payload format come through, from a queue after a restart too (MQTT-3.3.2-17 to -20)."""
    pairs = [("trace", "1"), ("a", "ü"), ("trace", "2"), ("", "")]
    reader, writer = at.client("reader", is_durable=True), at.client("writer")
    reader.listen(at.topic("x"), 2)
    reader.leave()
    writer.say(at.topic("x"), "☃", 2, UserProperty=pairs, ContentType="text/plain", PayloadFormatIndicator=1)
    yield
    reader = at.client("reader", is_durable=True)
    about = reader.heard(1)[0].properties
    found = (about.UserProperty, about.ContentType, about.PayloadFormatIndicator)
    at.sees("properties", found, (pairs, "text/plain", 1))


@exchange(5)
def aliases(at):
    """A topic alias stands for the topic that it was given last (MQTT-3.3.2-8 to -12), on its connection alone."""
    reader, writer = at.client("reader"), at.client("writer")
    reader.listen(at.topic("#"), 1)
    most = getattr(writer.about, "TopicAliasMaximum", 0)
    at.sees("aliases are taken", 0 < most, True)
    for topic, alias, payload in [("a", 1, "1"), ("", 1, "2"), ("b", 1, "3"), ("", 1, "4"), ("c", most, "5"), ("", most, "6"), ("", 1, "7")]:
        at.sees("taken", writer.say(topic and at.topic(topic), payload, 1, TopicAlias=alias), 0)
    at.sees("heard", at.heard(reader), ["a 1 q1", "a 2 q1", "b 3 q1", "b 4 q1", "c 5 q1", "c 6 q1", "b 7 q1"])
    for name, topic, alias, code in [("one that stands for nothing", "", 2, 0x82), ("one too high", at.topic("x"), most + 1, 0x94)]:
        other = at.client(name)
        other.begin(topic, "x", 1, TopicAlias=alias)
        at.sees(name, other.ended()[0], code)


@exchange(5)
def flow(at):
    """No more is sent than the client takes at a time, and the rest as it acknowledges (MQTT-3.3.4-9)."""
    reader, writer = at.client("reader", is_manual=True, ReceiveMaximum=2), at.client("writer")
    watcher = at.client("watcher")
    for one in (reader, watcher):
        one.listen(at.topic("x"), 1)
    for number in range(6):
        writer.say(at.topic("x"), str(number))
    watcher.heard(6)
    for number in range(6):
        came = reader.heard(min(number + 2, 6))
        # What it asks now is answered behind all that was under way.
        reader.listen(at.topic(f"y{number}"), 1)
        at.sees("under way", len(reader.messages), min(number + 2, 6))
        reader.ack(came[number])
    at.sees("heard", at.texts(reader.messages), [f"x {number} q1" for number in range(6)])


@exchange(5)
def expiry(at):
    """A message lives as long as it says, less the time that it has waited (MQTT-3.3.2-5, -6), also over a restart."""
    reader, writer = at.client("reader", is_durable=True), at.client("writer")
    reader.listen(at.topic("x"), 1)
    reader.leave()
    began = time.monotonic()
    for payload, more in [("short", {"MessageExpiryInterval": 1}), ("long", {"MessageExpiryInterval": 600}), ("for ever", {})]:
        writer.say(at.topic("x"), payload, 1, **more)
    writer.say(at.topic("kept"), "retained", 1, retain=True, MessageExpiryInterval=1)
    yield
    time.sleep(max(0.0, began + 2.5 - time.monotonic()))  # the time that is spoken of
    reader = at.client("reader", is_durable=True)
    reader.listen(at.topic("kept"), 1)
    at.sees("heard", at.heard(reader), ["x long q1", "x for ever q1"])
    left = getattr(reader.heard(1)[0].properties, "MessageExpiryInterval", None)
    at.sees("what is left", left is not None and 500 < left < 600, True)


@exchange(3, 5)
def large(at):
    """What is as large as the unit takes, or empty, comes as it was sent."""
    reader, writer = at.client("reader"), at.client("writer")
    reader.listen(at.topic("x"), 2)
    payloads = [b"", bytes(range(256)), b"\xff" * 200_000]
    for number, payload in enumerate(payloads):
        writer.say(at.topic("x"), payload, number)
    reader.heard(3)
    at.sees("heard", [(one.payload, one.qos) for one in reader.messages], [(payload, qos) for qos, payload in enumerate(payloads)])


@exchange(5)
def small(at):
    """Who takes small packets alone is sent no other, and goes on with the next (MQTT-3.1.2-24, -25)."""
    reader, writer = at.client("reader", MaximumPacketSize=1_000), at.client("writer")
    reader.listen(at.topic("x"), 1)
    for payload in ("before", "x" * 2_000, "behind"):
        writer.say(at.topic("x"), payload)
    at.sees("heard", at.heard(reader), ["x before q1", "x behind q1"])


@exchange(3, 5)
def shared(at):
    """Each message of a shared subscription goes to one of its members (MQTT 5, 4.8.2), and to all others as ever."""
    group = "$share/group/" + at.topic("x/+")
    members = [at.client(f"member{number}") for number in range(3)]
    alone, writer = at.client("alone"), at.client("writer")
    for one in members:
        at.sees("granted", one.listen(group, 1), 1)
    alone.listen(at.topic("x/+"), 1)
    wanted = [f"x/{number} {number:02} q1" for number in range(30)]
    for number in range(30):
        writer.say(at.topic(f"x/{number}"), f"{number:02}")
    at.sees("alone", at.heard(alone), wanted)
    parts = [at.heard(one) for one in members]
    at.sees("all of it, once", sorted(sum(parts, []), key=wanted.index), wanted)
    at.sees("each has some", all(parts), True)
    for one in members[1:]:
        one.leave()
    members[0].messages.clear()
    for number in range(30):
        writer.say(at.topic(f"x/{number}"), f"{number:02}")
    at.sees("the last member has all", at.heard(members[0]), wanted)


@exchange(3, 5)
def shared_beside(at):
    """A shared subscription begins with what is said from then on, no retained message (MQTT 5, 3.8.4); another of the same client is its own."""
    writer, both = at.client("writer"), at.client("both")

    def new():
        heard = at.heard(both)
        both.messages.clear()
        return heard

    writer.say(at.topic("x"), "old", 1, retain=True)
    both.listen("$share/group/" + at.topic("x"), 1)
    at.sees("retained", new(), [])
    both.listen(at.topic("x"), 2)
    at.sees("retained of the other", new(), ["x old q1 r"])
    writer.say(at.topic("x"), "new", 1)
    at.sees("one of each", new(), ["x new q1", "x new q1"])
    both.unlisten(at.topic("x"))
    writer.say(at.topic("x"), "last", 1)
    at.sees("the share alone", new(), ["x last q1"])


@exchange(3, 5)
def own(at):
    """Who subscribes hears himself too, in the order in which he speaks, and at once behind SUBACK."""
    one = at.client("one")
    for number in range(20):
        one.listen(at.topic(f"x{number}"), number % 3)
        one.say(at.topic(f"x{number}"), str(number), 2)
    wanted = [f"x{number} {number} q{number % 3}" for number in range(20)]
    at.sees("heard", sorted(at.heard(one)), sorted(wanted))
    for number in range(20):
        one.unlisten(at.topic(f"x{number}"))
        one.say(at.topic(f"x{number}"), "more", 1)
    at.sees("heard after", len(at.heard(one)), 20)


@exchange(3, 5)
def left_behind(at):
    """What waits for a client comes although it has unsubscribed since, nothing new does (MQTT-3.10.4-2, -3); other quality from then on."""
    reader, writer = at.client("reader", is_durable=True, is_manual=True), at.client("writer")
    reader.listen([(at.topic("a"), 1), (at.topic("b"), 1)])
    writer.say(at.topic("a"), "1")
    first = reader.heard(1)[0]
    reader.unlisten(at.topic("a"))
    writer.say(at.topic("a"), "2")
    writer.say(at.topic("b"), "3")
    reader.heard(2)
    reader.drop()
    reader = at.client("reader", is_durable=True)
    at.sees("again", at.heard(reader), ["a 1 q1", "b 3 q1"])
    at.sees("the same", reader.messages[0].payload, first.payload)
