//! A way to a server that can be cut at any byte, stood still, or closed.

#![allow(clippy::unwrap_used, reason = "a test ends where its network does")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the server.
    There,
    /// To the client.
    Back,
}

#[derive(Default)]
struct State {
    connections: Vec<TcpStream>,
    /// All connections are cut after so many more bytes on this way.
    cut: Option<(Way, usize)>,
    cuts: u32,
    /// Connections that are refused before one is taken.
    refusals: u32,
    is_still: bool,
}

/// A way to a server.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    moved: Condvar,
}

impl Proxy {
    /// Returns a way to a port of this machine.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let shared = Arc::<Shared>::default();
        let server = SocketAddr::from(([127, 0, 0, 1], port));
        let all = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                all.connect(client.unwrap(), server);
            }
        });
        Self { port: own, shared }
    }

    /// Cuts all connections after so many more bytes, and refuses some that come after.
    pub fn cut_after(&self, way: Way, bytes: usize, refusals: u32) {
        let mut state = self.shared.state();
        (state.cut, state.refusals) = (Some((way, bytes)), refusals);
    }

    /// Goes on as if nothing had been said; what is cut stays cut.
    pub fn restore(&self) {
        let mut state = self.shared.state();
        (state.cut, state.refusals, state.is_still) = (None, 0, false);
        drop(state);
        self.shared.moved.notify_all();
    }

    /// Holds every byte back until [`Proxy::restore`].
    pub fn stand_still(&self) {
        self.shared.state().is_still = true;
    }

    /// Returns how often connections were cut.
    pub fn cuts(&self) -> u32 {
        self.shared.state().cuts
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(self: &Arc<Self>, client: TcpStream, server: SocketAddr) {
        let mut state = self.state();
        // Nobody gets through between a cut and the refusals that follow it.
        if state.cut.is_none() && 0 < state.refusals {
            state.refusals -= 1;
            return;
        }
        let server = TcpStream::connect(server).unwrap();
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            state.connections.push(stream.try_clone().unwrap());
        }
        drop(state);
        let (from_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        for (way, from, to) in [(Way::There, from_client, server), (Way::Back, from_server, client)]
        {
            let shared = Arc::clone(self);
            std::thread::spawn(move || shared.pass(way, from, to));
        }
    }

    /// Passes bytes on until one side ends.
    fn pass(&self, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let state = self.state();
            let mut state = self
                .moved
                .wait_while(state, |state| state.is_still)
                .unwrap_or_else(PoisonError::into_inner);
            let passed = match &mut state.cut {
                Some((cut, left)) if *cut == way => {
                    let passed = count.min(*left);
                    *left -= passed;
                    passed
                }
                _ => count,
            };
            let is_cut = passed < count;
            // Under the lock: what was sent before a cut has arrived, what comes after it has not.
            let is_gone = to.write_all(&buffer[..passed]).is_err();
            if is_cut {
                state.cut = None;
                state.cuts += 1;
                for stream in state.connections.drain(..) {
                    let _ = stream.shutdown(Shutdown::Both);
                }
            }
            if is_cut || is_gone {
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}
