//! The messages of a sign-in with SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. The kernel checks the proof.

use super::Error;
use super::wire::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Challenge, Proof};

/// The one mechanism that is offered.
pub(crate) const MECHANISM: &str = "SCRAM-SHA-256";

/// The longest nonce of a client in bytes.
const NONCE_BYTES_MAX: usize = 1_024;

/// A sign-in that is under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The header that says whether the client binds to the channel.
    header: String,
    /// The first message of the client without that header.
    first: String,
    /// The answer to it.
    answer: String,
    nonce: String,
}

fn wrong(reason: &str) -> Error {
    Error::Protocol { reason: reason.into() }
}

/// Reads which mechanism a client has chosen, and its first message.
///
/// # Errors
/// `postgres.protocol`.
pub(crate) fn chosen(body: &[u8]) -> Result<String, Error> {
    let mut body = Body(body);
    if body.text()? != MECHANISM {
        return Err(wrong("the mechanism is not SCRAM-SHA-256"));
    }
    let length = i32::from_be_bytes(body.bytes()?);
    if usize::try_from(length).ok() != Some(body.0.len()) {
        return Err(wrong("the first message of the sign-in has another length"));
    }
    String::from_utf8(body.0.to_vec()).map_err(|_| wrong("the sign-in is not UTF-8"))
}

impl Exchange {
    /// Answers the first message of a client with a challenge; `random` makes it another one each time.
    ///
    /// # Errors
    /// `postgres.protocol`.
    pub(crate) fn begin(message: &str, challenge: &Challenge, random: &str) -> Result<Self, Error> {
        let mut parts = message.splitn(3, ',');
        let (binding, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let first =
            parts.next().ok_or_else(|| wrong("the first message of the sign-in is too short"))?;
        // `y`: the client could bind, and believes that the server cannot. It is right.
        if binding != "n" && binding != "y" {
            return Err(wrong("the sign-in wants channel binding, which was not offered"));
        }
        let nonce = first.split(',').find_map(|part| part.strip_prefix("r="));
        let nonce = nonce.filter(|nonce| {
            let is_visible = nonce.bytes().all(|byte| byte.is_ascii_graphic());
            !nonce.is_empty() && nonce.len() <= NONCE_BYTES_MAX && is_visible
        });
        let nonce = nonce.ok_or_else(|| wrong("the sign-in has no nonce"))?;
        let nonce = format!("{nonce}{random}");
        let salt = STANDARD.encode(challenge.salt);
        Ok(Self {
            header: format!("{binding},{name},"),
            first: first.to_owned(),
            answer: format!("r={nonce},s={salt},i={}", challenge.iterations),
            nonce,
        })
    }

    /// Returns the challenge as it is sent.
    pub(crate) fn answer(&self) -> &str {
        &self.answer
    }

    /// Reads the last message of a client.
    ///
    /// # Errors
    /// `postgres.protocol`.
    pub(crate) fn proof(&self, user: &str, message: &[u8]) -> Result<Proof, Error> {
        let text = std::str::from_utf8(message).map_err(|_| wrong("the sign-in is not UTF-8"))?;
        let (bare, proof) =
            text.rsplit_once(",p=").ok_or_else(|| wrong("the sign-in has no proof"))?;
        let mut parts = bare.split(',');
        let binding = parts.next().and_then(|part| part.strip_prefix("c="));
        if binding != Some(STANDARD.encode(&self.header).as_str()) {
            return Err(wrong("the sign-in speaks of another channel"));
        }
        if parts.next().and_then(|part| part.strip_prefix("r=")) != Some(self.nonce.as_str()) {
            return Err(wrong("the sign-in has another nonce"));
        }
        let proof = STANDARD.decode(proof).ok().and_then(|proof| <[u8; 32]>::try_from(proof).ok());
        let proof = proof.ok_or_else(|| wrong("the proof of the sign-in is none"))?;
        let messages = format!("{},{},{bare}", self.first, self.answer).into_bytes();
        Ok(Proof { user: user.to_owned(), messages, proof })
    }
}

/// Returns the last message of the server: it shows the client that the server knows the token too.
pub(crate) fn last(signature: &[u8; 32]) -> String {
    format!("v={}", STANDARD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge() -> Challenge {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
        Challenge { salt: salt.try_into().expect("16 bytes"), iterations: 4_096 }
    }

    /// The example of RFC 7677, section 3.
    #[test]
    fn an_exchange_goes_as_the_rfc_shows() {
        let random = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let exchange = Exchange::begin("n,,n=user,r=rOprNGfwEbeRWgbNEkqO", &challenge(), random);
        let exchange = exchange.expect("it begins");
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        assert_eq!(exchange.answer(), format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
        let last = format!("c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let proof = exchange.proof("user", last.as_bytes()).expect("it ends");
        assert_eq!(proof.proof[..3], [0x74, 0x7c, 0xdb]);
        let messages = String::from_utf8(proof.messages).expect("text");
        assert_eq!(
            messages,
            format!("n=user,r=rOprNGfwEbeRWgbNEkqO,{},c=biws,r={nonce}", exchange.answer())
        );
    }

    #[test]
    fn what_does_not_belong_to_the_exchange_is_refused() {
        let begin = |message: &str| Exchange::begin(message, &challenge(), "x");
        assert!(begin("p=tls-server-end-point,,n=,r=abc").is_err());
        assert!(begin("n,,n=user").is_err());
        assert!(begin("").is_err());
        let exchange = begin("n,,n=,r=abc").expect("it begins");
        let proof = STANDARD.encode([0; 32]);
        let ends = |message: &str| exchange.proof("user", message.as_bytes()).is_ok();
        assert!(ends(&format!("c=biws,r=abcx,p={proof}")));
        assert!(!ends(&format!("c=biws,r=abcy,p={proof}")));
        assert!(!ends(&format!("c=eSws,r=abcx,p={proof}")));
        assert!(!ends("c=biws,r=abcx,p=AAAA"));
        assert!(!ends("c=biws,r=abcx"));
    }
}
