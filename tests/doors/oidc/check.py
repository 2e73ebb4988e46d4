"""Signs people in at a unit by an identity provider, and tries what must not work.

usage: check.py BINARY UNIT UNIT_HTTPS UNIT_POSTGRES PROVIDER
"""

import base64
import json
import os
import re
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlencode, urlparse

import psycopg
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

binary, unit, unit_https, unit_postgres, provider = sys.argv[1:]


def craton(*arguments, token=None, status=0, text=None):
    command = [binary, "--unit", "shop", *(["--token", token] if token else []), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def whoami(token=None, cookies=None, base=unit, verify=None):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = requests.get(f"{base}/v1/units/whoami", headers=headers, cookies=cookies, verify=verify)
    return (answer.json()["principal"], answer.json()["roles"]) if answer.ok else answer.json()["code"]


def consent(address, person):
    """Signs a person in at the provider; returns where it sends the browser."""
    answer = requests.post(address, data={"sub": person}, allow_redirects=False)
    assert answer.status_code == 302, (answer.status_code, answer.text)
    return answer.headers["location"]


def id_token(person, client="craton", claims=None):
    """Gets a token of the provider as another program of the company would."""
    if claims is not None:
        assert requests.put(f"{provider}/users/{person}", json=claims).ok
    back = "http://127.0.0.1:1/back"
    query = {"client_id": client, "redirect_uri": back, "response_type": "code",
             "scope": "openid profile email", "state": "s", "nonce": os.urandom(8).hex()}
    code = parse_qs(urlparse(consent(f"{provider}/oauth2/authorize?{urlencode(query)}", person)).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back,
            "client_id": client, "client_secret": "any"}
    answer = requests.post(f"{provider}/oauth2/token", data=form)
    assert answer.ok, answer.text
    return answer.json()["id_token"]


def encoded(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def parts(token):
    return [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in token.split(".")[:2]]


# 1. The command line: the person comes back to a port of this machine.
login = subprocess.Popen([binary, "--unit", "shop", "login", "--provider", "acme"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
address = None
for line in login.stderr:
    if line.strip().startswith("http"):
        address = line.strip()
        break
assert address and "code_challenge_method=S256" in address, address
asked = parse_qs(urlparse(address).query)
assert len(asked["code_challenge"][0]) == 43 and asked["scope"] == ["openid profile email"], asked
way_back = consent(address, "ana")
wrong = requests.get(way_back.replace("state=", "state=x"))
assert "not the sign-in" in wrong.text, wrong.text
assert "You are signed in" in requests.get(way_back).text
out, err = login.communicate(timeout=60)
assert login.returncode == 0 and "user:acme/ana" in out, (out, err)
saved = os.path.join(os.environ["XDG_CONFIG_HOME"], "craton", "sessions.json")
assert os.stat(saved).st_mode & 0o077 == 0, "the saved session is for its owner only"
session = next(iter(json.load(open(saved)).values()))["token"]
open("session.token", "w").write(session)
assert whoami(session) == ("user:acme/ana", ["clerk"]), whoami(session)

# 2. The saved session is who the command line is; rights come from the claims.
craton("stream", "append", "orders", "--row", '{"id": "o1"}')
craton("token", "list", status=4)
why = craton("why", "acme/ana", "token.list", "token", status=4)
assert "no policy permits" in why and "missing: one of the roles owner" in why, why
assert "role:clerk/0 (line 1)" in craton("why", "acme/ana", "stream.append", "stream/orders")
listed = json.loads(craton("session", "list", "-o", "json"))["items"]
assert [(each["user"], each["by"]) for each in listed] == [("acme/ana", "provider:acme")], listed

# 3. The same session at the other doors.
assert whoami(session, base=unit_https, verify="shop/tls.pem")[0] == "user:acme/ana"
try:
    requests.get(unit_https.replace("https", "http"), timeout=10)
    raise AssertionError("the door outside loopback speaks in clear")
except requests.exceptions.ConnectionError:
    pass
host, port = unit_postgres.split(":")
with psycopg.connect(host=host, port=port, user="acme/ana", password=session, dbname="craton", autocommit=True) as one:
    assert one.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    # 4. A session that ends, ends everywhere at once.
    second = json.loads(craton("session", "list", "-o", "json"))["items"][0]["id"]
    craton("session", "end", second)
    assert whoami(session) == "token.invalid"
    try:
        one.execute("SELECT 1")
        raise AssertionError("a session that has ended still asks")
    except psycopg.Error:
        pass
craton("logout")
owner = open("shop/owner.token").read().strip()

# 5. A browser: a cookie that no script reads, and no other site uses.
browser = requests.Session()
sent = browser.get(f"{unit}/sign-in/acme", allow_redirects=False)
assert sent.status_code == 303 and "HttpOnly" in sent.headers["set-cookie"], sent.headers
assert "SameSite=Lax" in sent.headers["set-cookie"]
way_back = consent(sent.headers["location"], "ana")
stranger = requests.get(way_back, allow_redirects=False)
assert stranger.status_code == 400 and stranger.json()["code"] == "sign_in.flow", stranger.text
home = browser.get(way_back, allow_redirects=False)
assert home.status_code == 303 and home.headers["location"] == "/", home.text
cookie = {"craton_session": browser.cookies["craton_session"]}
open("session.token", "w").write(cookie["craton_session"])
assert whoami(cookies=cookie) == ("user:acme/ana", ["clerk"])
append = f"{unit}/v1/streams/orders/append"
row = {"data": '{"id": "o2"}', "cookies": cookie}
evil = requests.post(append, headers={"content-type": "application/json", "origin": "https://evil.example"}, **row)
assert evil.status_code == 403 and evil.json()["code"] == "http.cross_site", evil.text
assert requests.post(append, headers={"content-type": "application/json", "origin": unit}, **row).ok
again = browser.get(way_back, allow_redirects=False)
assert again.status_code in (400, 401), "a code is good once"
denied = browser.get(f"{unit}/sign-in/acme/callback?error=access_denied&state=x", allow_redirects=False)
assert denied.status_code == 401 and "access_denied" in denied.json()["detail"], denied.text
assert requests.get(f"{unit}/sign-in/nobody", allow_redirects=False).status_code == 404

# 6. Programs show the provider's token. Who was never here becomes a user, with the roles of his claims.
token = id_token("ana")
assert whoami(token) == ("user:acme/ana", ["clerk"])
assert whoami(id_token("bob")) == ("user:acme/bob", []), whoami(id_token("bob"))
time.sleep(1.1)  # The provider says in seconds when it said something.
assert whoami(id_token("bob", claims={"groups": ["sales"]})) == ("user:acme/bob", ["clerk"])

# 7. What is forged, for somebody else, or without a signature, is nobody's.
header, claims = parts(token)
assert whoami(id_token("ana", client="other")) == "sign_in.rejected"
assert whoami(f"{encoded({'alg': 'none'})}.{encoded(claims)}.") == "token.invalid"
assert whoami(f"{encoded(header)}.{encoded({**claims, 'sub': 'root'})}.{token.split('.')[2]}") == "sign_in.rejected"
assert whoami(f"{encoded(header)}.{encoded({**claims, 'iss': 'https://evil.example'})}.x") == "token.invalid"
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
for forged in [header, {**header, "kid": "mine"}]:
    message = f"{encoded(forged)}.{encoded(claims)}"
    signature = key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert whoami(f"{message}.{encoded(signature)}") == "sign_in.rejected"
assert whoami("eyJ.x.y") == "token.invalid"

# 8. What a sign-in under way carries cannot be changed.
begun = requests.post(f"{unit}/v1/sessions/begin", json={"provider": "acme", "port": 1}).json()
text, seal = begun["key"].split(".")
flow = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
changed = f"{encoded({**flow, 'nonce': 'x'})}.{seal}"
for key_shown, state in [(changed, begun["state"]), (begun["key"], "other"), ("", ""), ("a.b", "c")]:
    answer = requests.post(f"{unit}/v1/sessions/finish", json={"key": key_shown, "state": state, "code": "c"})
    assert answer.status_code == 400 and answer.json()["code"] == "sign_in.flow", answer.text
answer = requests.post(f"{unit}/v1/sessions/finish", json={"key": begun["key"], "state": begun["state"], "code": "made up"})
assert answer.status_code == 401 and answer.json()["code"] == "sign_in.rejected", answer.text

# 9. Passwords: the same answer for who is there and who is not; guesses are slowed.
craton("passwd", "owner", "--stdin", token=owner, text="a password for the owner\n")
def guess(user, password):
    answer = requests.post(f"{unit}/v1/sessions", json={"user": user, "password": password})
    return answer.json().get("code", answer.status_code), answer.json().get("detail")
assert guess("owner", "a password for the owner")[0] == 200
assert guess("owner", "wrong") == guess("nobody", "wrong")
codes = [guess("nobody", "wrong")[0] for _ in range(8)]
assert codes[-1] == "sign_in.slowed" and re.search(r"\d+ seconds", guess("nobody", "wrong")[1]), codes
assert guess("owner", "a password for the owner")[0] == 200, "others are not slowed"
audit = json.loads(craton("sql", "SELECT * FROM system.audit WHERE operation = 'session.create'", "-o", "json", token=owner))
assert "a password" not in json.dumps(audit)
craton("passwd", "owner", "--remove", "--stdin", token=owner, text="wrong\n", status=3)
assert guess("owner", "a password for the owner")[0] == 200, "who removes his own password shows it"
craton("passwd", "owner", "--remove", "--stdin", token=owner, text="a password for the owner\n")
assert guess("owner", "a password for the owner")[0] == "sign_in.refused"
assert "argon" not in craton("get", "user", "owner", "-o", "json", token=owner).lower()
print("everybody came in who may")
