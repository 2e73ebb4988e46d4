//! What a file is, by its first bytes: what a client says of it counts for nothing, for a browser may be shown it.

/// The media types that are taken.
pub(crate) const TAKEN: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "application/pdf"];

/// Returns the media type of a file; none where it is none of those that are taken.
pub(crate) fn of(bytes: &[u8]) -> Option<&'static str> {
    let [jpeg, png, webp, pdf] = TAKEN;
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP".as_slice());
    match bytes {
        _ if bytes.starts_with(&[0xff, 0xd8, 0xff]) => Some(jpeg),
        _ if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => Some(png),
        _ if is_webp => Some(webp),
        _ if bytes.starts_with(b"%PDF-") => Some(pdf),
        _ => None,
    }
}

/// Returns a media type that is stored as the one that is known.
pub(crate) fn known(media: &str) -> Option<&'static str> {
    TAKEN.into_iter().find(|taken| *taken == media)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        assert_eq!(of(b"\xff\xd8\xff\xe0\0\x10JFIF"), Some("image/jpeg"));
        assert_eq!(of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some("image/png"));
        assert_eq!(of(b"RIFF\x24\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(of(b"%PDF-1.7\n"), Some("application/pdf"));
    }

    #[test]
    fn what_is_none_of_them_is_nothing() {
        for other in [
            b"".as_slice(),
            b"\xff\xd8",
            b"RIFF\x24\0\0\0WAVEfmt ",
            b"RIFF",
            b"GIF89a",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\">",
            b"<html><script>",
            b" %PDF-1.7",
        ] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }
}
