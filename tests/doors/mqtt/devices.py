"""Devices with clients that others wrote: certificates, the twin, commands, presence, and what SQL shows of it. Over a kill of the unit."""

import datetime
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import programs
from client import Client, Refused
from places import until


def play(plant):
    certificates(plant)
    reported(plant)
    commands(plant)
    presence(plant)
    shown(plant)


def sees(what, found, wanted):
    assert found == wanted, f"{what}: {found} instead of {wanted}"


def self_signed(folder, name):
    """Writes a certificate of a device, signed by itself, and its key; returns both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(named).issuer_name(named).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    made = made.not_valid_after(now + datetime.timedelta(days=2)).sign(key, hashes.SHA256())
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return str(chain), str(secret)


def certificates(plant):
    """A certificate of TLS stands for a device, without a password; another one for nobody, and none where it is revoked."""
    plant.device("van-cert", "van")
    own, strange = self_signed(plant.folder, "own"), self_signed(plant.folder, "strange")
    made = plant.call("devices/van-cert/add_credential", kind="certificate", certificate=open(own[0]).read())
    topic, wanted = "devices/van-cert/telemetry/weight", []
    for version in (3, 5):
        place = plant.place(None, "mqtts", certificate=own)
        one = Client(place, "van-cert", version)
        sees("a reading", one.say(topic, str(version), 1), 0)
        wanted.append(float(version))
        one.leave()
        if programs.ARE_THERE:
            programs.say(place, version, "-t", topic, "-q", "2", "-m", json.dumps({"kg": version + 0.5}))
            wanted.append(version + 0.5)
    found = plant.sql("SELECT kg FROM weights WHERE device = 'van-cert' ORDER BY _offset")
    sees("the rows", [row["kg"] for row in found], wanted)
    for version in (3, 5):
        try:
            Client(plant.place(None, "mqtts", certificate=strange), "van-cert", version)
            raise AssertionError("a certificate that nobody knows comes in")
        except Refused:
            pass
    one = Client(place, "van-cert", 5)
    plant.call("devices/van-cert/revoke_credential", id=made["id"])
    sees("a revoked certificate", one.ended()[0], 0x87)


def reported(plant):
    """What a device reports of itself is in its twin at once, in both versions; what is desired comes when it subscribes, and when it changes."""
    place = plant.device("van-twin", "van")
    for version, patch, wanted in [(3, {"battery": 80.5}, {"battery": 80.5}), (5, {"interval_s": 60}, {"battery": 80.5, "interval_s": 60}),
                                   (3, {"battery": None}, {"interval_s": 60})]:
        one = Client(place, "van-twin", version)
        sees("it is taken", one.say("devices/van-twin/twin/reported", json.dumps(patch), version - 2 if version == 3 else 2), 0)
        twin = plant.sql("SELECT reported FROM system.twins WHERE device = 'van-twin'")
        sees("the twin", json.loads(twin[0]["reported"]), wanted)
        one.leave()
    topic = "devices/van-twin/twin/desired"
    for version in (3, 5):
        plant.call("devices/van-twin/set", desired={"interval_s": 10 * version})
        one = Client(place, f"van-twin-{version}", version, clean=False, **({"expiry": 600} if version == 5 else {}))
        one.listen(topic, 1)
        sees("on subscribing", json.loads(one.heard(1)[0].payload)["state"], {"interval_s": 10 * version})
        plant.call("devices/van-twin/set", desired={"interval_s": 10 * version + 1})
        sees("on a change", json.loads(one.heard(2)[1].payload)["state"], {"interval_s": 10 * version + 1})
        one.leave()
        for value in (2, 3):
            plant.call("devices/van-twin/set", desired={"interval_s": 10 * version + value})
        one = Client(place, f"van-twin-{version}", version, clean=False, **({"expiry": 600} if version == 5 else {}))
        message = one.heard(1)[0]
        sees("the newest alone, on connecting", json.loads(message.payload)["state"], {"interval_s": 10 * version + 3})
        one.listen("devices/van-twin/presence", 1)
        sees("nothing else", len(one.messages), 1)
        one.leave()


def commands(plant):
    """A command waits for its device over a kill, comes until it is acknowledged, and its answer is known at once."""
    place = plant.device("van-told", "van")

    def give():
        return plant.call("devices/van-told/command", command="unlock", input={"seconds": 5})["command"]

    def state(number):
        return plant.sql(f"SELECT state, output, problem FROM system.commands WHERE command = {number}")[0]

    first = give()
    plant.restart()
    sees("after a kill", state(first)["state"], "waiting")
    # It goes before it has said that it knows.
    van = Client(place, "van-told", 5, clean=False, expiry=600, is_manual=True)
    van.listen("devices/van-told/commands/#", 1)
    came = van.heard(1)[0]
    sees("the topic", came.topic, f"devices/van-told/commands/unlock/{first}")
    sees("the input", json.loads(came.payload), {"seconds": 5})
    about = came.properties
    sees("where the answer goes", (about.ResponseTopic, about.CorrelationData, about.ContentType),
         (f"devices/van-told/answers/{first}", str(first).encode(), "application/json"))
    sees("how long it waits", 0 < about.MessageExpiryInterval <= 300, True)
    van.drop()
    van = Client(place, "van-told", 5, clean=False, expiry=600)
    sees("it comes again", van.heard(1)[0].topic, came.topic)
    until("the command is sent", lambda: state(first)["state"] == "sent")
    sees("an answer", van.say(about.ResponseTopic, '{"ok": true}', 1, CorrelationData=about.CorrelationData), 0)
    sees("the answer", (state(first)["state"], json.loads(state(first)["output"])), ("answered", {"ok": True}))
    second = give()
    message = van.heard(2)[1]
    sees("the next one", message.topic, f"devices/van-told/commands/unlock/{second}")
    sees("a failure", van.say(message.properties.ResponseTopic, "", 1, UserProperty=[("error", "it is stuck")]), 0)
    sees("the failure", (state(second)["state"], "it is stuck" in str(state(second)["problem"])), ("failed", True))
    van.leave()
    third = give()
    old = Client(place, "van-old", 3, clean=False)
    old.listen("devices/van-told/commands/+/+", 1)
    sees("in 3.1.1", old.heard(1)[0].topic, f"devices/van-told/commands/unlock/{third}")
    sees("a failure in 3.1.1", old.say(f"devices/van-told/answers/{third}", '{"error": "no key"}', 2), 0)
    sees("the failure in 3.1.1", state(third)["state"], "failed")
    old.leave()
    if programs.ARE_THERE:
        fourth = give()
        found = programs.hear(place, 3, "-i", "van-shell", "-c", "-q", "1", "-t", "devices/van-told/commands/#", "-C", "1", "-F", "%t %p")
        sees("as the guide has it", found, [f'devices/van-told/commands/unlock/{fourth} {{"seconds":5}}'])
        programs.say(place, 3, "-t", f"devices/van-told/answers/{fourth}", "-q", "1", "-m", '{"ok": false}')
        sees("answered by hand", (state(fourth)["state"], json.loads(state(fourth)["output"])), ("answered", {"ok": False}))


def presence(plant):
    """Who may watch devices is told when one comes and goes."""
    place = plant.device("van-seen", "van")
    plant.tokens["owner"] = plant.unit.token
    watcher = Client(plant.place("owner"), "watcher")
    sees("granted", watcher.listen("devices/+/presence", 1), 1)
    one = Client(place, "van-seen", 3)
    watcher.heard(1)
    sees("in SQL", plant.sql("SELECT state FROM system.devices WHERE name = 'van-seen'"), [{"state": "connected"}])
    one.drop()
    found = [(message.topic, json.loads(message.payload)["connected"]) for message in watcher.heard(2)]
    sees("told", found, [("devices/van-seen/presence", True), ("devices/van-seen/presence", False)])
    sees("in SQL", plant.sql("SELECT state FROM system.devices WHERE name = 'van-seen'"), [{"state": "offline"}])
    watcher.leave()


def shown(plant):
    """Sessions, subscriptions and retained messages are relations."""
    tina = plant.place()
    one = Client(tina, "shown", 5, clean=False, expiry=600)
    one.listen([("open/shown/+", 1), ("$share/g/open/shown/x", 2)])
    one.leave()
    writer = Client(tina, "writer")
    for number in range(3):
        writer.say("open/shown/y", str(number), 1, retain=True)
    writer.leave()
    session = plant.sql("SELECT * FROM system.mqtt_sessions WHERE client = 'shown'")[0]
    sees("the session", (session["principal"], session["connected"], session["subscriptions"], session["queued"]), ("user:tina", False, 2, 3))
    found = plant.sql(f"SELECT filter, qos FROM system.mqtt_subscriptions WHERE session = {session['session']} ORDER BY qos")
    sees("its subscriptions", [row["qos"] for row in found], [1, 2])
    sees("what is retained", plant.sql("SELECT qos FROM system.mqtt_retained WHERE topic = 'open/shown/y'"), [{"qos": 1}])
