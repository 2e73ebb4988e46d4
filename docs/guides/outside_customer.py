"""Calls `authorise` as an outside customer with a key and no unit: URL KEYFILE CONTRACT INPUT. See outside-customer.md."""
import base64, hashlib, json, secrets, sys, time
from urllib.request import Request, urlopen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
url, key = sys.argv[1], Ed25519PrivateKey.from_private_bytes(bytes.fromhex(open(sys.argv[2]).read().strip()))
me, them = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest(), json.load(urlopen(url + "/v1/exchange/card"))["unit"]
b64, sent, handled, name = lambda data: base64.b64encode(data).decode(), 0, 0, sys.argv[3]
def request(method, path, query="", body=b""):
    digest = f"sha-256=:{b64(hashlib.sha256(body).digest())}:"
    covered = (f'("@method" "@path" "@query" "content-digest");created={int(time.time())};nonce="{secrets.token_hex(8)}";'
               f'keyid="{me}:0";alg="ed25519";tag="{them}"')
    base = f'"@method": {method}\n"@path": {path}\n"@query": ?{query}\n"content-digest": {digest}\n"@signature-params": {covered}'
    headers = {"content-type": "application/json", "content-digest": digest, "signature-input": f"me={covered}",
               "signature": f"me=:{b64(key.sign(base.encode()))}:"}
    return json.load(urlopen(Request(f"{url}{path}?{query}".rstrip("?"), body or None, headers, method=method)))

def say(kind, wait_for, **message):
    global sent, handled
    sent, message = sent + 1, {"n": sent + 1, "kind": kind, "contract": name, **message}
    envelope = {"v": 1, "from": me, "to": them, "acknowledged": handled, "messages": [message]}
    request("POST", "/v1/exchange/messages", body=json.dumps(envelope).encode())
    while True:
        for heard in request("GET", "/v1/exchange/outbox", f"after={handled}")["messages"]:
            handled = heard["n"]
            if heard["kind"] in (wait_for, "terminate", "refused", "failed"): return heard
        time.sleep(0.2)

document = say("propose", "agree", offers=[{"name": "authorise"}])["document"]
say("verify", "finalize", key=0, signature=b64(key.sign(document.encode())))
print(json.dumps(say("call", "answer", call="1", capability="authorise", input=json.loads(sys.argv[4]))))
