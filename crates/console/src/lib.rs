//! The console as files: what `./x web` has built, in the binary. A build without it has one page that says so.
//!
//! The crate knows files and what a browser may do with them; who serves them is `api`.

use std::fmt;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The page that stands in for the console where it was not built.
const MISSING: &[File] = &[File {
    path: INDEX,
    tag: "missing",
    plain: include_bytes!("missing.html"),
    brotli: None,
    gzip: None,
}];

/// The path of the page that every address of the console leads to.
pub const INDEX: &str = "/index.html";

/// The folder of files whose names change with their contents.
const HASHED: &str = "/assets/";

/// What a page of the console may do in a browser: only what comes from the unit itself runs, and nothing that stands in a page.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What of a device a page of the console may ask for: the camera, to scan and to take photos.
pub const PERMISSIONS_POLICY: &str = "camera=(self), geolocation=()";

/// A file of the console.
#[derive(Clone, Copy)]
pub struct File {
    /// Where it is served, `/assets/index-3f2a.js` for example.
    pub path: &'static str,
    /// Tells its contents apart from others.
    pub tag: &'static str,
    /// Its bytes.
    pub plain: &'static [u8],
    /// The same, compressed by Brotli, where that is worth it.
    pub brotli: Option<&'static [u8]>,
    /// The same, compressed by gzip, where that is worth it.
    pub gzip: Option<&'static [u8]>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path)
    }
}

impl File {
    /// Returns whether another content would have another name: then a browser never asks again.
    pub fn is_immutable(&self) -> bool {
        self.path.starts_with(HASHED)
    }

    /// Returns the media type.
    pub fn media(&self) -> &'static str {
        let ending = self.path.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending {
            "html" => "text/html; charset=utf-8",
            "js" | "mjs" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "json" => "application/json",
            "webmanifest" => "application/manifest+json",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "webp" => "image/webp",
            "ico" => "image/x-icon",
            "woff2" => "font/woff2",
            "woff" => "font/woff",
            "ttf" => "font/ttf",
            "wasm" => "application/wasm",
            "txt" | "md" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}

/// Returns whether the console is in this build.
pub fn is_built() -> bool {
    !BUILT.is_empty()
}

/// Returns the files, by path. There is an [`INDEX`] among them in any case.
pub fn files() -> &'static [File] {
    if is_built() { BUILT } else { MISSING }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_index_and_paths_are_in_order() {
        assert!(files().iter().any(|file| file.path == INDEX));
        assert!(files().windows(2).all(|pair| pair[0].path < pair[1].path), "{:?}", files());
        assert!(files().iter().all(|file| file.path.starts_with('/')));
    }

    #[test]
    fn no_page_has_a_script_in_it() {
        let pages =
            files().iter().chain(MISSING).filter(|file| file.media().starts_with("text/html"));
        for page in pages {
            let text = String::from_utf8_lossy(page.plain).to_lowercase();
            for script in text.split("<script").skip(1) {
                let (head, rest) = script.split_once('>').expect("a tag ends");
                assert!(head.contains(" src="), "{page:?} has a script in it");
                assert!(rest.trim_start().starts_with("</script>"), "{page:?} has a script in it");
            }
            assert!(!text.contains("javascript:"), "{page:?}");
            let words = text.split(|character: char| character.is_whitespace() || character == '<');
            let is_handler = |word: &str| {
                word.strip_prefix("on").and_then(|word| word.split_once('=')).is_some_and(
                    |(name, _)| {
                        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())
                    },
                )
            };
            assert!(!words.into_iter().any(is_handler), "{page:?} handles an event in a tag");
        }
        assert!(!CONTENT_SECURITY_POLICY.contains("script-src 'self' 'unsafe"));
    }
}
