"""Uses every secret that a unit has to do with wherever it can be used, then searches for it in everything that the unit has written or answered.

usage: check.py BINARY FOLDER [PORT]

PORT is that of a PostgreSQL server on this machine that lets the user `craton` in; without it no store is put into a database.

The secrets: the value of a `Secret`, a password, tokens, a session, the client secret of an identity provider, the password of a store in
PostgreSQL, the secret key before and after its rotation, the unit's keys, and the passphrase of its backups. A token is shown once to who
makes it, and `secret.read` gives its value to the program whose role says so: these answers are not searched, all others are.
"""

import base64
import http.client
import http.server
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg

import forms

HERE = Path(__file__).resolve().parent
RELATIONS = HERE.parents[2] / "docs" / "reference" / "relations.md"
READY_SECONDS_MAX = 60
SIGNS = "/+%&=:;?"

binary, folder, server = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
canaries, heard = forms.Canaries(), []


def secret(what: str, homes: tuple = ()) -> str:
    """Makes a value that nobody could hit on, with signs that are written otherwise in an address."""
    value = secrets.token_hex(12) + SIGNS
    canaries.add(what, value.encode(), homes)
    return value


def free_ports(count: int) -> list:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    [each.close() for each in sockets]
    return ports


def craton(*arguments, text=None, is_private=False, status=0, **environment) -> str:
    """Runs a command of the shop; what it says is searched later, unless it is there to show a secret."""
    done = subprocess.run(
        [binary, *arguments], input=text, capture_output=True, text=True, timeout=120, cwd=folder, env={**os.environ, **environment},
    )
    if not is_private:
        heard.append((f"craton {' '.join(arguments[:4])}", (done.stdout + done.stderr).encode()))
    assert status is None or done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def shop(*arguments, **options) -> str:
    return craton("--unit", "shop", *arguments, **options)


def serve(handle):
    """Serves HTTP on a port of its own: `handle` gets a request and its body, and returns a status and an answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, content = handle(self, body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Who asked may have gone: that is no fault.
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Provider:
    """An identity provider that repeats what it was sent in its errors."""

    def __init__(self, client_secret: str):
        self.client_secret, self.wanted, self.was_shown = client_secret, forms.forms(client_secret.encode()), 0
        self.port = serve(self.handle)

    def handle(self, request, body: bytes):
        issuer = f"http://localhost:{self.port}"
        if request.path.startswith("/.well-known/"):
            return 200, json.dumps({
                "issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/jwks", "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }).encode()
        if request.path == "/token":
            sent = str(request.headers).encode() + body
            self.was_shown += any(form in sent for form in self.wanted)
            told = [form.decode() for form in self.wanted if form in sent]
            return 401, json.dumps({"error": " ".join(told) or "invalid_client", "error_description": sent.decode()}).encode()
        # Nobody has the other half of this key: no token of this provider is ever right.
        number = base64.urlsafe_b64encode(b"\xff" * 256).rstrip(b"=").decode()
        return 200, json.dumps({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": number, "e": "AQAB"}]}).encode()


class Unit:
    """The shop while it runs."""

    def __init__(self, provider: int, collector: int):
        self.port, peers, self.postgres = free_ports(3)
        craton("init", "shop", "--bare", "--listen", f"127.0.0.1:{self.port}", "--listen-peers", f"127.0.0.1:{peers}",
               "--listen-postgres", f"127.0.0.1:{self.postgres}", is_private=True)
        with open(self.folder / "unit.toml", "a") as file:
            file.write(f'log_file = "unit.log"\nlog_format = "json"\nlog_level = "trace"\n'
                       f'trace_endpoint = "http://127.0.0.1:{collector}/v1/traces"\ntrace_interval_ms = 100\n'
                       '\n[kernel]\ntrace_ratio = 1.0\n\n[data]\nseal_ms = 500\nseal_rows_min = 1\n')
        text = (HERE / "shop" / "shop.yaml").read_text()
        app = folder / "app"
        app.mkdir()
        (app / "shop.yaml").write_text(text.replace("ISSUER_PORT", str(provider)).replace("UNIT_PORT", str(self.port)))
        (app / "send.bpmn").write_text((HERE / "shop" / "send.bpmn").read_text())
        self.owner = (self.folder / "owner.token").read_text().strip()

    folder = folder / "shop"

    def start(self):
        out = open(folder / "out.log", "ab")
        self.process = subprocess.Popen([binary, "up", "shop"], cwd=folder, stdout=out, stderr=out, env={**os.environ, "RUST_LOG": "debug"})
        deadline = time.monotonic() + READY_SECONDS_MAX
        while True:
            try:
                if self.ask("GET", "/health/ready")[0] == 200:
                    return
            except OSError:
                pass
            assert self.process.poll() is None and time.monotonic() < deadline, (folder / "out.log").read_text()
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, "it does not stop in peace"

    def ask(self, method: str, path: str, body=None, token=None, is_private=False):
        """Makes a call; what is answered is searched later, with its head, unless it is there to show a secret."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {token or self.owner}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        if not is_private:
            heard.append((f"{method} {path}", str(answer.headers).encode() + content))
        connection.close()
        try:
            return answer.status, json.loads(content)
        except ValueError:
            return answer.status, content

    def make_token(self, user: str, **scope) -> str:
        status, told = self.ask("POST", "/v1/tokens", {"user": user, **scope}, is_private=True)
        assert status == 200, told
        return told["token"]

    def sql(self, statement: str, user: str, password: str):
        """Asks over PostgreSQL's protocol, where even a refusal is an answer."""
        try:
            with psycopg.connect(host="127.0.0.1", port=self.postgres, user=user, password=password, dbname="craton",
                                 sslmode="disable", autocommit=True) as connection:
                connection.add_notice_handler(lambda notice: heard.append((f"psql {statement}", str(notice.message_primary).encode())))
                answer = repr(connection.execute(statement).fetchall())
        except psycopg.Error as error:
            answer = f"{error} {error.diag.message_primary} {error.diag.message_detail} {error.diag.message_hint}"
        heard.append((f"psql {statement}", answer.encode()))
        return answer


def add_keys():
    """Notes the unit's own keys as they stand in its files."""
    for encoded in re.findall(r'secret": "([^"]+)"', (Unit.folder / "unit.key").read_text()):
        canaries.add("a key of the unit", base64.b64decode(encoded), ("unit.key",))
    lines = (Unit.folder / "tls.key").read_text().splitlines()
    # Base64 in lines: the bytes as they are would be found nowhere, so that the middle of each line is searched too.
    canaries.add("the key of the certificate", base64.b64decode("".join(lines[1:-1]))[36:68], ("tls.key",))
    canaries.add("the key of the certificate, a line", lines[1][20:50].encode(), ("tls.key",))
    add_secret_key("the secret key")


def add_secret_key(what: str):
    lines = (Unit.folder / "secret.key").read_text().splitlines()
    words = [line.split("#")[0].strip() for line in lines]
    for word in filter(None, words):
        key = bytes.fromhex(word) if re.fullmatch("[0-9a-f]{64}", word) else base64.b64decode(word)
        assert len(key) == 32, word
        canaries.add(what, key, ("secret.key",))


def use_secret(unit: Unit, value: str):
    """Does with a secret what a worker does, the careless one as well."""
    shop("secret", "set", "mail", text=value + "\n")
    token = unit.make_token("mailbot")
    canaries.add("the token of a worker", token.removeprefix("craton_").encode())
    status, told = unit.ask("POST", "/v1/secrets/mail/read", {}, token, is_private=True)
    assert status == 200 and told["value"] == value, "the worker works with it"
    assert unit.ask("POST", "/v1/secrets/mail/read", {})[1]["code"] == "policy.forbidden"
    outcomes = [
        ("complete", {"variables": {"log": f"used {value} to send", "deep": [{"x": value}]}}),
        ("fail", {"message": f"535 bad password `{value}`", "retries": 0}),
        ("error", {"code": "MAIL", "message": value, "variables": {"p": value}}),
    ]
    for verb, body in outcomes:
        assert unit.ask("POST", "/v1/processes/send/start", {"variables": {"to": "ana"}})[0] == 200
        jobs = unit.ask("POST", "/v1/jobs/activate", {"type": "send-mail"}, token)[1]["jobs"]
        assert jobs[0]["headers"]["password"] == "secret:mail"
        unit.ask("POST", f"/v1/jobs/{jobs[0]['job']}/{verb}", body, token)
    incidents = json.dumps(unit.ask("GET", "/v1/incidents")[1])
    assert "535 bad password `***`" in incidents, incidents
    for body in [{"value": {"nested": value}}, {"vale": value}, {"value": value, "encoding": value}, value, [value]]:
        assert unit.ask("POST", "/v1/secrets/mail/set", body)[0] == 400
    manifest = {"apiVersion": "craton/v1", "kind": "Secret", "metadata": {"name": "mail"}, "spec": {"value": value}}
    assert unit.ask("POST", "/v1/resources/apply", {"manifests": [manifest]})[1]["code"] == "manifest.invalid"


def use_credentials(unit: Unit):
    """Signs in with a password, a session and tokens through every door, and wrongly."""
    password = secret("a password")
    shop("passwd", "ana", "--stdin", text=password + "\n")
    sign_in = {"user": "ana", "password": password}
    status, told = unit.ask("POST", "/v1/sessions", sign_in, is_private=True)
    assert status == 200, told
    session = told["token"]
    canaries.add("a session", session.removeprefix("craton_").encode())
    for body in [{**sign_in, "password": password + "x"}, {"user": "ana", "password": {"x": password}}, {**sign_in, "pasword": password},
                 {"user": "nobody", "password": password}]:
        assert unit.ask("POST", "/v1/sessions", body)[0] in (400, 401), body
    token = unit.make_token("ana", summary="for the reports")
    canaries.add("the token of a person", token.removeprefix("craton_").encode())
    for shown in (session, token):
        status, told = unit.ask("GET", "/v1/units/whoami", token=shown)
        assert status == 200 and told["principal"] == "user:ana", told
        assert unit.ask("GET", "/v1/tokens", token=shown)[0] == 403
        assert unit.sql("SELECT 'in' AS x", "ana", shown) == "[('in',)]"
    for wrong in (token[:-1] + "x", token + token[-4:], f"{token} {session}"):
        assert unit.ask("GET", "/v1/units/whoami", token=wrong)[0] == 401
    unit.sql("SELECT 1 AS x", "ana", password + "x")
    unit.sql("SELECT 1 AS x", "ana", password)
    shop("passwd", "ana", "--stdin", text="short\n", status=None)


def use_provider(unit: Unit, provider: Provider):
    """Has the unit show its client secret to a provider that repeats it."""
    shop("secret", "set", "acme", text=provider.client_secret + "\n")
    for place in ({"provider": "acme", "port": 1}, {"provider": "acme"}):
        status, begun = unit.ask("POST", "/v1/sessions/begin", place)
        assert status == 200, begun
        told = unit.ask("POST", "/v1/sessions/finish", {"key": begun["key"], "state": begun["state"], "code": "made up"})[1]
        assert "code" in told, told
    assert provider.was_shown, "the provider never saw the client secret"


def use_database():
    """Shows the unit the password of a database: in the address, where it is refused, and in its file."""
    value = secret("the password of a database", ("database.txt",))
    (port,) = free_ports(1)
    for name, address, file in [("in-address", f"postgres://craton:{secret_path(value)}@127.0.0.1:{port}/shop", False),
                                ("in-file", f"postgres://craton@127.0.0.1:{port}/shop", True)]:
        craton("init", name, "--bare", is_private=True)
        canaries.add("a token of an owner", (folder / name / "owner.token").read_text().strip().removeprefix("craton_").encode(), ("owner.token",))
        lines = f'\n[store.postgres]\nurl = "{address}"\nnode = "one"\nconnect_ms_max = 500\n'
        if file:
            (folder / name / "database.txt").write_text(value + "\n")
            (folder / name / "database.txt").chmod(0o600)
            lines += 'password_file = "database.txt"\n'
        settings = folder / name / "unit.toml"
        plain = settings.read_text()
        settings.write_text(plain + lines)
        for command in (["up", name], ["verify", name], ["backup", name, "backups-of-it"]):
            craton(*command, status=None)
            assert re.search(rb"\[(store|backup|unit)\.", heard[-1][1]), heard[-1]
        # The file that somebody wrote a password into is his own; what the unit made of it counts.
        settings.write_text(plain)


def use_server(port: str) -> list:
    """Has a unit keep its store in a database; returns which secrets stand in the database."""
    value, password = secret("the value of a secret in a database"), secret("the password of a database that is used", ("database.txt",))
    listen = [f"127.0.0.1:{port}" for port in free_ports(3)]
    craton("init", "stored", "--bare", "--listen", listen[0], "--listen-peers", listen[1], "--listen-postgres", listen[2],
           "--store", f"postgres://craton@127.0.0.1:{port}/postgres", "--schema", "canary", is_private=True)
    place = folder / "stored"
    token = (place / "owner.token").read_text().strip()
    canaries.add("a token of an owner", token.removeprefix("craton_").encode(), ("owner.token",))
    (place / "database.txt").write_text(password + "\n")
    (place / "database.txt").chmod(0o600)
    settings = (place / "unit.toml").read_text()
    assert "[store.postgres]\n" in settings, settings
    (place / "unit.toml").write_text(settings.replace("[store.postgres]\n", '[store.postgres]\npassword_file = "database.txt"\n'))
    with open(folder / "stored.log", "ab") as out:
        process = subprocess.Popen([binary, "up", "stored"], cwd=folder, stdout=out, stderr=out, env={**os.environ, "RUST_LOG": "debug"})
    try:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while subprocess.run([binary, "--unit", "stored", "clock", "get"], cwd=folder, capture_output=True).returncode:
            assert process.poll() is None and time.monotonic() < deadline, (folder / "stored.log").read_text()
            time.sleep(0.1)
        for command, text in [
            (("secret", "create", "mail", "--summary", "Of the mail server"), None), (("secret", "set", "mail"), value + "\n"),
            (("secret", "get", "mail", "-o", "json"), None), (("key", "rotate"), None), (("secret", "rotate"), None),
            (("sql", "SELECT * FROM system.secrets"), None), (("sql", "SELECT * FROM system.audit"), None),
            (("support", "stored.tar.gz"), None),
        ]:
            craton("--unit", "stored", *command, text=text)
        craton("backup", "stored", "backups-of-it", status=None)
        process.terminate()
        assert process.wait(60) == 0, "it does not stop in peace"
    finally:
        process.kill()
        process.wait()
    found, size = [], 0
    with psycopg.connect(host="127.0.0.1", port=port, user="craton", dbname="postgres", autocommit=True) as connection:
        tables = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'canary'").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM canary."{table}"'):
                for cell in row:
                    content = cell if isinstance(cell, bytes) else str(cell).encode()
                    size += len(content)
                    found += canaries.search(f"the database: {table}", content)
    assert 2_000 < size, f"the store is not in the database: {size} bytes in {tables}"
    return found


def secret_path(value: str) -> str:
    """Returns a password as it stands in an address."""
    return "".join(sign if sign.isalnum() else f"%{ord(sign):02X}" for sign in value)


def look_everywhere(unit: Unit):
    """Asks everything that can be asked by looking, through every door."""
    paths = [path for path, methods in unit.ask("GET", "/v1/openapi.json")[1]["paths"].items() if "get" in methods]
    assert 20 < len(paths), paths
    places = [("secret", "mail"), ("identity_provider", "acme"), ("process", "send"), ("user", "ana"), ("user", "mailbot"),
              ("stream", "orders"), ("instance", "1"), ("table", "orders"), ("role", "mailer")]
    for path in paths:
        for kind, name in places if "{" in path else places[:1]:
            unit.ask("GET", path.replace("{kind}", kind).replace("{name}", name))
    for path in ("/metrics", "/health/live", "/health/ready", "/", "/v1/nothing"):
        unit.ask("GET", path)
    named = re.findall(r"^### `([^`]+)`", RELATIONS.read_text(), re.MULTILINE)
    assert 15 < len(named), named
    assert unit.sql("SELECT 'in' AS x", "owner", unit.owner) == "[('in',)]"
    for relation in [*named, "system.secrets", "orders", "orders_latest"]:
        unit.ask("POST", "/v1/sql/query", {"sql": f"SELECT * FROM {relation}"})
        unit.sql(f"SELECT * FROM {relation}", "owner", unit.owner)
    for statement in ("SELECT * FROM pg_settings", "SELECT * FROM pg_stat_activity", "SHOW ALL", "SELECT * FROM pg_roles",
                      "SELECT * FROM information_schema.tables", "SELECT nothing FROM nowhere"):
        unit.sql(statement, "owner", unit.owner)
    for command in [
        ("secret", "list"), ("secret", "get", "mail", "-o", "json"), ("get", "secret", "mail", "-o", "yaml"), ("describe", "secret/mail"),
        ("history", "secret", "mail"), ("describe", "user/ana"), ("get", "identity_provider", "acme", "-o", "yaml"),
        ("apply", "-f", "app", "--dry-run"), ("key", "list"), ("token", "list", "-o", "json"), ("session", "list", "-o", "json"),
        ("ps",), ("reference",), ("why", "ana", "secret.read", "secret/mail"), ("can-i", "secret.read", "secret/mail", "--as", "user:ana"),
    ]:
        shop(*command, status=None)


def play(unit: Unit, provider: Provider):
    """Does everything in one life of the unit."""
    unit.start()
    shop("apply", "-f", "app")
    use_secret(unit, secret("the value of a secret"))
    use_credentials(unit)
    use_provider(unit, provider)
    use_database()
    for number in range(3):
        assert unit.ask("POST", "/v1/streams/orders/append", {"id": f"o-{number}", "said": "nothing"})[0] == 200
    shop("table", "seal", "orders", "--wait")
    look_everywhere(unit)
    shop("secret", "rotate")
    add_secret_key("the next secret key")
    shop("key", "rotate")
    passphrase = secret("the passphrase of the backups")
    for _ in range(2):
        craton("backup", "shop", "backups", "--with-keys", CRATON_PASSPHRASE=passphrase)
    craton("backup", "check", "backups")
    craton("restore", "backups", "never", "--with-keys", status=None, CRATON_PASSPHRASE=passphrase + "x")
    craton("restore", "backups", "again", "--with-keys", CRATON_PASSPHRASE=passphrase)
    shop("support", "bundle.tar.gz")


def main():
    forms.self_test()
    spans = []
    collector = serve(lambda request, body: (spans.append(str(request.headers).encode() + body), (200, b"{}"))[1])
    provider = Provider(secret("the client secret of a provider"))
    unit = Unit(provider.port, collector)
    add_keys()
    canaries.add("the token of the owner", unit.owner.removeprefix("craton_").encode(), ("owner.token",))
    found = []
    try:
        play(unit, provider)
        # While it runs: the write-ahead log, and what is not folded yet.
        found += canaries.search_folder(folder)[1]
        unit.stop()
        # A second life: what was in the journal is in the tables, and what is known from the store is masked.
        unit.start()
        look_everywhere(unit)
        unit.stop()
    finally:
        unit.process.kill()
        unit.process.wait()
    craton("verify", "shop")
    for port in server:
        found += use_server(port)
    count, in_files = canaries.search_folder(folder)
    found += in_files
    for database in (unit.folder / "store.db", folder / "again" / "store.db"):
        for name, cell in forms.cells(database):
            found += canaries.search(name, cell)
    for name, content in heard:
        found += canaries.search(f"the answer to `{name}`", content)
    for content in spans:
        found += canaries.search("the spans that were sent", content)
    names = {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()}
    assert {"shop", "backups", "again", "bundle.tar.gz", "out.log"} <= names, names
    assert list((unit.folder / "tables").rglob("*.parquet")), "no table lies in files"
    assert spans and (unit.folder / "unit.log").stat().st_size, "nothing was traced or logged"
    if found:
        sys.exit("error: " + "\n".join(dict.fromkeys(found)))
    print(f"canary: {len(canaries.held)} secrets are in none of {count} files, {len(heard)} answers and {len(spans)} batches of spans")


if __name__ == "__main__":
    main()
