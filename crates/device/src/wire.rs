//! What is stored of things: a byte with the version, then JSON.

use crate::Error;
use base::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of what is written.
const VERSION: u8 = 1;

/// Writes a value as it is stored.
///
/// # Errors
/// `device.internal` where it cannot be written, which is a defect.
pub(crate) fn write<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value).map_err(Error::internal)?;
    Ok(bytes)
}

/// Reads a stored value.
///
/// # Errors
/// `device.internal` where it is damaged or of a newer version.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    match bytes.split_first() {
        Some((&VERSION, json)) => {
            serde_json::from_slice(json).map_err(|error| Error::internal(error).into())
        }
        Some((version, _)) => {
            Err(Error::internal(format!("a stored value of version {version}")).into())
        }
        None => Err(Error::internal("a stored value without bytes").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back_and_what_is_damaged_or_newer_is_refused() {
        let bytes = write(&vec![1, 2]).expect("it is written");
        assert_eq!(read::<Vec<u8>>(&bytes).expect("it is read"), [1, 2]);
        for wrong in [&b""[..], b"\x02[1]", b"\x01[1"] {
            let problem = read::<Vec<u8>>(wrong).expect_err("it is refused");
            assert_eq!(problem.code, "device.internal");
        }
    }
}
