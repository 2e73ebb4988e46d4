//! A web server with a few pages, as tests need them: also such that break off.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// Serves pages by their path until the test ends.
pub fn serve(page: impl Fn(&str) -> Vec<u8> + Send + 'static) -> SocketAddr {
    listen(move |stream| answer(stream, &page))
}

/// Serves pages over TLS; returns the certificate, too, as PEM.
pub fn serve_tls(page: impl Fn(&str) -> Vec<u8> + Send + 'static) -> (SocketAddr, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a configuration");
    let config = Arc::new(config);
    let address = listen(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
        let mut stream = StreamOwned::new(connection, stream);
        answer(&mut stream, &page);
        stream.conn.send_close_notify();
        // Who does not believe the certificate has gone.
        let _ = stream.flush();
    });
    (address, cert.pem())
}

fn listen(handle: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            handle(stream.expect("a connection"));
        }
    });
    address
}

fn answer(mut stream: impl Read + Write, page: &dyn Fn(&str) -> Vec<u8>) {
    let mut first = String::new();
    let mut head = BufReader::new(&mut stream);
    // A client that does not believe the certificate sends nothing.
    if head.read_line(&mut first).is_err() {
        return;
    }
    let mut line = first.clone();
    while !line.trim().is_empty() {
        line.clear();
        if head.read_line(&mut line).is_err() {
            return;
        }
    }
    let path = first.split_whitespace().nth(1).unwrap_or_default().to_owned();
    // A client that has seen enough closes the connection.
    let _ = stream.write_all(&page(&path)).and_then(|()| stream.flush());
}

/// A page.
pub fn page(media: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {media}; charset=utf-8\r\n");
    whole(&head, body)
}

/// A page in a coding that nobody asked for.
pub fn coded(body: &[u8]) -> Vec<u8> {
    whole("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n", body)
}

/// The page is elsewhere.
pub fn moved(path: &str) -> Vec<u8> {
    whole(&format!("HTTP/1.1 302 Found\r\nlocation: {path}\r\n"), b"")
}

/// There is no such page.
pub fn missing() -> Vec<u8> {
    whole("HTTP/1.1 404 Not Found\r\n", b"no")
}

/// A page that breaks off: it says that it has so many bytes, and has fewer.
pub fn cut(body: &[u8], length: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn whole(head: &str, body: &[u8]) -> Vec<u8> {
    let rest = format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), rest.as_bytes(), body].concat()
}
