//! What no client says: the connection ends, the unit does not.

use crate::support::{message, sized, startup, text, unit, words};
use api::Config;

/// Numbers that look random and are the same each time (Steele, Lea and Flood, "Fast splittable pseudorandom number generators").
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

#[test]
fn a_first_message_that_is_none_ends_the_connection() {
    let unit = unit(Config::default());
    let huge = [&u32::MAX.to_be_bytes()[..], &[0; 64]].concat();
    let newer = sized(&(4_u32 << 16).to_be_bytes());
    let endless = sized(&[&(3_u32 << 16).to_be_bytes()[..], b"user\0olga"].concat());
    let http = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec();
    for (bytes, state) in [
        (vec![0; 4], "08P01"),
        (7_u32.to_be_bytes().to_vec(), "08P01"),
        (huge, "08P01"),
        (http, "08P01"),
        (endless, "08P01"),
        (newer, "0A000"),
    ] {
        let mut client = unit.stranger();
        client.send(&bytes);
        let told = client.read_to('E');
        assert_eq!(words(&told), format!("E:{state}"), "{bytes:?}");
        assert_eq!(told[0].field(b'S').as_deref(), Some("FATAL"));
        assert_eq!(client.read(), None);
    }
    // What ends in the middle, and nothing at all.
    for bytes in [&startup(&[("user", "olga")])[..10], &[]] {
        let mut client = unit.stranger();
        client.send(bytes);
        client.hang_up();
        assert_eq!(client.read(), None);
    }
    unit.expect_alive();
}

#[test]
fn tls_and_gssapi_are_refused_where_there_is_none() {
    let unit = unit(Config::default());
    let mut client = unit.stranger();
    for code in [80_877_104_u32, 80_877_103] {
        client.send(&sized(&code.to_be_bytes()));
    }
    let told = client.sign_in_after(b"NN", "olga", &unit.token);
    assert_eq!(told.last().map(|message| message.kind), Some('Z'));
}

#[test]
fn a_sign_in_that_is_none_ends_the_connection() {
    let unit = unit(Config::default());
    let hello = |mechanism: &str, first: &str| {
        let length = u32::try_from(first.len()).unwrap().to_be_bytes();
        message(b'p', &[text(mechanism), length.to_vec(), first.as_bytes().to_vec()].concat())
    };
    for bytes in [
        message(b'Q', &text("SELECT 1")),
        message(b'p', b"secret\0"),
        message(b'p', &[]),
        hello("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=,r=abc"),
        hello("SCRAM-SHA-256", "p=tls-server-end-point,,n=,r=abc"),
        hello("SCRAM-SHA-256", "n,,n="),
        hello("SCRAM-SHA-256", ""),
        [&b"p"[..], &u32::MAX.to_be_bytes()].concat(),
        [&b"p"[..], &0_u32.to_be_bytes()].concat(),
    ] {
        let mut client = unit.stranger();
        client.send(&startup(&[("user", "olga")]));
        assert_eq!(client.read().unwrap().kind, 'R');
        client.send(&bytes);
        assert_eq!(words(&client.read_to('E')), "E:08P01", "{bytes:?}");
        assert_eq!(client.read(), None);
    }
    unit.expect_alive();
}

#[test]
fn a_message_that_is_none_ends_the_session() {
    let unit = unit(Config::default());
    let many = [&text("")[..], &text(""), &u16::MAX.to_be_bytes(), &[0; 8]].concat();
    for bytes in [
        // Of no kind, too short, too long, without an end, with something behind it.
        message(b'?', &[]),
        message(0, &[1, 2, 3]),
        [&b"Q"[..], &3_u32.to_be_bytes()].concat(),
        [&b"Q"[..], &u32::MAX.to_be_bytes()].concat(),
        [&b"Q"[..], &(1_u32 << 30).to_be_bytes()].concat(),
        message(b'Q', b"SELECT 1"),
        message(b'Q', b"SELECT 1\0more"),
        message(b'Q', b"\xff\xfe\0"),
        // Lists that say they are longer than the message, a length below zero.
        message(b'P', &many),
        message(b'B', &many),
        message(b'B', &[&[0, 0, 0, 0, 0, 1][..], &[0xff, 0xff, 0xff, 0xfe], &[0, 0]].concat()),
        message(b'D', b"X\0"),
        message(b'E', b"\0"),
        message(b'p', b"again"),
    ] {
        let mut client = unit.client();
        client.send(&bytes);
        assert_eq!(words(&client.read_to('E')), "E:08P01", "{bytes:?}");
        assert_eq!(client.read(), None);
    }
    // A message that never ends.
    let mut client = unit.client();
    client.send(&message(b'Q', &text("SELECT 1"))[..8]);
    client.hang_up();
    assert_eq!(client.read(), None);
    unit.expect_alive();
}

#[test]
fn garbage_never_ends_the_unit() {
    let unit = unit(Config::default());
    let mut numbers = Numbers(7);
    for _ in 0..200 {
        let mut client = unit.stranger();
        let mut bytes: Vec<u8> = (0..numbers.below(200)).map(|_| numbers.byte()).collect();
        if numbers.below(2) == 0 {
            bytes = sized(&[&(3_u32 << 16).to_be_bytes()[..], &bytes].concat());
        }
        client.send(&bytes);
        client.hang_up();
        while client.read().is_some() {}
    }
    // Messages of every kind with bodies that mean nothing, from somebody who has signed in.
    for kind in b"QPBDECHSdcfFpX" {
        for _ in 0..3 {
            let mut client = unit.client();
            let body: Vec<u8> = (0..numbers.below(64)).map(|_| numbers.byte() % 4).collect();
            client.send(&[message(*kind, &body), message(b'S', &[]), message(b'X', &[])].concat());
            while client.read().is_some() {}
        }
    }
    unit.expect_alive();
}
