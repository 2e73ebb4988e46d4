"""Calls `authorise` of a unit as an outside customer: a key, and no unit. See outside-customer.md."""
import base64, hashlib, json, secrets, sys, time, urllib.request
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

url, key = sys.argv[1], Ed25519PrivateKey.from_private_bytes(bytes.fromhex(open(sys.argv[2]).read().strip()))
me, sent, handled = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest(), 0, 0
b64 = lambda data: base64.b64encode(data).decode()
them = json.load(urllib.request.urlopen(url + "/v1/exchange/card"))["unit"]

def request(method, path, query="", body=b""):
    digest = f"sha-256=:{b64(hashlib.sha256(body).digest())}:"
    signed = (f'("@method" "@path" "@query" "content-digest");created={int(time.time())};nonce="{secrets.token_hex(8)}"'
              f';keyid="{me}:0";alg="ed25519";tag="{them}"')
    base = f'"@method": {method}\n"@path": {path}\n"@query": ?{query}\n"content-digest": {digest}\n"@signature-params": {signed}'
    headers = {"content-type": "application/json", "content-digest": digest, "signature-input": f"me={signed}",
               "signature": f"me=:{b64(key.sign(base.encode()))}:"}
    target = f"{url}{path}?{query}" if query else url + path
    return json.load(urllib.request.urlopen(urllib.request.Request(target, body or None, headers, method=method)))

def send(kind, **message):
    global sent
    sent += 1
    envelope = {"v": 1, "from": me, "to": them, "acknowledged": handled, "messages": [{"n": sent, "kind": kind, **message}]}
    request("POST", "/v1/exchange/messages", body=json.dumps(envelope).encode())

def wait(kind):
    global handled
    while True:
        for message in request("GET", "/v1/exchange/outbox", f"after={handled}")["messages"]:
            handled = message["n"]
            if message["kind"] in (kind, "terminate", "refused", "failed"): return message
        time.sleep(0.2)

name = sys.argv[3]
send("propose", contract=name, offers=[{"name": "authorise"}])
document = wait("agree")["document"]
send("verify", contract=name, key=0, signature=b64(key.sign(document.encode())))
wait("finalize")
send("call", contract=name, call="1", capability="authorise", input=json.loads(sys.argv[4]))
print(json.dumps(wait("answer")))
