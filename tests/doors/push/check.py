"""Subscribes browsers of two people, and checks what a push service was given for them: with `http-ece` and `cryptography`, which we did
not write.

usage: check.py certificates, then check.py first|cut|second|third URL PORT SLOW_PORT OWNER_TOKEN, in the folder of service.py
"""

import base64
import datetime
import hashlib
import ipaddress
import json
import os
import re
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

import http_ece
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID

PASSWORD = "a long enough password"
CONTACT = "mailto:it@shop.example"
PATIENCE = 60


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(key):
    public = key.public_key()
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def certificates():
    """An authority, which the unit is to believe, and what it has signed for the push service."""
    def named(name):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    authority, service = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = datetime.datetime.now(datetime.timezone.utc)

    def signed(name, key, *extensions):
        made = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named("authority"))
        made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))
        for extension in extensions:
            made = made.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return made.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    files = {"authority.pem": signed("authority", authority, constraints),
             "service.pem": signed("service", service, address), "service.key": pem(service)}
    for name, data in files.items():
        with open(name, "wb") as file:
            file.write(data)


class Unit:
    def __init__(self, url, token):
        self.url, self.token = url, token

    def ask(self, method, path, body=None, expected=200):
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        answer = requests.request(method, f"{self.url}/v1/{path}", json=body, headers=headers, timeout=30)
        assert answer.status_code == expected, (method, path, answer.status_code, answer.text)
        return answer.json()

    def start(self, process, times=1):
        for _ in range(times):
            self.ask("POST", f"processes/{process}/start", {"variables": {}})

    def tasks(self, process):
        return {row["task"] for row in self.ask("GET", f"tasks?process={process}&limit=1000")["items"]}

    def metric(self, name):
        text = requests.get(f"{self.url}/metrics", headers={"authorization": f"Bearer {self.token}"}, timeout=30).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found.group(1)) if found else 0.0


class Browser:
    """Keys as a browser makes them, kept in a file over the steps of the test."""

    def __init__(self, name, port):
        self.path = f"/push/{name}"
        self.endpoint = f"https://127.0.0.1:{port}{self.path}"
        file = f"{name}.json"
        if not os.path.exists(file):
            key = ec.generate_private_key(ec.SECP256R1())
            with open(file, "w") as to:
                json.dump({"key": pem(key).decode(), "auth": base64url(os.urandom(16))}, to)
        with open(file) as kept:
            held = json.load(kept)
        self.key = serialization.load_pem_private_key(held["key"].encode(), None)
        self.auth = held["auth"]

    def subscribe(self, unit, language="en", expected=200):
        body = {"endpoint": self.endpoint, "expirationTime": None, "language": language,
                "keys": {"p256dh": base64url(point(self.key)), "auth": self.auth}}
        return unit.ask("POST", "subscriptions", body, expected)

    def id(self):
        return hashlib.sha256(self.endpoint.encode()).hexdigest()[:32]

    def read(self, row):
        body = base64.b64decode(row["body"])
        assert len(body) <= 4096, len(body)
        text = http_ece.decrypt(body, private_key=self.key, auth_secret=bytes_of(self.auth), version="aes128gcm")
        assert len(text) < 3000, len(text)
        return json.loads(text)

    def came(self):
        """What was sent to it, tried or taken."""
        return [row for row in came() if row["path"] == self.path]

    def told(self):
        """How often it was told of each task, by what its push service has taken."""
        return Counter(self.read(row)["task"] for row in self.came() if row["status"] < 300)


def came():
    if not os.path.exists("came.ndjson"):
        return []
    with open("came.ndjson") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def answers(**statuses):
    with open("answers.new", "w") as file:
        json.dump({f"/push/{name}": status for name, status in statuses.items()}, file)
    os.replace("answers.new", "answers.json")


def wait(what, is_there):
    deadline = time.monotonic() + PATIENCE
    while not is_there():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


def once(tasks):
    return Counter({task: 1 for task in tasks})


def check_message(row, public, endpoint):
    """What RFC 8030, 8291 and 8292 have a sender say, and that it is the unit that says it."""
    headers = row["headers"]
    assert headers["content-encoding"] == "aes128gcm", headers
    assert 0 < int(headers["ttl"]) <= 24 * 3600, headers
    assert headers["urgency"] in ("very-low", "low", "normal", "high"), headers
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,32}", headers["topic"]), headers
    token, key = re.fullmatch(r"vapid t=([^,]+), k=(\S+)", headers["authorization"]).groups()
    assert key == public, (key, public)
    signed, signature = token.rsplit(".", 1)
    head, claims = (json.loads(bytes_of(part)) for part in signed.split("."))
    assert head == {"typ": "JWT", "alg": "ES256"}, head
    parts = urlsplit(endpoint)
    assert claims["aud"] == f"{parts.scheme}://{parts.netloc}", claims
    assert row["at"] < claims["exp"] <= row["at"] + 24 * 3600, claims
    assert claims["sub"] == CONTACT, claims
    raw = bytes_of(signature)
    assert len(raw) == 64, len(raw)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    verifier = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes_of(public))
    verifier.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))


def first(owner, browsers):
    """People subscribe and are told; who is gone goes, who fails is tried again, who is slow holds up nobody."""
    phone, tablet, gone, slow, other = browsers
    ana, bob = people(owner)
    answers(ana_gone=410, ana_tablet=503)
    public = ana.ask("GET", "subscriptions/key")["key"]
    assert len(bytes_of(public)) == 65 and bob.ask("GET", "subscriptions/key")["key"] == public
    for browser in (phone, tablet, gone, slow):
        made = browser.subscribe(ana, language="zh" if browser is tablet else "en")
        assert made["id"] == browser.id(), made
    other.subscribe(bob)
    phone.subscribe(ana)
    listed = ana.ask("GET", "subscriptions")
    assert {row["id"] for row in listed["items"]} == {each.id() for each in (phone, tablet, gone, slow)}, listed
    assert "/push/" not in json.dumps(listed) and phone.auth not in json.dumps(listed), listed
    for endpoint in ("https://10.0.0.1/a", "https://localhost/a", "http://127.0.0.1/a", "https://169.254.169.254/a"):
        keys = {"p256dh": base64url(point(phone.key)), "auth": phone.auth}
        refused = ana.ask("POST", "subscriptions", {"endpoint": endpoint, "keys": keys}, 400)
        assert refused["code"] == "subscription.invalid", refused
    bob.ask("DELETE", f"subscriptions/{phone.id()}", expected=404)

    # Who subscribes is told of what comes from then on: once the first news have come, nothing is left out any more.
    def has_come():
        ana.start("mine")
        ana.start("ours")
        time.sleep(0.2)
        return phone.told() and other.told()
    wait("the first news", has_come)
    before = (ana.tasks("mine") | ana.tasks("ours"), set(phone.told()), set(other.told()))
    ana.start("mine", 5)
    ana.start("ours", 5)
    mine, ours = ana.tasks("mine"), ana.tasks("ours")
    fresh = (mine | ours) - before[0]
    assert len(fresh) == 10, fresh
    began = time.monotonic()
    wait("ten tasks on the phone", lambda: fresh <= set(phone.told()))
    wait("five tasks at bob's", lambda: fresh & ours <= set(other.told()))
    assert time.monotonic() - began < 15, "who is slow has held up others"
    wait("a try at who is slow", lambda: slow.came())
    assert not set(other.told()) & mine, "bob was told of what is ana's"
    wait("who is gone is forgotten", lambda: len(ana.ask("GET", "subscriptions")["items"]) == 3)
    gone_rows = gone.came()

    wait("a try at who fails", lambda: tablet.came())
    assert not tablet.told()
    answers(ana_gone=410)
    wait("who failed is told", lambda: fresh <= set(tablet.told()))
    assert gone.came() == gone_rows, "who is gone was told again"
    assert set(tablet.told().values()) == {1}, tablet.told()
    for browser in (phone, tablet, other):
        for row in browser.came():
            check_message(row, public, browser.endpoint)
            message = browser.read(row)
            title = "Sign the letter" if message["task"] in mine else "Approve the claim"
            process = "mine" if message["task"] in mine else "ours"
            assert (message["kind"], message["title"], message["process"]) == ("task", title, process), message
            assert ("任务" in message["text"]) == (browser is tablet), message
    topics = {row["headers"]["topic"] for row in phone.came()}
    assert len(topics) == len(phone.told()), "each task is a topic of its own"
    # What became of a notice is written down by a commit after it.
    delivered = lambda: owner.metric('craton_push_notices_total{outcome="delivered"}')
    wait("all are written down", lambda: len(fresh) * 2 + 5 <= delivered())
    running = owner.ask("GET", "running?limit=1000")
    assert "work/push" in {row["id"] for row in running["items"]} or "push" in json.dumps(running), running


def cut(owner, browsers):
    """Tasks come whose news no push service takes; all that was taken is written down. Then the unit is killed."""
    phone, tablet, _, slow, other = browsers
    ana = Unit(owner.url, made_token(owner, "ana"))
    answers(ana_phone=503, ana_tablet=503, bob_phone=503)
    known = ana.tasks("mine") | ana.tasks("ours")
    tried = len(phone.came())
    ana.start("mine", 3)
    ana.start("ours", 3)
    cut_off = sorted((ana.tasks("mine") | ana.tasks("ours")) - known)
    assert len(cut_off) == 6, cut_off
    wait("a try at the phone", lambda: tried < len(phone.came()))
    # Ana has three browsers with six each, bob has one with three; who is slow has what it had besides.
    wait("all of it waits", lambda: 6 + 6 + 3 + 6 <= owner.metric("craton_push_notices_waiting"))
    with open("cut.json", "w") as file:
        told = {each.path: each.told() for each in (phone, tablet, other)}
        json.dump({"tasks": cut_off, "told": told}, file)


def second(owner, browsers):
    """The unit is up again: what waited is told, once, and nothing that was told before."""
    phone, tablet, _, slow, other = browsers
    ana = Unit(owner.url, made_token(owner, "ana"))
    with open("cut.json") as file:
        kept = json.load(file)
    # While nobody was there a task has ended: of that nobody is told.
    ended, *left = sorted(set(kept["tasks"]) & ana.tasks("mine"))
    ana.ask("POST", f"tasks/{ended}/complete", {"variables": {}})
    ours = sorted(set(kept["tasks"]) & ana.tasks("ours"))
    answers()
    for browser, tasks in ((phone, left + ours), (tablet, left + ours), (other, ours)):
        expected = Counter(kept["told"][browser.path]) + once(tasks)
        wait(f"what was cut off, at {browser.path}", lambda: set(expected) <= set(browser.told()))
        assert browser.told() == expected, (browser.path, browser.told() - expected, expected - browser.told())

    # What comes now is told once, too; also where bob's session has ended and ana wants one browser alone.
    sessions = owner.ask("GET", "sessions")["items"]
    for session in (row for row in sessions if row["user"] == "bob"):
        owner.ask("POST", f"sessions/{session['id']}/end", {})
    ana.ask("DELETE", f"subscriptions/{tablet.id()}")
    others = (tablet.told(), other.told())
    before = phone.told()
    known = ana.tasks("mine") | ana.tasks("ours")
    ana.start("ours", 3)
    fresh = (ana.tasks("mine") | ana.tasks("ours")) - known
    wait("three more on the phone", lambda: fresh <= set(phone.told()))
    assert phone.told() == before + once(fresh), phone.told()
    assert (tablet.told(), other.told()) == others, "who is not to be told was told"
    assert owner.metric("craton_push_subscriptions") == 2
    print(f"{sum(phone.told().values())} tasks on the phone, each told once; {len(slow.came())} tries at who is slow")


def third(owner, _):
    """Without its user nobody is left to be told, also where a push service never answers."""
    assert owner.metric("craton_push_subscriptions") == 0
    assert owner.metric("craton_push_notices_waiting") == 0


def made_token(owner, user):
    return owner.ask("POST", "tokens", {"user": user})["token"]


def people(owner):
    """Ana by a token, bob by a session."""
    owner.ask("POST", "users/bob/set_password", {"password": PASSWORD})
    session = Unit(owner.url, None).ask("POST", "sessions", {"user": "bob", "password": PASSWORD})
    return Unit(owner.url, made_token(owner, "ana")), Unit(owner.url, session["token"])


def main():
    if sys.argv[1] == "certificates":
        return certificates()
    step, url, port, slow_port, token = sys.argv[1:]
    names = [("ana_phone", port), ("ana_tablet", port), ("ana_gone", port), ("ana_slow", slow_port), ("bob_phone", port)]
    browsers = [Browser(*each) for each in names]
    {"first": first, "cut": cut, "second": second, "third": third}[step](Unit(url, token), browsers)


main()
