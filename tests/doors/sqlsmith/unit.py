"""Fills the unit of the test with rows of which some are hidden, and looks at it afterwards.

usage: unit.py fill URL TOKEN    prints the token of the user `smith`
       unit.py check URL TOKEN   fails where the unit does not answer as before
"""

import json
import sys
import urllib.request

MARK = "XMARKX"
SHOWN, HIDDEN = 20, 4_099

POLICIES = """
permit(principal in Role::"smith", action in Action::"Read", resource)
when { resource in [Kind::"sql", Kind::"stream", Kind::"table", Kind::"view", Kind::"relation"] };
"""


def call(url, token, method, path, body=None, media="application/json"):
    """Makes one call and returns its answer."""
    data = body.encode() if isinstance(body, str) else body and json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/v1/{path}", data=data, method=method)
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", media)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def manifest(kind, name, spec):
    return {"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def manifests():
    columns = [
        ("id", "text"), ("region", "text"), ("seller", "text"), ("phone", "text"),
        ("amount", "decimal(14,2)"), ("n", "int"), ("weight", "float"), ("at", "time"), ("notes", "json"),
    ]
    schema = [{"name": name, "type": kind} for name, kind in columns]
    data = [{
        "relation": "sales",
        "rows": "region = 'north'",
        "mask": {"phone": "last(4)", "notes": None},
    }]
    return [
        manifest("Stream", "sales", {"schema": schema, "key": ["id"], "time": "at"}),
        manifest("View", "northern", {"sql": "SELECT id, seller, n FROM sales WHERE region = 'north'"}),
        manifest("Role", "smith", {"policies": POLICIES, "data": data}),
        manifest("User", "smith", {"roles": ["smith"]}),
    ]


def rows():
    for number in range(SHOWN):
        yield {
            "id": f"v{number}", "region": "north", "seller": f"nora{number % 3}", "phone": f"{MARK}{MARK}55{number:02}",
            "amount": number * 10, "n": number, "weight": number / 4, "at": "2020-01-01T00:00:00Z",
            "notes": {"secret": MARK},
        }
    for number in range(HIDDEN):
        yield {
            "id": f"{MARK}{number}", "region": "south", "seller": MARK, "phone": MARK, "amount": 987654321,
            "n": 987654321, "weight": 987654321.5, "at": "1999-01-01T00:00:00Z", "notes": {"secret": MARK},
        }


def fill(url, token):
    call(url, token, "POST", "resources/apply", {"manifests": manifests()})
    lines = "\n".join(json.dumps(row) for row in rows())
    answer = call(url, token, "POST", "streams/sales/append", lines, "application/x-ndjson")
    assert answer["count"] == SHOWN + HIDDEN, answer
    print(call(url, token, "POST", "tokens", {"user": "smith"})["token"])


def check(url, token):
    question = {"sql": f"SELECT count(*) AS n, count(*) FILTER (WHERE seller = '{MARK}') AS m FROM sales"}
    answer = call(url, token, "POST", "sql/query", question)
    assert answer == [{"n": SHOWN + HIDDEN, "m": HIDDEN}], answer
    queries = call(url, token, "GET", "sql")["items"]
    assert len(queries) == 0, f"queries that never ended: {queries}"


if __name__ == "__main__":
    {"fill": fill, "check": check}[sys.argv[1]](sys.argv[2], sys.argv[3])
