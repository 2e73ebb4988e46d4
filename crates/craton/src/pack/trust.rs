//! Who may have signed a package that is installed here: the unit itself, its peers, and whom the one who installs it names.

use super::{Error, Package, Signing};
use crate::client::Client;
use crate::routes;
use base::{Kind, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeSet;
use unit::PackageSignature;

/// Returns the signature that counts; none where nobody signed and that is wanted so.
///
/// # Errors
/// `package.unsigned`, `package.signer`; what the unit says.
pub fn signer<'a>(
    client: &Client,
    package: &'a Package,
    named: &[String],
    is_unsigned_wanted: bool,
) -> Result<Option<&'a PackageSignature>, Problem> {
    let signatures = match &package.signing {
        Signing::Nobody if is_unsigned_wanted => return Ok(None),
        Signing::Nobody => return Err(Error::Unsigned.into()),
        Signing::By(signatures) => signatures,
    };
    if let Some(signature) = signatures.iter().find(|signature| is_named(signature, named)) {
        return Ok(Some(signature));
    }
    let known = known(client)?;
    if let Some(signature) =
        signatures.iter().find(|signature| known.contains(&signature.card.unit))
    {
        return Ok(Some(signature));
    }
    let (unit, name) = signatures.first().map_or_else(Default::default, |signature| {
        (signature.card.unit.clone(), signature.card.name.chars().take(80).collect::<String>())
    });
    Err(Error::Signer { unit, name }.into())
}

/// Returns whether a signer is named: by the unit's id, or by its root key in base64 or hexadecimal digits.
fn is_named(signature: &PackageSignature, named: &[String]) -> bool {
    let root = STANDARD.decode(&signature.card.root).map(|bytes| base::hex(&bytes));
    named.iter().map(|name| name.trim()).any(|name| {
        name == signature.card.root
            || name.eq_ignore_ascii_case(&signature.card.unit)
            || root.as_ref().is_ok_and(|root| name.eq_ignore_ascii_case(root))
    })
}

/// Returns the ids of the unit and its peers, as far as the caller may see them.
fn known(client: &Client) -> Result<BTreeSet<String>, Problem> {
    let own = client.send(&routes::exchange_card())?;
    let peers = match client.send(&routes::peer_list()) {
        Ok(answer) => answer,
        Err(problem) if matches!(problem.kind, Kind::Forbidden | Kind::NotFound) => Value::Null,
        Err(problem) => return Err(problem),
    };
    let units = peers["items"].as_array().into_iter().flatten().map(|peer| &peer["unit"]);
    let all = units.chain(std::iter::once(&own["unit"]));
    Ok(all.filter_map(Value::as_str).map(str::to_owned).collect())
}
