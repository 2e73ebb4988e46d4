//! Reads the body of a request within its limits: size, time, standstill, memory over all requests.

use crate::{Config, Error};
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use base::Problem;
use kernel::{Memory, Part, Reserved};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Memory for bodies is given out in units of so many bytes.
const UNIT: usize = 1_024;

/// A body with its share of the memory for bodies.
pub(crate) struct Held {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Its share of the memory for bodies, and of the unit's. Given back when the request is done.
    pub _memory: Option<(OwnedSemaphorePermit, Reserved)>,
}

/// Returns the memory that all bodies together may take.
pub(crate) fn memory(config: &Config) -> Arc<Semaphore> {
    let units = config.bodies_bytes_max.max(config.body_bytes_max).div_ceil(UNIT) + 1;
    Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS)))
}

/// Reads a body.
///
/// # Errors
/// `http.body_too_large`, `http.body_truncated`, `http.timeout`, `http.busy`, `memory.exhausted`.
pub(crate) async fn read(
    body: Body,
    headers: &HeaderMap,
    config: &Config,
    memory: &Arc<Semaphore>,
    unit: &Arc<Memory>,
) -> Result<Held, Problem> {
    let limit = config.body_bytes_max;
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| limit < length) {
        return Err(Error::BodyTooLarge { limit }.into());
    }
    let length = announced.unwrap_or(limit);
    let units = length.div_ceil(UNIT);
    let units = u32::try_from(units).unwrap_or(u32::MAX);
    let share = timeout(config.body_stall_max(), Arc::clone(memory).acquire_many_owned(units));
    let busy = Error::Busy { what: "bytes for bodies", limit: config.bodies_bytes_max };
    let Ok(Ok(share)) = share.await else { return Err(busy.into()) };
    let reserved = unit.reserve(Part::Bodies, length as u64)?;
    let bytes = timeout(config.body_time_max(), collect(body, announced, config))
        .await
        .map_err(|_| Error::Timeout { part: "body" })??;
    Ok(Held { bytes, _memory: Some((share, reserved)) })
}

async fn collect(body: Body, announced: Option<usize>, config: &Config) -> Result<Vec<u8>, Error> {
    let limit = config.body_bytes_max;
    let mut bytes = Vec::with_capacity(announced.unwrap_or_default());
    let mut body = pin!(body);
    loop {
        let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context));
        let frame = timeout(config.body_stall_max(), frame).await;
        match frame.map_err(|_| Error::Timeout { part: "body" })? {
            None => return Ok(bytes),
            Some(Err(_)) => return Err(Error::BodyTruncated),
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                if limit < bytes.len() + data.len() {
                    return Err(Error::BodyTooLarge { limit });
                }
                bytes.extend_from_slice(&data);
            }
        }
    }
}
