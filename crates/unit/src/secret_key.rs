//! Where the unit's secret key comes from: a file, the environment, a credential of systemd, or a keyring of the kernel.
//!
//! Each place holds a text with one key or several, a line each (or parted by white space), the newest last; what stands behind
//! `#` is for people. Only the file is written by the unit itself.

use crate::config::SecretKeyConfig;
use crate::{Error, files};
use base::Problem;
use kernel::secrets::{KeySource, SecretKey};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file of a unit that says nothing else.
const FILE: &str = "secret.key";
/// The variable of the environment.
const VARIABLE: &str = "CRATON_SECRET_KEY";
/// The credential, and the description in a keyring.
const NAME: &str = "craton-secret-key";
/// Where systemd puts the credentials of a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// What the file begins with.
const HEAD: &str = "# The secret key of a Craton unit, the newest last. Keep a copy apart from backups: without it no secret can be opened.\n";
/// The largest text with keys in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// From which place the secret key comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A file, by its path from the unit's folder; nobody but its owner may read it.
    #[default]
    File,
    /// A variable of the environment.
    Environment,
    /// A credential of systemd, in `$CREDENTIALS_DIRECTORY`.
    Credential,
    /// A key of the user or session keyring of the Linux kernel.
    Keyring,
}

/// Returns the place that a configuration names.
pub(crate) fn source(folder: &Path, config: &SecretKeyConfig) -> Arc<dyn KeySource> {
    let named = |default: &str| config.name.clone().unwrap_or_else(|| default.to_owned());
    match config.source {
        Source::File => Arc::new(File { path: folder.join(named(FILE)) }),
        Source::Environment => Arc::new(Environment { variable: named(VARIABLE) }),
        Source::Credential => Arc::new(Credential { name: named(NAME) }),
        Source::Keyring => Arc::new(Keyring { description: named(NAME) }),
    }
}

/// Returns the name of the file that holds the secret key, where it is a file.
pub(crate) fn file(config: &SecretKeyConfig) -> Option<&str> {
    matches!(config.source, Source::File).then(|| config.name.as_deref().unwrap_or(FILE))
}

/// A file that the unit writes.
struct File {
    path: PathBuf,
}

impl File {
    fn write(&self, keys: &[SecretKey]) -> Result<(), Problem> {
        let lines = keys.iter().map(|key| key.to_text() + "\n").collect::<String>();
        Ok(files::replace(&self.path, &format!("{HEAD}{lines}"), true)?)
    }
}

impl KeySource for File {
    fn keys(&self) -> Result<Vec<SecretKey>, Problem> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        if files::is_open_to_others(&self.path)? {
            let reason = format!("others can read {}; `chmod 600` it", self.place());
            return Err(Error::Key { reason }.into());
        }
        read(&files::read(&self.path)?, &self.place())
    }

    fn add(&self, key: &SecretKey) -> Result<bool, Problem> {
        let mut keys = self.keys()?;
        keys.push(key.clone());
        self.write(&keys)?;
        Ok(true)
    }

    fn keep(&self, key: &SecretKey) -> Result<(), Problem> {
        self.write(std::slice::from_ref(key))
    }

    fn place(&self) -> String {
        format!("the file `{}`", self.path.display())
    }
}

/// A variable of the environment, read when the unit starts and when a rotation begins.
struct Environment {
    variable: String,
}

impl KeySource for Environment {
    fn keys(&self) -> Result<Vec<SecretKey>, Problem> {
        match std::env::var(&self.variable) {
            Ok(text) => read(&text, &self.place()),
            Err(std::env::VarError::NotPresent) => Ok(Vec::new()),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Error::Key { reason: format!("{} is no text", self.place()) }.into())
            }
        }
    }

    fn add(&self, _key: &SecretKey) -> Result<bool, Problem> {
        Ok(false)
    }

    fn keep(&self, _key: &SecretKey) -> Result<(), Problem> {
        Ok(())
    }

    fn place(&self) -> String {
        format!("the environment variable `{}`", self.variable)
    }
}

/// A credential of systemd.
struct Credential {
    name: String,
}

impl KeySource for Credential {
    fn keys(&self) -> Result<Vec<SecretKey>, Problem> {
        let Some(folder) = std::env::var_os(CREDENTIALS) else { return Ok(Vec::new()) };
        let path = Path::new(&folder).join(&self.name);
        if !path.exists() {
            return Ok(Vec::new());
        }
        read(&files::read(&path)?, &self.place())
    }

    fn add(&self, _key: &SecretKey) -> Result<bool, Problem> {
        Ok(false)
    }

    fn keep(&self, _key: &SecretKey) -> Result<(), Problem> {
        Ok(())
    }

    fn place(&self) -> String {
        format!("the credential `{}` in `${CREDENTIALS}`", self.name)
    }
}

/// A key of a keyring. The unit adds none: what is in a keyring is gone when the machine starts anew.
struct Keyring {
    description: String,
}

impl KeySource for Keyring {
    fn keys(&self) -> Result<Vec<SecretKey>, Problem> {
        match keyring_text(&self.description).map_err(|reason| Error::Key { reason })? {
            Some(text) => read(&text, &self.place()),
            None => Ok(Vec::new()),
        }
    }

    fn add(&self, _key: &SecretKey) -> Result<bool, Problem> {
        Ok(false)
    }

    fn keep(&self, _key: &SecretKey) -> Result<(), Problem> {
        Ok(())
    }

    fn place(&self) -> String {
        format!("the key `{}` of the session's or user's keyring", self.description)
    }
}

/// Returns the text of a key of the session's keyring, or of the user's.
#[cfg(target_os = "linux")]
fn keyring_text(description: &str) -> Result<Option<String>, String> {
    use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};
    for identifier in [KeyRingIdentifier::Session, KeyRingIdentifier::User] {
        let ring = match KeyRing::from_special_id(identifier, false) {
            Ok(ring) => ring,
            Err(KeyError::KeyDoesNotExist) => continue,
            Err(error) => return Err(format!("the keyring cannot be read: {error}")),
        };
        match ring.search(description).and_then(|key| key.read_to_vec()) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes);
                return text.map(Some).map_err(|_| "the key of the keyring is no text".into());
            }
            Err(KeyError::KeyDoesNotExist) => {}
            Err(error) => {
                return Err(format!(
                    "the key `{description}` of the keyring cannot be read: {error}"
                ));
            }
        }
    }
    Ok(None)
}

#[cfg(not(target_os = "linux"))]
fn keyring_text(_description: &str) -> Result<Option<String>, String> {
    Err("only Linux has keyrings; choose another `source` in `[secret_key]`".into())
}

/// Reads a text with keys. What is wrong with it is said without it.
fn read(text: &str, place: &str) -> Result<Vec<SecretKey>, Problem> {
    if TEXT_BYTES_MAX < text.len() {
        return Err(Error::Key { reason: format!("{place} is too long for keys") }.into());
    }
    let words =
        text.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    let keys = words.map(SecretKey::parse).collect::<Result<Vec<_>, _>>();
    keys.map_err(|error| Error::Key { reason: format!("{place}: {error}") }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemEntropy;

    #[test]
    fn a_text_holds_several_keys_and_words_for_people() {
        let keys = [SecretKey::generate(&SystemEntropy), SecretKey::generate(&SystemEntropy)];
        let text = format!("{HEAD}{}   # the first\n\n{}\n", keys[0].to_text(), keys[1].to_text());
        assert_eq!(read(&text, "here").expect("reads"), keys);
        let one_line = format!("{} {}", keys[0].to_text(), keys[1].to_text());
        assert_eq!(read(&one_line, "here").expect("reads"), keys);
        let problem = read("S3cret-that-is-no-key", "here").expect_err("refused");
        assert_eq!(problem.code, "unit.key");
        assert!(!problem.message.contains("S3cret"), "{}", problem.message);
    }

    #[test]
    fn a_file_is_made_for_its_owner_alone_and_keeps_what_is_added() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("craton-key-{}", std::process::id()));
        files::make_folder(&folder).expect("makes");
        let file = File { path: folder.join("k") };
        assert!(file.keys().expect("reads").is_empty());
        let keys = [SecretKey::generate(&SystemEntropy), SecretKey::generate(&SystemEntropy)];
        assert!(file.add(&keys[0]).expect("writes") && file.add(&keys[1]).expect("writes"));
        assert_eq!(file.keys().expect("reads"), keys);
        let mode = std::fs::metadata(&file.path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        file.keep(&keys[1]).expect("writes");
        assert_eq!(file.keys().expect("reads"), keys[1..]);
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&file.path, open).expect("changes");
        assert_eq!(file.keys().expect_err("refused").code, "unit.key");
        std::fs::remove_dir_all(folder).expect("removes");
    }
}
