//! `craton lineage` on the starter application: trees, graphs, and names that are none.

mod binary;

use binary::{Up, craton, folder, init, said, wait_for};
use serde_json::Value;

#[test]
fn the_starter_application_says_what_stands_on_what() {
    let folder = folder("lineage", "starter");
    init(&folder, "shop", &[]);
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    wait_for(&folder, &["--unit", "shop", "get", "process", "answer-request"], |text| {
        text.contains("answer-request")
    });
    let ask = |arguments: &[&str]| said(&folder, &[&["--unit", "shop"], arguments].concat());
    let down = "\
stream requests

stands on
└─ written by screen new-request

feeds
├─ derives relation requests_set_aside
├─ derives table requests
├─ derives table requests_latest
│  ├─ read by query answered
│  │  └─ read by screen waiting-requests
│  └─ read by view waiting
│     └─ read by query waiting
│        └─ read by screen waiting-requests
└─ read by process answer-request
   └─ writes stream answers
      ├─ derives relation answers_set_aside
      ├─ derives table answers
      └─ derives table answers_latest
         ├─ read by query answered (see above)
         └─ read by view waiting (see above)
";
    assert_eq!(ask(&["lineage", "requests"]), down);
    let up_with_columns = "\
view waiting

stands on
|- reads table answers_latest
|  `- derived from stream answers
|     `- written by process answer-request
|        `- reads stream requests
|           `- written by screen new-request
`- reads table requests_latest [customer <- customer; id <- id; subject <- subject]
   `- derived from stream requests (see above)
";
    let shown = ask(&["lineage", "desk.waiting", "--up", "--columns", "--ascii"]);
    assert_eq!(shown, up_with_columns);

    let json = ask(&["lineage", "stream/requests", "--down", "-o", "json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let count = |what: &str| json[what].as_array().map(Vec::len);
    assert_eq!((count("roots"), count("nodes"), count("edges")), (Some(1), Some(13), Some(15)));
    let reads = json["edges"].as_array().expect("edges").iter();
    let reads: Vec<&Value> = reads.filter(|edge| edge["to"]["name"] == "answer-request").collect();
    assert_eq!(reads.len(), 1);
    assert_eq!(reads[0]["detail"]["messages"][0], "request_received");
    assert_eq!(reads[0]["declared_by"], "process/answer-request");
    let dot = ask(&["lineage", "requests", "-o", "dot"]);
    assert!(dot.starts_with("digraph lineage {\n"), "{dot}");
    assert!(
        dot.contains("\"stream/requests\" -> \"process/answer-request\" [label=\"reads\"];\n"),
        "{dot}"
    );
    let csv = ask(&["lineage", "answer-request", "--down", "-o", "csv"]);
    assert!(csv.starts_with("FROM KIND,FROM,HOW,TO KIND,TO,DETAIL,DECLARED BY,VERSION\n"), "{csv}");

    let output = craton(&folder, &["--unit", "shop", "lineage", "reqests"]).output();
    let output = output.expect("starts");
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: nothing in the lineage is called `reqests` [cli.not_found]\n\
         hint: did you mean `stream/requests`?\n"
    );
    up.stop();
}
