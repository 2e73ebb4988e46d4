"""Checks what a unit shows of itself, with the parsers that others use.

usage: check.py self-test | metrics FILE | collect PORT FILE | spans FILE TRACE | bundle FILE TOKEN | log FILE
"""

import base64
import hashlib
import http.server
import io
import json
import re
import sys
import tarfile

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from prometheus_client.parser import text_string_to_metric_families

IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def metrics(text):
    """Reads the text and checks what Prometheus relies on; returns samples by name."""
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "a family stands in two places"
    samples = {}
    for family in families:
        assert family.type in ("counter", "gauge", "histogram"), (family.name, family.type)
        assert family.documentation, f"{family.name} has no help"
        seen = set()
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in seen, f"{key} stands there twice"
            seen.add(key)
            samples.setdefault(sample.name, []).append(sample)
        if family.type == "histogram":
            histogram(family)
    return samples


def histogram(family):
    """Buckets are cumulated, and the last one is the count."""
    series = {}
    for sample in family.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        held = series.setdefault(tuple(sorted(labels.items())), {"buckets": []})
        if sample.name.endswith("_bucket"):
            held["buckets"].append((float(sample.labels["le"]), sample.value))
        else:
            held[sample.name.rsplit("_", 1)[1]] = sample.value
    for labels, held in series.items():
        bounds = [bound for bound, _ in held["buckets"]]
        counts = [count for _, count in held["buckets"]]
        assert bounds == sorted(bounds) and bounds[-1] == float("inf"), (family.name, labels)
        assert counts == sorted(counts) and counts[-1] == held["count"], (family.name, labels)
        assert held["sum"] >= 0, (family.name, labels)


def check_metrics(path):
    with open(path, encoding="utf-8") as file:
        samples = metrics(file.read())

    def value(name, **labels):
        found = [
            sample.value
            for sample in samples.get(name, [])
            if all(sample.labels.get(label) == wanted for label, wanted in labels.items())
        ]
        assert found, f"there is no {name} {labels}"
        return sum(found)

    assert value("craton_commits_total") >= 1
    assert value("craton_commit_seconds_count") == value("craton_commits_total")
    assert value("craton_call_seconds_count", operation="stream.append", outcome="ok") == 1
    assert value("craton_call_seconds_count", operation="stream.read", outcome="not_found") == 1
    assert value("craton_stream_appended_rows_total", stream="orders") == 1
    assert value("craton_stream_tail_rows", stream="orders") <= 1
    assert value("craton_process_instances_completed_total", process="greet") == 1
    assert value("craton_process_instances_active", process="greet") == 0
    assert value("craton_incidents_open") == 0
    assert value("craton_sql_queries_total") >= 1
    assert value("craton_door_received_bytes_total", door="http") > 500
    assert value("craton_door_sent_bytes_total", door="http") > 500
    assert value("craton_queue_calls") >= 0
    assert value("process_resident_memory_bytes") > 1 << 20
    assert 0 < value("craton_memory_own_bytes") <= value("process_resident_memory_bytes")
    assert value("process_open_fds") > 3
    assert value("craton_build_info") == 1
    assert value("craton_ready") == 1
    assert value("craton_policy_decisions_total", **{"from": "memory"}) >= 1


def request_of(body):
    """Reads a request as the protocol says; raises where it is none."""
    document = json.loads(body)
    # The protocol writes ids as hexadecimal text; protobuf's own JSON has base64 there.
    for span in spans_in(document):
        for name, length in IDS.items():
            if name in span:
                span[name] = encoded(span[name], length)
        for link in span.get("links", []):
            for name in ("traceId", "spanId"):
                link[name] = encoded(link[name], IDS[name])
    request = trace_service_pb2.ExportTraceServiceRequest()
    json_format.ParseDict(document, request)
    for resource in request.resource_spans:
        named = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
        assert named.get("service.name") and named.get("service.instance.id"), named
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert span.name and span.start_time_unix_nano <= span.end_time_unix_nano, span
                assert 1 <= span.kind <= 5, span
    return request


def encoded(text, length):
    assert re.fullmatch("[0-9a-f]{%d}" % (2 * length), text) and int(text, 16), text
    return base64.b64encode(bytes.fromhex(text)).decode()


def spans_in(document):
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            yield from scope["spans"]


def collect(port, path):
    """Takes spans until it is killed; ends at the first request that is wrong."""

    class Collector(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                assert self.path == "/v1/traces", self.path
                assert self.headers["content-type"] == "application/json"
                request_of(body)
            except Exception as error:
                print(f"refused: {error!r}: {body[:2000]!r}", flush=True)
                self.server.is_broken = True
                self.answer(400)
                return
            with open(path, "a", encoding="utf-8") as file:
                for span in spans_in(json.loads(body)):
                    file.write(json.dumps(span) + "\n")
            self.answer(200)

        def answer(self, status):
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", port), Collector)
    server.is_broken = False
    while not server.is_broken:
        server.handle_request()
    sys.exit(1)


def check_spans(path, trace):
    with open(path, encoding="utf-8") as file:
        spans = [json.loads(line) for line in file]
    own = [span for span in spans if span["traceId"] == trace]
    names = {span["name"] for span in own}
    for name in ("POST /v1/streams/{name}/append", "stream.append", "commit", "process greet", "element said"):
        assert name in names, f"`{name}` is not among {sorted(names)}"
    ids = {span["spanId"] for span in own} | {"00f067aa0ba902b7"}
    orphans = [span["name"] for span in own if span.get("parentSpanId") not in ids]
    assert not orphans, f"nobody knows the parents of {orphans}"
    text = json.dumps(spans)
    assert "o-1" not in text and "SELECT" not in text, "a span tells what somebody sent"


def check_bundle(path, token):
    with open(path, "rb") as file:
        packed = file.read()
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        members = archive.getmembers()
        texts = {member.name: archive.extractfile(member).read() for member in members}
    assert members[0].name == "support/manifest.json", members[0].name
    manifest = json.loads(texts["support/manifest.json"])
    listed = {f"support/{file['name']}": file for file in manifest["files"]}
    assert set(listed) == set(texts) - {"support/manifest.json"}, sorted(texts)
    for name, file in listed.items():
        assert hashlib.sha256(texts[name]).hexdigest() == file["sha256"], name
    for name, text in texts.items():
        assert token.encode() not in text, f"{name} holds the token"
        assert b"o-1" not in text, f"{name} holds a row"
        assert b"PRIVATE KEY" not in text, f"{name} holds a key"
    metrics(texts["support/metrics.txt"].decode())
    assert json.loads(texts["support/configuration.json"])["log_format"] == "json"
    kinds = {json.loads(line)["kind"] for line in texts["support/resources.ndjson"].splitlines()}
    assert {"stream", "process", "service_level", "user", "role"} <= kinds, kinds
    assert b"system.process_instances,1,false" in texts["support/relations.csv"]


def check_log(path):
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    assert any("is up" in line["message"] for line in lines), lines
    for line in lines:
        assert {"time", "level", "part", "message"} <= set(line), line


def self_test():
    """What is wrong must be found: a check that finds nothing is none."""
    good = (
        '# HELP a_seconds A.\n# TYPE a_seconds histogram\na_seconds_bucket{le="1"} 1\n'
        'a_seconds_bucket{le="+Inf"} 2\na_seconds_sum 3\na_seconds_count 2\n'
    )
    metrics(good)
    broken = [
        good.replace("a_seconds_count 2", "a_seconds_count 3"),
        good.replace('{le="1"} 1', '{le="1"} 3'),
        good + '# HELP b B.\n# TYPE b gauge\nb{x="1"} 1\nb{x="1"} 2\n',
    ]
    for text in broken:
        expect_refusal(metrics, text)
    span = {
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "x", "kind": 2,
        "startTimeUnixNano": "1", "endTimeUnixNano": "2",
        "attributes": [{"key": "k", "value": {"stringValue": "v"}}], "links": [], "status": {"code": 2, "message": "m"},
    }
    attributes = [
        {"key": name, "value": {"stringValue": "x"}} for name in ("service.name", "service.instance.id")
    ]

    def request(**change):
        scope = {"scope": {"name": "craton"}, "spans": [{**span, **change}]}
        return json.dumps({"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [scope]}]})

    request_of(request())
    for change in (
        {"traceId": "0" * 32},
        {"spanId": "xyz"},
        {"endTimeUnixNano": "0"},
        {"unknown": 1},
        {"kind": 9},
    ):
        expect_refusal(request_of, request(**change))


def expect_refusal(check, text):
    try:
        check(text)
    except (AssertionError, ValueError, json_format.ParseError):
        return
    raise AssertionError(f"this was taken: {text}")


def main():
    command, *rest = sys.argv[1:]
    if command == "collect":
        collect(int(rest[0]), rest[1])
    commands = {
        "self-test": self_test, "metrics": check_metrics, "spans": check_spans,
        "bundle": check_bundle, "log": check_log,
    }
    commands[command](*rest)


if __name__ == "__main__":
    main()
