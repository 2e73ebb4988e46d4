//! The way to identity providers: a seam. The real one asks over TLS; tests have one of their own.

use base::percent_encode;

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

impl WebRequest {
    /// Returns the form as it is sent (`application/x-www-form-urlencoded`), where there is one.
    pub fn form_text(&self) -> Option<String> {
        let fields = self.form.as_ref()?.iter();
        let fields: Vec<String> =
            fields.map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
        Some(fields.join("&"))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_as_browsers_do() {
        let text = |fields: &[(&'static str, &str)]| {
            let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
            let request = WebRequest {
                url: "https://id.example/token".into(),
                form: Some(fields.collect()),
                authorization: None,
                certificate: None,
                answer_bytes_max: 1,
            };
            request.form_text()
        };
        let both = text(&[("code", "a b&c"), ("x", "é")]);
        assert_eq!(both.as_deref(), Some("code=a%20b%26c&x=%C3%A9"));
        assert_eq!(text(&[]).as_deref(), Some(""));
    }
}
