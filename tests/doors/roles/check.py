"""Tries every operation that a real unit lists, as everybody, through every door: what the policies say is what happens.

usage: check.py BINARY HTTP HTTPS POSTGRES (each HOST:PORT), in a folder with the unit `shop` and the application `app`
"""

import http.client
import json
import ssl
import subprocess
import sys
from dataclasses import dataclass, field

import psycopg

binary, http_address, https_address, postgres_address = sys.argv[1:]
PASSWORD = "a long enough password"
ROLES = {"olga": "owner", "omar": "operator", "dana": "developer", "anna": "analyst", "abel": "approver",
         "vera": "viewer", "ned": None}
# What everybody who is known may ask, as docs/reference/policies.md and unit.cedar have it.
OPEN_TO_USERS = {"clock.list", "policy.check", "policy.mine", "policy.why", "unit.whoami", "unit.batch", "task.list", "form.get", "session.list", "running.list",
                 "running.kill", "running.pause", "running.resume", "subscription.key", "subscription.create",
                 "subscription.list", "screen.list", "screen.get", "file.create"}
# For no person, whatever his roles are: a program whose role names it does it.
NOT_FOR_PEOPLE = {"secret.read"}
# They end or remove what the others need: they come last, in this order.
LAST = ["suspend", "complete", "stop", "end", "revoke", "delete_password", "cancel", "remove", "delete"]
REFUSED = {"policy.forbidden", "resource.not_found"}


def craton(*arguments, text=None):
    done = subprocess.run([binary, "--unit", "shop", *arguments], input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


@dataclass(frozen=True)
class Operation:
    name: str
    right: str
    method: str
    path: str
    is_open: bool

    @property
    def kind(self):
        return self.name.split(".")[0]


@dataclass(frozen=True)
class Visitor:
    name: str
    user: str | None
    token: str | None
    scope: tuple = ()
    is_known: bool = True


@dataclass
class Answer:
    status: int
    value: object

    @property
    def code(self):
        return self.value.get("code", "") if isinstance(self.value, dict) and 400 <= self.status else ""


@dataclass
class Door:
    """A door for people and programs; connections are kept."""

    name: str
    address: str
    context: ssl.SSLContext | None = None
    is_browser: bool = False
    connection: http.client.HTTPConnection | None = field(default=None)

    def ask(self, method, path, token=None, body=None):
        media = "image/png" if path.startswith("/v1/files") else "application/json"
        headers = {"content-type": media} if method == "POST" else {}
        if token and self.is_browser:
            headers |= {"cookie": f"craton_session={token}", "sec-fetch-site": "same-origin"}
        elif token:
            headers["authorization"] = f"Bearer {token}"
        body = json.dumps(body or {}) if method == "POST" else None
        try:
            return self.send(method, path, body, headers)
        except (http.client.HTTPException, ConnectionError):
            # The unit closes connections that it wants no more of.
            self.connection = None
            return self.send(method, path, body, headers)

    def send(self, method, path, body, headers):
        if self.connection is None and self.context is None:
            self.connection = http.client.HTTPConnection(self.address, timeout=60)
        elif self.connection is None:
            self.connection = http.client.HTTPSConnection(self.address, timeout=60, context=self.context)
        self.connection.request(method, path, body=body, headers=headers)
        response = self.connection.getresponse()
        data = response.read()
        try:
            return Answer(response.status, json.loads(data))
        except ValueError:
            return Answer(response.status, None)


trust = ssl.create_default_context(cafile="shop/tls.pem")
plain = Door("plain HTTP", http_address)
secure = Door("HTTPS", https_address, trust)
browser = Door("HTTPS with a cookie", https_address, trust, is_browser=True)
owner = open("shop/owner.token").read().strip()
faults = []


def fault(operation, visitor, door, answer):
    faults.append(f"{operation.name} as {visitor.name} by {door}: {answer.status} {answer.code or answer.value}")


def ask_owner(method, path, body=None):
    answer = plain.ask(method, path, owner, body)
    assert answer.status == 200, (method, path, answer)
    return answer.value


def operations():
    document = ask_owner("GET", "/v1/openapi.json")
    found = []
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            name = described.get("operationId", "")
            if "." in name:
                is_open = described.get("security") == []
                found.append(Operation(name, described["x-craton-right"], method.upper(), path, is_open))
    place = lambda verb: LAST.index(verb) if verb in LAST else -1
    return sorted(found, key=lambda operation: (place(operation.name.split(".")[1]), operation.name))


# 1. Everything is there on which somebody could act, and everybody who could.
craton("apply", "-f", "app")
for process in ("probe", "work", "stuck"):
    craton("process", "start", process)
for user in [*ROLES, "probe"]:
    craton("passwd", user, "--stdin", text=f"{PASSWORD}\n")


def sign_in(user):
    answer = secure.ask("POST", "/v1/sessions", body={"user": user, "password": PASSWORD})
    assert answer.status == 200, (user, answer)
    return answer.value


def token(user, *options):
    return json.loads(craton("token", "create", user, *options, "-o", "json"))


revoked, ended = token("olga"), sign_in("olga")
craton("token", "revoke", revoked["id"])
assert secure.ask("POST", f"/v1/sessions/{ended['id']}/end", ended["token"]).status == 200
strangers = [
    Visitor("nobody", None, None, is_known=False),
    Visitor("somebody with a forged token", "olga", "craton_" + "0" * 64, is_known=False),
    Visitor("somebody with an expired token", "olga", token("olga", "--expires", "2020-01-01T00:00:00Z")["token"], is_known=False),
    Visitor("somebody with a revoked token", "olga", revoked["token"], is_known=False),
    Visitor("somebody whose session was ended", "olga", ended["token"], is_known=False),
]
people = [Visitor(ROLES[user] or "somebody without a role", user, sign_in(user)["token"]) for user in ROLES]
services = [
    Visitor(f"a service of the owner cut down to {' and '.join(scope)}", "olga",
            token("olga", *(word for right in scope for word in ("--scope", right)))["token"], scope)
    for scope in (("Read",), ("Write", "Run"))
]
command = json.loads(craton("device", "command", "probe", "probe", "-o", "json"))["command"]
first = lambda kind, key: json.loads(craton(kind, "list", "-o", "json"))["items"][0][key]
bulk = ask_owner("POST", "/v1/bulk/start", {"action": "suspend", "filter": {"process": "stuck"}, "dry_run": True})["bulk"]
names = {
    "view": "probe_view", "table": "probe_latest", "relation": "system.audit", "instance": "1", "bulk": str(bulk),
    "command": str(command), "task": first("task", "task"), "job": first("job", "job"), "incident": first("incident", "incident"),
    "token": token("probe")["id"], "session": sign_in("probe")["id"],
}
craton("stream", "append", "probe", "--row", '{"id": "a", "amount": 1}')


def target(operation, in_batch=False):
    """On what it is tried: kind and name, the name empty for a kind as a whole."""
    if "{kind}" in operation.path and not in_batch:
        return "stream", "probe" if "{name}" in operation.path else ""
    return operation.kind, names.get(operation.kind, "probe") if "{name}" in operation.path else ""


# 2. What the policies say, by the unit itself and by what the documents say of the roles that every unit has.
def shipped(role, operation, kind):
    right, name = operation.right, operation.name
    if operation.is_open or (name in OPEN_TO_USERS):
        return True
    if name in NOT_FOR_PEOPLE:
        return False
    if role == "owner":
        return True
    if role == "operator":
        managed = {"contract", "peer", "instance", "incident", "bulk", "clock", "running", "device", "mqtt_session"}
        return right == "Read" or (right in ("Run", "Write") and kind != "secret") or (right == "Manage" and kind in managed)
    if role == "developer":
        worked = {"stream", "view", "query", "metric", "kpi", "quality", "process", "decision", "form", "screen", "instance", "job",
                  "incident", "signal", "bulk", "device", "device_type", "command", "topic", "rule", "mqtt_session"}
        return (right == "Read" and kind not in ("user", "token", "session", "file")) or (right != "Read" and kind in worked) \
            or name == "resource.apply"
    if role == "analyst":
        read = {"stream", "view", "query", "metric", "kpi", "quality", "relation", "table", "sql", "process", "decision", "form", "device",
                "device_type", "command", "rule"}
        return (right == "Read" and kind in read) or name in ("query.save", "query.delete")
    if role == "approver":
        return (right != "Manage" and kind == "task") or (right == "Read" and kind == "file")
    if role == "viewer":
        read = {"process", "decision", "form", "view", "query", "metric", "kpi", "device", "device_type"}
        return (right == "Read" and kind in read) or name in ("relation.list", "relation.get")
    return False


remembered = {}


def may(visitor, operation, in_batch=False):
    """Whether a visitor may do it."""
    kind, name = target(operation, in_batch)
    key = (visitor.user, operation.name, kind)
    if key not in remembered:
        question = {"operation": operation.name, "resource": f"{kind}/{name}".rstrip("/"), "as": f"user:{visitor.user}"}
        remembered[key] = ask_owner("POST", "/v1/policies/check", question)["allowed"]
        expected = shipped(ROLES[visitor.user], operation, kind)
        if remembered[key] != expected:
            faults.append(f"{operation.name} on {kind} as {visitor.name}: policies say {remembered[key]}, documents {expected}")
    return remembered[key] and (not visitor.scope or operation.right in visitor.scope)


def state():
    """What must be the same after everything that was refused."""
    sql = lambda text: craton("sql", text, "-o", "csv")
    return [
        sql("SELECT kind, name, version FROM system.resources ORDER BY kind, name"),
        sql('SELECT id, "user" FROM system.sessions ORDER BY id'),
        sql("SELECT instance, state, version FROM system.process_instances ORDER BY instance"),
        sql("SELECT id, amount FROM probe"),
        craton("token", "list", "-o", "csv"), craton("task", "list", "-o", "csv"), craton("key", "list", "-o", "csv"),
        craton("job", "list", "-o", "csv"), craton("incident", "list", "-o", "csv"), craton("secret", "list", "-o", "csv"),
    ]


def doors_of(visitor):
    """The doors through which somebody comes: people in a browser, programs with their tokens."""
    if not visitor.is_known:
        return [plain, secure, browser] if visitor.token else [plain, secure]
    return [plain, browser] if not visitor.scope else [plain, secure]


def visit(operation, visitor, door):
    kind, name = target(operation)
    path = operation.path.replace("{kind}", kind).replace("{name}", name)
    answer = door.ask(operation.method, path, visitor.token)
    if 500 <= answer.status or (400 <= answer.status and not answer.code):
        fault(operation, visitor, door.name, answer)
    return answer


everything = operations()
known = people + services
assert 110 < len(everything), len(everything)
allowed = [(operation, visitor) for operation in everything for visitor in known if may(visitor, operation)]
refused = [(operation, visitor) for operation in everything for visitor in known if not may(visitor, operation)]
assert not faults, "\n".join(faults)

# 3. Refusals first: nothing is done, by nobody, through no door.
before = state()
for operation in everything:
    for visitor in strangers:
        for door in doors_of(visitor):
            answer = visit(operation, visitor, door)
            is_well = answer.status == 401 and answer.code == "token.invalid"
            if operation.is_open and not visitor.token:
                is_well = answer.code not in REFUSED | {"token.invalid"}
            if not is_well:
                fault(operation, visitor, door.name, answer)
for operation, visitor in refused:
    for door in doors_of(visitor):
        answer = visit(operation, visitor, door)
        if answer.code not in REFUSED or answer.status not in (403, 404):
            fault(operation, visitor, door.name, answer)


# 4. The same in a batch: each call has its own rights.
def batch(visitor, tried, name=None):
    """Makes the calls in one request; returns an answer for each."""
    calls = [{"operation": operation.name, "name": target(operation, True)[1] if name is None else name} for operation in tried]
    answer = doors_of(visitor)[-1].ask("POST", "/v1/units/batch", visitor.token, {"calls": calls})
    if answer.status != 200:
        return answer, []
    each = [result.get("problem", {}) for result in answer.value["results"]]
    assert len(each) == len(tried), (visitor, answer)
    return answer, [Answer(400 if problem else 200, problem) for problem in each]


run = next(operation for operation in everything if operation.name == "unit.batch")
alone = 0
for visitor in strangers:
    assert batch(visitor, everything)[0].code == "token.invalid", visitor
for visitor in known:
    tried = [operation for operation in everything if not may(visitor, operation, True)]
    whole, each = batch(visitor, tried)
    if not may(visitor, run):
        assert whole.code == "policy.forbidden", (visitor, whole)
        continue
    for operation, answer in zip(tried, each, strict=True):
        alone += answer.code == "call.not_in_batch"
        if answer.code not in REFUSED | {"call.not_in_batch"} or not answer.value.get("place"):
            fault(operation, visitor, "batch", answer)
assert state() == before, "something that was refused was done"
assert not faults, "\n".join(faults)

# 5. PostgreSQL: the token is the password. What sees rows is one operation; who may not ask it is refused in his first statement.
host, port = postgres_address.split(":")


def connect(user, secret):
    return psycopg.connect(host=host, port=port, user=user, password=secret or "", dbname="craton", autocommit=True)


def code_of(act):
    try:
        act()
    except psycopg.Error as error:
        return error.sqlstate or str(error)
    return "00000"


for visitor in strangers:
    said = code_of(lambda: connect(visitor.user or "nobody", visitor.token))
    assert "28P01" in said or "password" in said or "authentication" in said, (visitor, said)
for user, secret in [("vera", people[0].token), ("olga", PASSWORD), ("nobody", people[0].token)]:
    said = code_of(lambda: connect(user, secret))
    assert "28P01" in said or "password" in said or "authentication" in said, (user, said)
query = next(operation for operation in everything if operation.name == "sql.query")
for visitor in known:
    with connect(visitor.user, visitor.token) as one:
        if may(visitor, query):
            assert one.execute("SELECT id FROM probe").fetchall() == [("a",)], visitor
        else:
            said = code_of(lambda: one.execute("SELECT id FROM probe"))
            assert said == "42501", (visitor, said)
anna = sign_in("anna")
with connect("anna", anna["token"]) as one:
    assert one.execute("SELECT count(*) FROM probe").fetchone() == (1,)
    assert secure.ask("POST", f"/v1/sessions/{anna['id']}/end", anna["token"]).status == 200
    assert code_of(lambda: one.execute("SELECT count(*) FROM probe")) != "00000", "a session that has ended still asks"

# 6. What is permitted is done, or fails for another reason than who asks. Where all of it says that nothing is there, nobody knows.
seen = {}
for operation, visitor in allowed:
    for door in doors_of(visitor):
        answer = visit(operation, visitor, door)
        seen.setdefault(operation.name, set()).add(answer.code)
        if answer.code in ("policy.forbidden", "token.invalid"):
            fault(operation, visitor, door.name, answer)
for visitor in known:
    if may(visitor, run):
        for name in (None, ""):
            tried = [operation for operation in everything if may(visitor, operation, True) and operation != run]
            _, each = batch(visitor, tried, name)
            for operation, answer in zip(tried, each, strict=True):
                if answer.code in ("policy.forbidden", "token.invalid", "kernel.internal") and name is None:
                    fault(operation, visitor, "batch", answer)
                if answer.code == "kernel.internal":
                    fault(operation, visitor, "batch without a name", answer)
unknown = sorted(name for name, codes in seen.items() if all(code.endswith(".not_found") for code in codes))
assert not faults, "\n".join(faults)
# Of these nothing is there: there is no other unit, no decision, no file, no client of MQTT, no browser that is told, and no query runs.
absent = {"contract", "mqtt_session", "peer", "receipt", "decision", "file", "subscription", "sql.cancel", "exchange.skip"}
assert all({name, name.split(".")[0]} & absent for name in unknown), unknown
print(f"{len(everything)} operations, {len(strangers) + len(known)} visitors: {len(refused)} refusals and {len(allowed)} permissions"
      f" by role through each door, {alone} of a batch's calls were not for a batch; nothing refused was done")
