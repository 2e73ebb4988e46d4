"""What a real unit and its command line say of bad input: a code, where it is, what to do; and nothing half done.

usage: bad_input.py BINARY, in a folder with the units `desk` and `bank`, which are up, the process of the second in `bank.pid`, and a
certificate of somebody else in `impostor.pem` and `impostor.key`
"""

import base64
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import tomllib

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

binary = sys.argv[1]
WAIT_S = 60
BPMN = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="definitions" targetNamespace="test">
  <bpmn:process id="{process}" isExecutable="true">
    <bpmn:startEvent id="asked"><bpmn:outgoing>f1</bpmn:outgoing></bpmn:startEvent>{step}
    <bpmn:endEvent id="done"><bpmn:incoming>{last}</bpmn:incoming></bpmn:endEvent>
    <bpmn:sequenceFlow id="f1" sourceRef="asked" targetRef="{task}" />{flow}
  </bpmn:process>
</bpmn:definitions>
"""
USER_TASK = """
    <bpmn:userTask id="{task}">
      <bpmn:extensionElements><zeebe:userTask /></bpmn:extensionElements>
      <bpmn:incoming>f1</bpmn:incoming><bpmn:outgoing>f2</bpmn:outgoing>
    </bpmn:userTask>"""
OFFER = """apiVersion: craton/v1
kind: Process
metadata: {name: work}
spec: {bpmn: work.bpmn}
---
apiVersion: craton/v1
kind: Offer
metadata: {name: work}
spec:
  process: work
  version: "1"
  summary: Does some work.
  input: [{name: subject, type: text, required: true}]
  output: [{name: subject, type: text, required: true}]
  price: {currency: EUR, on_answer: "=1.25"}
  to: any
"""


def run(*arguments, unit="desk", **further):
    command = [binary, "--unit", unit, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **further)


def craton(*arguments, unit="desk", **further):
    done = run(*arguments, unit=unit, **further)
    assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def refused(status, code, *arguments, unit="desk", says=(), **further):
    """Runs a command that must be refused with exit status and code, and with a hint. Returns what it says."""
    done = run(*arguments, unit=unit, **further)
    assert done.returncode == status and f"[{code}]" in done.stderr, (arguments, done.returncode, done.stdout, done.stderr)
    assert "\nhint: " in done.stderr, done.stderr
    for text in says:
        assert text in done.stderr, (text, done.stderr)
    return done.stderr


def write(name, text):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w") as file:
        file.write(text)


def settings(unit):
    with open(f"{unit}/unit.toml", "rb") as file:
        return tomllib.load(file)


def sql(text, unit="desk"):
    return craton("sql", text, "-o", "csv", unit=unit).replace("\r\n", "\n")


def wait(is_there, what):
    deadline = time.monotonic() + WAIT_S
    while not (found := is_there()):
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.05)
    return found


def state(unit="desk"):
    """What a refusal must leave as it was."""
    return [
        sql("SELECT kind, name, version, spec FROM system.resources ORDER BY kind, name", unit),
        sql("SELECT instance, process, state, version FROM system.process_instances ORDER BY instance", unit),
        sql("SELECT name, state FROM system.contracts ORDER BY name", unit),
        sql("SELECT contract, number, event, amount FROM system.receipts ORDER BY contract, number", unit),
        *(craton(*words, "-o", "csv", unit=unit) for words in (("token", "list"), ("session", "list"), ("peer", "list"), ("task", "list"))),
    ]


def bpmn(process, task=None):
    step = USER_TASK.format(task=task) if task else ""
    flow = f'\n    <bpmn:sequenceFlow id="f2" sourceRef="{task}" targetRef="done" />' if task else ""
    return BPMN.format(process=process, step=step, flow=flow, task=task or "done", last="f2" if task else "f1")


# 1. A certificate that nobody vouches for: the command line sends nothing, and says what to show.
address = settings("desk")["listen_https"]
token = open("desk/owner.token").read().strip()
for further in ([], ["--certificate", "bank/tls.pem"]):
    refused(2, "cli.certificate", "ps", "--token", token, *further, unit=f"https://{address}", says=["--certificate tls.pem"])
craton("ps", "--token", token, "--certificate", "desk/tls.pem", unit=f"https://{address}")
refused(2, "cli.usage", "ps", "--token", token, "--certificate", "desk/unit.toml", unit=f"https://{address}", says=["certificate"])

# 2. Tokens that are no good any more.
before = state()
made = json.loads(craton("token", "create", "owner", "--expires", "2020-01-01T00:00:00Z", "-o", "json"))
refused(3, "token.invalid", "token", "list", "--token", made["token"], says=["has expired", "craton login"])
craton("token", "revoke", made["id"])
refused(3, "token.invalid", "token", "list", "--token", made["token"], says=["not known"])
refused(3, "token.invalid", "token", "create", "owner", "--token", "craton_" + "0" * 64)
craton("passwd", "owner", "--stdin", input="a long enough password\n")
url = f"https://{address}/v1/sessions"
sign_in = {"user": "owner", "password": "a long enough password"}
session = requests.post(url, json=sign_in, verify="desk/tls.pem", timeout=60).json()
craton("session", "end", session["id"])
refused(3, "token.invalid", "token", "create", "owner", "--token", session["token"])
assert state() == before

# 3. A policy that does not type-check: file, line and column, what is meant perhaps; and what stands beside it is not applied either.
GOOD = "apiVersion: craton/v1\nkind: Stream\nmetadata: {name: beside}\nspec: {schema: [{name: id, type: text}]}\n---\n"
ROLE = "apiVersion: craton/v1\nkind: Role\nmetadata: {name: %s}\nspec:\n  policies: |\n    permit (principal, action == Action::\"task.list\", resource);\n"
for policy, line, says in [
    ('permit (principal, action == Action::"task.lst", resource);', 13, "task.list"),
    ("permit (principal, action, resource)\n    when { resource.colour == \"red\" };", 14, "colour"),
    ("permit (principal, action, resource)\n    when { resource.owner == 1 + true };", 14, "hint: "),
    ("permit (principal, action, resource", 13, "hint: "),
]:
    text = GOOD + ROLE % "clerk" + f"\n    {policy}\n---\n" + ROLE % "other"
    write("policies/all.yaml", text)
    assert text.splitlines()[12].strip().startswith("permit"), text
    said = refused(2, "policy.invalid", "apply", "-f", "policies", says=["role `clerk`", says])
    place = re.search(r"^place: policies/all.yaml:(\d+):(\d+) \(/spec/policies\)$", said, re.MULTILINE)
    assert place and int(place[1]) == line and 4 < int(place[2]), said
assert state() == before

# 4. A migration that leaves a token homeless: which token, at which element, what to do. A dry run says the same.
for name, task in (("old", "pick"), ("new", "sort")):
    write(f"{name}/move.yaml", "apiVersion: craton/v1\nkind: Process\nmetadata: {name: move}\nspec: {bpmn: move.bpmn}\n")
    write(f"{name}/move.bpmn", bpmn("move", task))
craton("apply", "-f", "old", "--application", "move")
craton("process", "start", "move")
craton("apply", "-f", "new", "--application", "move")
before = state()
for further, says in [
    ([], "would be homeless: the new version has no `pick`"), (["--map", "pick=done"], "not a task for people"),
    (["--map", "pikc=sort"], "the nearest is `pick`"), (["--dry-run"], "would be homeless"),
]:
    said = refused(6, "instance.migrate", "instance", "migrate", "1", *further, says=[says, "`mapping`"])
    assert re.search(r"^place: pi(ck|kc)$", said, re.MULTILINE), said
    assert state() == before
craton("instance", "migrate", "1", "--map", "pick=sort")
assert "1,move,active,2\n" in sql("SELECT instance, process, state, version FROM system.process_instances"), "the mapping was right"

# 5. What a customer with a key has signed: once is a message; again, changed, old, or for somebody else, it is refused. Through both doors.
key, stranger = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
public = lambda key: key.public_key().public_bytes_raw()
identity = lambda key: hashlib.sha256(public(key)).hexdigest()
craton("peer", "add", "customer", "--public-key", public(key).hex())
peers = settings("desk")["listen_peers"]
doors = [(f"http://{settings('desk')['listen']}", None), (f"https://{peers}", "desk/tls.pem")]
desk_unit, bank_unit = (json.loads(craton("key", "list", "-o", "json", unit=unit))["unit"] for unit in ("desk", "bank"))
sent = 0


def signed(key, to=desk_unit, age_s=0, message=None):
    """Returns headers and body of a message as the guide for outside customers makes them."""
    message = {"n": sent + 1, "kind": "propose", "contract": f"c-{sent}", "offers": [{"name": "none"}], **(message or {})}
    envelope = {"v": 1, "from": identity(key), "to": to, "acknowledged": 0, "messages": [message]}
    body = json.dumps(envelope).encode()
    b64 = lambda data: base64.b64encode(data).decode()
    digest = f"sha-256=:{b64(hashlib.sha256(body).digest())}:"
    covered = (f'("@method" "@path" "@query" "content-digest");created={int(time.time()) - age_s};nonce="{secrets.token_hex(8)}";'
               f'keyid="{identity(key)}:0";alg="ed25519";tag="{to}"')
    text = f'"@method": POST\n"@path": /v1/exchange/messages\n"@query": ?\n"content-digest": {digest}\n"@signature-params": {covered}'
    return {"content-type": "application/json", "content-digest": digest, "signature-input": f"me={covered}",
            "signature": f"me=:{b64(key.sign(text.encode()))}:"}, body


def post(door, headers, body):
    base, verify = door
    answer = requests.post(f"{base}/v1/exchange/messages", data=body, headers=headers, verify=verify, timeout=60)
    problem = answer.json()
    return answer.status_code, problem.get("code", ""), problem.get("hint")


# A unit refuses what was signed in the second of its start, because it could be a repetition.
wait(lambda: post(doors[0], *signed(key))[0] == 200, "a message is taken")
sent += 1
for door in doors:
    good = signed(key)
    assert post(door, *good)[0] == 200, door
    sent += 1
    before = state()
    changed = good[1].replace(b"none", b"some")
    for what, headers, body, code in [
        ("replayed", *good, "exchange.stale"),
        ("changed", good[0], changed, "exchange.signature"),
        ("old", *signed(key, age_s=3_600), "exchange.stale"),
        ("of the future", *signed(key, age_s=-3_600), "exchange.stale"),
        ("for another unit", *signed(key, to=bank_unit), "exchange.signature"),
        ("of a stranger", *signed(stranger), "exchange.signature"),
    ]:
        status, said, hint = post(door, headers, body)
        assert (status, said) == (401, code) and hint, (door, what, status, said, hint)
    # Replayed at the other door it is no better.
    assert all(post(other, *good)[1] == "exchange.stale" for other in doors)
    assert state() == before

# 6. Somebody else answers where a peer was: his certificate is not the one in the peer's card. He gets nothing, and nothing is lost.
write("bank-app/work.yaml", OFFER)
write("bank-app/work.bpmn", bpmn("work"))
craton("apply", "-f", "bank-app", unit="bank")
craton("peer", "add", "desk", "desk", unit="bank")
craton("peer", "add", "bank", "bank")
craton("contract", "propose", "services", "--peer", "bank", "--offer", "work")
wait(lambda: sql("SELECT state FROM system.contracts WHERE name = 'services'") == "state\nfinalized\n", "a contract")
pid = int(open("bank.pid").read())
os.kill(pid, signal.SIGTERM)
host, port = settings("bank")["listen_peers"].split(":")
impostor = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
impostor.load_cert_chain("impostor.pem", "impostor.key")
tries, heard = [], []
is_over = threading.Event()


def listen():
    """Takes connections as the peer would, and notes what comes behind the handshake."""
    while not is_over.is_set():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        connection.settimeout(5)
        tries.append(1)
        try:
            with impostor.wrap_socket(connection, server_side=True) as stream:
                heard.append(stream.recv(4_096))
        except OSError:
            pass


def listener_of():
    try:
        return socket.create_server((host, int(port)))
    except OSError:
        return None


listener = wait(listener_of, "the bank has stopped")
listener.settimeout(0.2)
thread = threading.Thread(target=listen, daemon=True)
thread.start()
call = {"capability": "work", "input": {"subject": "a letter"}}
http, owner = f"http://{settings('desk')['listen']}", {"authorization": f"Bearer {token}"}
made = requests.post(f"{http}/v1/contracts/services/call", json=call, headers=owner, timeout=60)
assert made.ok, made.text
problem = lambda: requests.get(f"{http}/v1/peers/bank", headers=owner, timeout=60).json()["problem"] or ""
wait(lambda: tries and "certificate" in problem(), "the certificate is refused")
assert sql("SELECT state FROM system.calls") == "state\nopen\n", "the call waits"
is_over.set()
thread.join()
listener.close()
assert not any(heard), heard
with open("bank.log", "a") as log:
    bank = subprocess.Popen([binary, "up", "bank"], stdout=log, stderr=log)
with open("bank.pid", "w") as file:
    file.write(str(bank.pid))
wait(lambda: sql("SELECT state FROM system.calls") == "state\nanswered\n", "the call is answered by the bank")
wait(lambda: problem() == "", "the peer is well again")
assert sql("SELECT calls, answered, owed FROM system.ledger") == "calls,answered,owed\n1,1,1.25\n"
assert sql("SELECT count(*) AS n FROM system.process_instances", unit="bank") == "n\n1\n", "once"
bank.terminate()
assert bank.wait(timeout=WAIT_S) == 0
print("bad input is refused with a code, a place and a hint, and nothing was half done")
