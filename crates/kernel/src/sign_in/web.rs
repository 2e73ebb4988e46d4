//! The way to identity providers: a seam. The real one asks over TLS; tests have one of their own.

/// A request to an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebRequest {
    /// The address.
    pub url: String,
    /// The fields of a form to post; without them it is a `GET`.
    pub form: Option<Vec<(&'static str, String)>>,
    /// The header `Authorization`.
    pub authorization: Option<String>,
    /// The certificate (PEM) that the server must show; one that an authority of the system vouches for where absent.
    pub certificate: Option<String>,
    /// The largest answer in bytes.
    pub answer_bytes_max: usize,
}

/// What an identity provider answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebResponse {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Asks identity providers. Waits for the network, with a limit: never called on the partition's thread.
pub trait Web: Send + Sync {
    /// Sends a request; follows no redirection.
    ///
    /// # Errors
    /// What the connection says.
    fn send(&self, request: &WebRequest) -> Result<WebResponse, String>;
}
