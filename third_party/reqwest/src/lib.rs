//! Stands in for the HTTP client that the decision evaluator would use to call Java functions on a local port.
//!
//! Craton lets no decision reach the network, so the client is one that always refuses. The evaluator turns the
//! refusal into a null value with this text. It also keeps a second TLS stack and some sixty crates out of the build.

/// The only error there is.
#[derive(Debug)]
pub struct Error;

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("external functions are not supported")
    }
}

impl std::error::Error for Error {}

/// The blocking client, which sends nothing.
pub mod blocking {
    use super::Error;

    /// A client without a network.
    #[derive(Debug, Default)]
    pub struct Client;

    impl Client {
        /// Returns a client.
        pub fn new() -> Self {
            Self
        }

        /// Returns a request that will be refused.
        pub fn post(&self, _url: &str) -> Request {
            Request
        }
    }

    /// A request that will be refused.
    #[derive(Debug)]
    pub struct Request;

    impl Request {
        /// Takes a body and drops it.
        pub fn json<T: ?Sized>(self, _body: &T) -> Self {
            self
        }

        /// Refuses.
        pub fn send(self) -> Result<Response, Error> {
            Err(Error)
        }
    }

    /// Never made.
    #[derive(Debug)]
    pub struct Response;

    impl Response {
        /// Refuses.
        pub fn json<T: serde::de::DeserializeOwned>(self) -> Result<T, Error> {
            Err(Error)
        }
    }
}
