//! Packages: what a unit signs of an application that it hands to others, and what a unit remembers of one that it installed.
//!
//! A signature is over the digest of the package's manifest, its name, its version and the time, by a signing key of a unit, and
//! comes with the unit's card. So it can be checked by anybody, without a unit and without a network; a unit that knows more of
//! the signer's keys than the card says (an earlier end, say) checks against what it knows.

use crate::Error;
use crate::canonical::canonical;
use crate::engine::Exchange;
use crate::identity::{Card, Identity, Signed};
use crate::state;
use base::{Name, Problem, Time, is_digest};
use kernel::{Call, Cell, Read, Reader, Reply, Resource, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The version of a signature's form.
const VERSION: u32 = 1;

/// The longest version of a package in bytes.
const VERSION_BYTES_MAX: usize = 64;

/// What is signed of a package, beside who signs and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// The name of the application.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of the package's manifest: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The size of the package's manifest in bytes.
    pub size: u64,
}

/// A unit's signature over a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageSignature {
    /// The version of this form.
    pub v: u32,
    /// The number of the signing key.
    pub key: u64,
    /// When it was signed, wall time of the signer.
    #[schemars(with = "String")]
    pub at: Time,
    /// The signature, base64.
    pub signature: String,
    /// Who signed, with the keys that its root vouches for.
    #[schemars(with = "BTreeMap<String, String>")]
    pub card: Card,
}

/// What a unit remembers of a package that it installed: the manifest `Package`, which the command line makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageSpec {
    /// The version.
    pub version: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The digest of the package's manifest.
    pub digest: String,
    /// The size of the package's manifest in bytes.
    pub size: u64,
    /// The values that its parameters have here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub parameters: BTreeMap<String, Value>,
    /// Who signed it; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<PackageSignature>,
}

impl Stated {
    fn check(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Package { reason });
        if Name::new(self.name.as_str()).is_err() {
            return wrong("its name is none".into());
        }
        let is_version = !self.version.is_empty()
            && self.version.len() <= VERSION_BYTES_MAX
            && self
                .version
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-+_".contains(&byte));
        if !is_version {
            return wrong("its version is none".into());
        }
        let digits = self.digest.strip_prefix("sha256:").unwrap_or_default();
        if !is_digest(digits) {
            return wrong("its digest is not `sha256:` and 64 hexadecimal digits".into());
        }
        Ok(())
    }

    /// Returns the bytes that are signed.
    fn bytes(&self, unit: &str, key: u64, at: Time) -> Vec<u8> {
        canonical(&json!({
            "type": "craton/package", "v": VERSION, "unit": unit, "key": key, "at": at,
            "name": self.name, "version": self.version, "digest": self.digest, "size": self.size.to_string(),
        }))
    }
}

impl PackageSignature {
    /// Signs in the name of a unit.
    ///
    /// # Errors
    /// `package.signature` where the statement is malformed, `peer.card` where no key is valid.
    pub fn make(identity: &Identity, stated: &Stated, at: Time) -> Result<Self, Error> {
        stated.check()?;
        let key = identity.key_number(at)?;
        let Signed { signature, .. } =
            identity.sign(at, &stated.bytes(identity.unit(), key, at))?;
        Ok(Self { v: VERSION, key, at, signature, card: identity.card(None, None) })
    }

    /// Checks the signature against the card that came with it: the key of its number must have been valid at its time.
    ///
    /// # Errors
    /// `package.signature` with what is wrong.
    pub fn check(&self, stated: &Stated) -> Result<(), Error> {
        self.check_by(&self.card, stated)
    }

    fn check_by(&self, card: &Card, stated: &Stated) -> Result<(), Error> {
        let wrong = |error: Error| Error::Package { reason: error.to_string() };
        if self.v != VERSION {
            return Err(Error::Package { reason: format!("its form {} is not known", self.v) });
        }
        stated.check()?;
        if card.keys.is_empty() {
            return Err(Error::Package { reason: "the card has no signing key".into() });
        }
        let signed = Signed { key: self.key, signature: self.signature.clone() };
        let statement = stated.bytes(&card.unit, self.key, self.at);
        card.verify().and_then(|()| card.check(&signed, self.at, &statement)).map_err(wrong)
    }
}

impl PackageSpec {
    fn stated(&self, name: &str) -> Stated {
        Stated {
            name: name.into(),
            version: self.version.clone(),
            digest: self.digest.clone(),
            size: self.size,
        }
    }
}

impl Exchange {
    /// `package.sign`: signs the digest of a package with the key of now.
    pub(crate) fn sign_package(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let stated: Stated = call.parameters()?;
        let identity = self.identity_of(tx)?;
        Reply::of(&PackageSignature::make(&identity, &stated, tx.wall())?)
    }

    /// Refuses the record of a package whose signature does not prove itself, by all that this unit knows of the signer.
    pub(crate) fn package_changed(&self, tx: &Tx<'_>, new: &Resource) -> Result<(), Problem> {
        let spec: PackageSpec =
            serde_json::from_value(new.spec.clone()).map_err(Error::internal)?;
        let stated = spec.stated(&new.name);
        let Some(signature) = &spec.signature else { return Ok(stated.check()?) };
        signature.check(&stated)?;
        let known = if signature.card.unit == self.identity.unit() {
            Some(self.card_of(tx)?)
        } else {
            state::peer_of(tx, &signature.card.unit)?.map(|peer| peer.card.clone())
        };
        if let Some(known) = known {
            let card = known.merged(&signature.card).unwrap_or(known);
            signature.check_by(&card, &stated)?;
        }
        Ok(())
    }

    /// Rows of `system.packages`.
    pub(crate) fn package_rows(
        &self,
        reader: &Reader,
        row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>,
    ) -> Result<(), Problem> {
        for resource in reader.resources("package")? {
            if !reader.allows("resource.get", &resource.reference())? {
                continue;
            }
            let spec: PackageSpec =
                serde_json::from_value(resource.spec.clone()).map_err(Error::internal)?;
            let signature = spec.signature.as_ref();
            let unit = signature.map(|signature| signature.card.unit.clone());
            let cells = vec![
                Cell::Text(resource.name.clone()),
                Cell::Text(spec.version.clone()),
                Cell::Text(spec.digest.clone()),
                Cell::text(unit.clone()),
                Cell::text(self.signer_name(reader, unit.as_deref())?),
                signature.map_or(Cell::Null, |signature| Cell::Int(signature.key.cast_signed())),
                Cell::time(signature.map(|signature| signature.at)),
                Cell::Time(resource.changed_at.0),
                Cell::Text(resource.changed_by.clone()),
                Cell::Text(spec.summary.clone()),
                Cell::json(&json!(spec.parameters)),
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    }

    /// Returns what this unit calls a signer, where it knows one.
    fn signer_name(&self, read: &dyn Read, unit: Option<&str>) -> Result<Option<String>, Problem> {
        let Some(unit) = unit else { return Ok(None) };
        if unit == self.identity.unit() {
            return Ok(Some(self.identity.name().to_owned()));
        }
        Ok(state::peer_of(read, unit)?.map(|peer| peer.name.clone()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;
    use base::SeededEntropy;

    const NOW: Time = Time(1_700_000_000_500);

    fn stated() -> Stated {
        Stated {
            name: "logistics".into(),
            version: "1.2.0".into(),
            digest: format!("sha256:{}", "a1".repeat(32)),
            size: 700,
        }
    }

    #[test]
    fn a_signature_proves_itself_and_no_altered_one_does() {
        let identity = Identity::generate("a", &SeededEntropy::new(1), NOW);
        let other = Identity::generate("b", &SeededEntropy::new(2), NOW);
        let good = PackageSignature::make(&identity, &stated(), NOW).unwrap();
        good.check(&stated()).unwrap();
        let alter: [fn(&mut PackageSignature, &mut Stated, &Identity); 9] = [
            |_, stated, _| stated.name = "logistik".into(),
            |_, stated, _| stated.version = "1.2.1".into(),
            |_, stated, _| stated.digest = format!("sha256:{}", "a2".repeat(32)),
            |_, stated, _| stated.size += 1,
            |signature, _, _| signature.key = 2,
            |signature, _, _| signature.at = Time(NOW.0 + 1),
            |signature, _, _| signature.at = Time(NOW.0 - 5_000),
            |signature, _, other| signature.card = other.card(None, None),
            |signature, _, _| signature.card.keys.clear(),
        ];
        for (number, change) in alter.into_iter().enumerate() {
            let (mut signature, mut stated) = (good.clone(), stated());
            change(&mut signature, &mut stated, &other);
            let code = signature.check(&stated).map_err(|error| Problem::from(error).code);
            assert_eq!(code, Err("package.signature".into()), "{number}");
        }
    }

    #[test]
    fn a_key_counts_for_what_it_signed_while_it_was_valid() {
        let entropy = SeededEntropy::new(1);
        let mut identity = Identity::generate("a", &entropy, NOW);
        let old = PackageSignature::make(&identity, &stated(), NOW).unwrap();
        let later = Time(NOW.0 + 60_000);
        identity.rotate(&entropy, later).unwrap();
        let new = PackageSignature::make(&identity, &stated(), later).unwrap();
        assert_eq!((old.key, new.key), (1, 2));
        let card = identity.card(None, None);
        old.check_by(&card, &stated()).unwrap();
        new.check_by(&card, &stated()).unwrap();
        assert!(new.check_by(&old.card, &stated()).is_err(), "a card that does not know the key");
    }

    #[test]
    fn only_what_is_a_package_is_signed() {
        let identity = Identity::generate("a", &SeededEntropy::new(1), NOW);
        let alter: [fn(&mut Stated); 4] = [
            |stated| stated.name = "No Name".into(),
            |stated| stated.version = "1 0".into(),
            |stated| stated.digest = "sha256:00".into(),
            |stated| stated.digest = stated.digest.to_uppercase(),
        ];
        for change in alter {
            let mut stated = stated();
            change(&mut stated);
            assert!(PackageSignature::make(&identity, &stated, NOW).is_err());
        }
    }
}
