"""A client of paho-mqtt that notes down what it hears. What is published and subscribed is waited for."""

import socket
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from places import PATIENCE

PROTOCOLS = {3: paho.MQTTv311, 5: paho.MQTTv5}


def properties(kind, values):
    """Returns properties of a packet; `UserProperty` is a list of pairs."""
    made = Properties(kind)
    for name, value in values.items():
        for each in value if name == "UserProperty" else [value]:
            setattr(made, name, each)
    return made


def prepare(client, place):
    """Gives a client of paho what it comes in with."""
    if place.user or place.password:
        client.username_pw_set(place.user or "", place.password)
    if place.authority:
        chain, key = place.certificate or (None, None)
        client.tls_set(ca_certs=place.authority, certfile=chain, keyfile=key)
    if place.is_web:
        client.ws_set_options(path="/mqtt")


class Refused(Exception):
    """It was not let in."""

    def __init__(self, code, reason):
        super().__init__(f"0x{code:02X} {reason}")
        self.code, self.reason = code, reason


class Client:
    """One connection."""

    def __init__(self, place, name, version=5, clean=True, expiry=None, will=None, is_manual=False, keep_alive=60, **more):
        self.name, self.version = name, version
        self.news = threading.Condition()
        self.session = self.end = None
        self.said, self.granted, self.dropped, self.messages, self.marks = {}, {}, {}, [], 0
        self.paho = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=name, protocol=PROTOCOLS[version], transport=place.transport,
            reconnect_on_failure=False, manual_ack=is_manual, **({"clean_session": clean} if version == 3 else {}))
        prepare(self.paho, place)
        if will is not None:
            topic, payload, qos, retain, *rest = will
            about = properties(PacketTypes.WILLMESSAGE, rest[0]) if rest else None
            self.paho.will_set(topic, payload, qos, retain, about)
        self.paho.on_connect = lambda _c, _u, flags, code, about: self.note("session", (flags, code, about))
        self.paho.on_disconnect = lambda _c, _u, flags, code, about: self.note("end", (flags, code, about))
        self.paho.on_message = lambda _c, _u, message: self.hear(message)
        self.paho.on_publish = lambda _c, _u, mid, code, about: self.put(self.said, mid, (code, about))
        self.paho.on_subscribe = lambda _c, _u, mid, codes, _a: self.put(self.granted, mid, codes)
        self.paho.on_unsubscribe = lambda _c, _u, mid, codes, _a: self.put(self.dropped, mid, codes)
        asked = {}
        if version == 5:
            values = dict(more, **({} if expiry is None else {"SessionExpiryInterval": expiry}))
            asked = {"clean_start": clean, "properties": properties(PacketTypes.CONNECT, values)}
        self.paho.connect("127.0.0.1", place.port, keep_alive, **asked)
        self.paho.loop_start()
        self.wait("an answer to CONNECT", lambda: self.session or self.end)
        if self.session is None or self.session[1].is_failure:
            _, code, about = self.session or self.end
            self.paho.loop_stop()
            raise Refused(code.value, getattr(about, "ReasonString", ""))
        self.is_present, self.about = self.session[0].session_present, self.session[2]

    def note(self, what, value):
        with self.news:
            if getattr(self, what) is None:
                setattr(self, what, value)
            self.news.notify_all()

    def put(self, where, mid, value):
        with self.news:
            where[mid] = value
            self.news.notify_all()

    def hear(self, message):
        with self.news:
            self.messages.append(message)
            self.news.notify_all()

    def wait(self, what, is_so):
        with self.news:
            assert self.news.wait_for(is_so, PATIENCE), f"{self.name} waits in vain for {what}; heard {self.texts()}"

    def listen(self, topic, qos=0, about=None, **options):
        """Subscribes; returns the granted quality, or the code of the refusal. Several filters are a list of pairs."""
        asked = topic if isinstance(topic, list) else [(topic, qos)]
        if self.version == 5:
            asked = [(one, SubscribeOptions(qos=level, **options)) for one, level in asked]
            about = properties(PacketTypes.SUBSCRIBE, about or {})
        _, mid = self.paho.subscribe(asked, properties=about)
        self.wait("SUBACK", lambda: mid in self.granted or self.end)
        codes = [code.value for code in self.granted[mid]]
        return codes if isinstance(topic, list) else codes[0]

    def unlisten(self, topic):
        _, mid = self.paho.unsubscribe(topic)
        self.wait("UNSUBACK", lambda: mid in self.dropped)
        return [code.value for code in self.dropped[mid]]

    def begin(self, topic, payload="", qos=1, retain=False, **about):
        """Publishes and waits for nothing."""
        about = properties(PacketTypes.PUBLISH, about) if about else None
        return self.paho.publish(topic, payload, qos, retain, about).mid

    def answer(self, mid):
        """Waits for the end of an exchange; returns the code and the reason of a refusal, else 0 and nothing."""
        self.wait("an acknowledgement", lambda: mid in self.said or self.end)
        if mid not in self.said:
            return self.ended()
        code, about = self.said[mid]
        return (code.value, getattr(about, "ReasonString", "")) if code.is_failure else (0, "")

    def say(self, topic, payload="", qos=1, retain=False, **about):
        """Publishes; returns 0, or the code of the refusal."""
        return self.answer(self.begin(topic, payload, qos, retain, **about))[0]

    def heard(self, count):
        """Waits for so many messages and returns all that have come."""
        self.wait(f"{count} messages", lambda: count <= len(self.messages) or self.end)
        return list(self.messages)

    def texts(self):
        return [text(message) for message in self.messages]

    def all_heard(self, mark):
        """Returns what has come until now: a mark of its own comes behind all that others have been told is taken. It has QoS 2, for
        what has less is not held up by what has more."""
        self.marks += 1
        payload = f"{mark} {self.marks}".encode()
        if mark not in self.granted:
            self.listen(mark, 2)
            self.granted[mark] = True
        is_mark = lambda message: message.topic == mark  # noqa: E731
        self.begin(mark, payload, 2)
        self.wait("its mark", lambda: self.end or any(is_mark(one) and one.payload == payload for one in self.messages))
        return [message for message in self.messages if not is_mark(message)]

    def ack(self, message):
        self.paho.ack(message.mid, message.qos)

    def ended(self):
        """Waits until the other side ends the connection; returns the code and the reason, where it says one."""
        self.wait("the end", lambda: self.end)
        flags, code, about = self.end
        self.paho.loop_stop()
        if flags.is_disconnect_packet_from_server:
            return code.value, getattr(about, "ReasonString", "")
        return "closed", ""

    def leave(self, code=0, **about):
        """Disconnects."""
        if self.end is None:
            if self.version == 5:
                reason = paho.ReasonCode(PacketTypes.DISCONNECT, identifier=code)
                self.paho.disconnect(reason, properties(PacketTypes.DISCONNECT, about))
            else:
                self.paho.disconnect()
            self.wait("its own end", lambda: self.end)
        self.paho.loop_stop()

    def drop(self):
        """Goes without a word."""
        if self.end is None:
            connection = self.paho.socket()
            # A WebSocket has one of its own below it.
            getattr(connection, "_socket", connection).shutdown(socket.SHUT_RDWR)
            self.wait("its own end", lambda: self.end)
        self.paho.loop_stop()
        return time.monotonic()


def text(message):
    """Topic, payload, quality, retain flag."""
    return f"{message.topic} {message.payload.decode()} q{message.qos}{' r' if message.retain else ''}"
