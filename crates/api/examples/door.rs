//! Serves a unit with a made-up engine until it is killed, for tools such as schemathesis. Prints its address and two tokens:
//! of a user who may do everything, and of one who may do nothing.

#[path = "../tests/http/support.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod support;

fn main() {
    let unit = support::unit(api::Config::default());
    println!("http://{} {} {}", unit.address, unit.right, unit.wrong);
    loop {
        std::thread::park();
    }
}
