//! Measures what live viewers cost: the processor time of a unit that commits several hundred times a second, without viewers and with
//! some, each of whom hears of every change. The viewers' own side is another process. Without a disk: `MemoryStore`.
//!
//! `cargo run --release -p api --example viewers [VIEWERS] [COMMITS A SECOND] [SECONDS]`

#[path = "../tests/http/support.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod support;

use api::Config;
use base::{Clock, SystemClock};
use kernel::{Call, Principal, ResourceRef};
use serde_json::json;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What each of them watches: a kind that changes with every commit, and some that seldom do.
const WATCHED: &str = "watch=note&watch=note/a&watch=user&watch=role&watch=session&watch=audit";

fn main() -> io::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [word, address, token, count] = given.as_slice()
        && word == "watch"
    {
        return view(address, token, count.parse().unwrap_or(0));
    }
    let number = |at: usize, default: u64| {
        given.get(at).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (viewers, rate, seconds) = (number(0, 100), number(1, 300), number(2, 10));
    let config = Config { principal_percent: 100, ..Config::default() };
    let unit = support::unit(config);
    let (idle, alone) = (0.0, measure(&unit, rate, seconds)?);
    let quiet = with_viewers(&unit, viewers, || measure(&unit, 0, seconds))?;
    let busy = with_viewers(&unit, viewers, || measure(&unit, rate, seconds))?;
    println!("{rate} commits a second, no viewers: {alone:.1} % of a core");
    println!("{viewers} viewers, nothing happens: {:.1} % of a core more", quiet - idle);
    println!("{viewers} viewers, {rate} commits a second: {:.1} % of a core more", busy - alone);
    Ok(())
}

/// Does something while viewers watch.
fn with_viewers<T>(
    unit: &support::Unit,
    count: u64,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["watch", &unit.address.to_string(), &unit.right, &count.to_string()])
        .stdout(Stdio::piped())
        .stdin(Stdio::piped())
        .spawn()?;
    let outcome = ready(&mut child).and_then(|()| work());
    child.kill()?;
    child.wait()?;
    outcome
}

/// Waits until all viewers have been greeted.
fn ready(child: &mut Child) -> io::Result<()> {
    match &mut child.stdout {
        Some(stdout) => stdout.read_exact(&mut [0]),
        None => Ok(()),
    }
}

/// Commits so often; returns hundredths of a core that the process took.
fn measure(unit: &support::Unit, rate: u64, seconds: u64) -> io::Result<f64> {
    let clock = SystemClock::new();
    let (begin, before) = (clock.monotonic(), used()?);
    let end = begin + Duration::from_secs(seconds);
    let mut count = 0_u32;
    while clock.monotonic() < end {
        if rate == 0 {
            std::thread::sleep(Duration::from_millis(100));
            continue;
        }
        let call =
            Call::new("note.put", ResourceRef::new("note", "a"), Principal::User("olga".into()));
        unit.handle
            .call(call.with(json!({"text": "t"})))
            .map_err(|problem| io::Error::other(problem.message))?;
        count += 1;
        let due = begin + Duration::from_secs(1) * count / u32::try_from(rate).unwrap_or(1);
        std::thread::sleep(due.saturating_sub(clock.monotonic()));
    }
    Ok((used()? - before) / seconds as f64 * 100.0)
}

/// Returns the seconds of processor time that the process has taken.
fn used() -> io::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks =
        rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / 100.0)
}

/// The other side: opens so many streams and reads them.
fn view(address: &str, token: &str, count: usize) -> io::Result<()> {
    let open = |_| -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "GET /v1/live?{WATCHED} HTTP/1.1\r\nhost: unit\r\nauthorization: Bearer {token}\r\n\r\n"
        )?;
        let mut seen = Vec::new();
        while !seen.windows(5).any(|window| window == b"hello") {
            let mut piece = [0; 4_096];
            let length = stream.read(&mut piece)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            seen.extend_from_slice(piece.get(..length).unwrap_or_default());
        }
        Ok(stream)
    };
    let streams = (0..count).map(open).collect::<io::Result<Vec<_>>>()?;
    io::stdout().write_all(b".")?;
    io::stdout().flush()?;
    std::thread::scope(|scope| {
        for mut stream in streams {
            scope.spawn(move || io::copy(&mut stream, &mut io::sink()));
        }
    });
    Ok(())
}
