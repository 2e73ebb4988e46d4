//! Spans as OTLP says them in JSON (OpenTelemetry protocol 1.x, `ExportTraceServiceRequest`): ids as hexadecimal text, enumerations as
//! numbers, numbers of 64 bits as text.

use kernel::{Span, SpanKind};
use serde_json::{Map, Value, json};

/// Who exports.
#[derive(Debug, Clone)]
pub(crate) struct Exporter {
    pub name: String,
    pub unit: String,
    pub version: &'static str,
}

/// Returns a request with spans.
pub(crate) fn request(exporter: &Exporter, spans: &[Span]) -> Value {
    let resource = [
        ("service.name", exporter.name.as_str()),
        ("service.instance.id", exporter.unit.as_str()),
        ("service.version", exporter.version),
    ];
    json!({"resourceSpans": [{
        "resource": {"attributes": resource.map(|(name, value)| attribute(name, value))},
        "scopeSpans": [{
            "scope": {"name": "craton", "version": exporter.version},
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }]})
}

fn span(span: &Span) -> Value {
    let mut object = Map::new();
    object.insert("traceId".into(), span.trace.to_string().into());
    object.insert("spanId".into(), span.id.to_string().into());
    if let Some(parent) = span.parent {
        object.insert("parentSpanId".into(), parent.to_string().into());
    }
    object.insert("name".into(), span.name.as_str().into());
    object.insert("kind".into(), kind(span.kind).into());
    object.insert("startTimeUnixNano".into(), span.start.to_string().into());
    object.insert("endTimeUnixNano".into(), span.end.to_string().into());
    let attributes = span.attributes.iter().map(|(name, value)| attribute(name, value));
    object.insert("attributes".into(), attributes.collect());
    let links = span
        .links
        .iter()
        .map(|(trace, span)| json!({"traceId": trace.to_string(), "spanId": span.to_string()}));
    object.insert("links".into(), links.collect());
    // 2: an error; its message is the code, never what somebody sent.
    let status =
        span.code.as_ref().map_or_else(|| json!({}), |code| json!({"code": 2, "message": code}));
    object.insert("status".into(), status);
    Value::Object(object)
}

fn attribute(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

fn kind(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Trace;

    #[test]
    fn a_span_is_written_as_the_protocol_says() {
        let trace = Trace::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "")
            .expect("a trace");
        let own = Span::new(&trace, None, "stream.append", SpanKind::Server)
            .between(1_700_000_000_000_000_001, 1_700_000_000_000_000_002)
            .with("craton.resource", "stream/orders")
            .ended(Some("kernel.busy"));
        let exporter = Exporter { name: "shop".into(), unit: "u".into(), version: "1" };
        let request = request(&exporter, &[own]);
        let span = &request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(
            *span,
            json!({
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "stream.append", "kind": 2,
                "startTimeUnixNano": "1700000000000000001", "endTimeUnixNano": "1700000000000000002",
                "attributes": [{"key": "craton.resource", "value": {"stringValue": "stream/orders"}}],
                "links": [], "status": {"code": 2, "message": "kernel.busy"},
            })
        );
    }
}
