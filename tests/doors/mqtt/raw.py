"""MQTT packet by packet: what no library does, since it goes on by itself, or is not allowed. Properties are written and read by paho-mqtt."""

import socket
import ssl
import struct
from dataclasses import dataclass

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from client import properties
from places import PATIENCE

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, \
    DISCONNECT, AUTH = range(1, 16)


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def number(value):
    """A length as MQTT writes it."""
    data = b""
    while True:
        value, low = divmod(value, 128)
        data += bytes([low | (128 if value else 0)])
        if not value:
            return data


def frame(kind, flags, body=b""):
    return bytes([kind << 4 | flags]) + number(len(body)) + body


@dataclass
class Packet:
    """What has come."""

    kind: int
    flags: int
    body: bytes
    version: int

    @property
    def id(self):
        """The packet identifier."""
        at = 2 + struct.unpack("!H", self.body[:2])[0] if self.kind == PUBLISH else 0
        return struct.unpack("!H", self.body[at:at + 2])[0]

    @property
    def code(self):
        """The reason code; 0 where none is said."""
        at = {CONNACK: 1, DISCONNECT: 0}.get(self.kind, 2)
        return self.body[at] if at < len(self.body) else 0

    @property
    def is_present(self):
        return self.body[0] == 1

    @property
    def payload(self):
        at = 2 + struct.unpack("!H", self.body[:2])[0] + (2 if self.flags & 6 else 0)
        if self.version == 5:
            at += Properties(PacketTypes.PUBLISH).unpack(self.body[at:])[1]
        return self.body[at:].decode()

    @property
    def about(self):
        """The properties of an answer."""
        at = {CONNACK: 2, DISCONNECT: 1}.get(self.kind, 3)
        found = Properties(self.kind)
        if at < len(self.body):
            found.unpack(self.body[at:])
        return found


class Raw:
    """One connection, without a thread of its own."""

    def __init__(self, place, version):
        self.version, self.place, self.data = version, place, b""
        self.socket = socket.create_connection(("127.0.0.1", place.port), PATIENCE)
        if place.authority:
            self.socket = ssl.create_default_context(cafile=place.authority).wrap_socket(self.socket, server_hostname="127.0.0.1")

    def about(self, kind, values):
        return properties(kind, values).pack() if self.version == 5 else b""

    def connect(self, name, clean=True, keep_alive=60, user=None, password=None, **values):
        """Sends CONNECT and returns the answer."""
        user, password = user or self.place.user, password or self.place.password
        flags = 2 * clean + 0x80 * bool(user) + 0x40 * bool(password)
        body = text("MQTT") + bytes([4 if self.version == 3 else 5, flags]) + struct.pack("!H", keep_alive)
        body += self.about(CONNECT, values) + text(name) + b"".join(text(one) for one in (user, password) if one)
        return self.ask(frame(CONNECT, 0, body))

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, data):
        self.send(data)
        return self.next()

    def publish(self, topic, payload, qos, id=0, is_dup=False, retain=False, **values):
        body = text(topic) + (struct.pack("!H", id) if qos else b"") + self.about(PUBLISH, values) + payload.encode()
        self.send(frame(PUBLISH, 8 * is_dup + 2 * qos + retain, body))

    def ack(self, kind, id):
        self.send(frame(kind, 2 if kind == PUBREL else 0, struct.pack("!H", id)))

    def subscribe(self, filter, qos, id=1):
        """Subscribes and returns the answer. What is heard before it is of other subscriptions."""
        body = struct.pack("!H", id) + self.about(SUBSCRIBE, {}) + text(filter) + bytes([qos])
        answer = self.ask(frame(SUBSCRIBE, 2, body))
        while answer and answer.kind == PUBLISH:
            answer = self.next()
        return answer

    def next(self):
        """Returns the next packet, or nothing where the other side has closed."""
        while True:
            packet = self.whole()
            if packet:
                return packet
            try:
                more = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                more = b""
            if not more:
                return None
            self.data += more

    def whole(self):
        size, at = 0, 1
        while True:
            if len(self.data) <= at:
                return None
            size |= (self.data[at] & 127) << 7 * (at - 1)
            at += 1
            if self.data[at - 1] < 128:
                break
        if len(self.data) < at + size:
            return None
        body, first = self.data[at:at + size], self.data[0]
        self.data = self.data[at + size:]
        return Packet(first >> 4, first & 15, body, self.version)

    def end(self):
        """Returns the code with which the other side ends the connection, or that it is closed without one."""
        packet = self.next()
        while packet and packet.kind not in (DISCONNECT, PINGRESP):
            packet = self.next()
        if packet is None:
            return "closed"
        return "goes on" if packet.kind == PINGRESP else packet.code

    def end_after(self, data):
        """Returns the same for something that the other side may well take: who goes on is there."""
        try:
            self.send(data)
            self.send(frame(PINGREQ, 0))
        except OSError:  # it is closed already
            pass
        return self.end()

    def close(self):
        self.socket.close()
