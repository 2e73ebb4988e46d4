//! Reads the body of a request within its limits: size, time, standstill, memory over all requests and of one caller.
//!
//! A body holds memory for what has come of it, and at most four times as much: to announce a long one takes nothing from others.
//! What it has announced counts against its caller alone, who waits for himself.

use crate::share::{Caller, Own, most};
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

/// The least that a body asks for at a time in bytes, where it is not shorter.
const STEP: usize = 16 << 10;

/// The memory for the bodies of all requests.
pub(crate) struct Bodies {
    /// Units for whoever comes first.
    all: Arc<Semaphore>,
    /// Room for one whole body more. Among bodies that hold a part each and find no room for the rest, one always comes to its end.
    last: Arc<Semaphore>,
    /// Units that each caller may have announced.
    own: Own,
    /// The same in bytes.
    own_bytes: usize,
}

impl Bodies {
    pub(crate) fn new(config: &Config) -> Self {
        let (one, all) = (config.body_bytes_max, config.bodies_bytes_max);
        let units = (all.saturating_sub(one) / UNIT).min(Semaphore::MAX_PERMITS);
        // The longest body always fits.
        let own_bytes = most(all, config.principal_percent).max(one);
        Self {
            all: Arc::new(Semaphore::new(units)),
            last: Arc::new(Semaphore::new(1)),
            own: Own::new(own_bytes.div_ceil(UNIT)),
            own_bytes,
        }
    }
}

/// A body with its share of the memory for bodies.
pub(crate) struct Held {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Its share of the memory for bodies, and of the unit's. Given back when the request is done.
    pub _memory: Option<Portion>,
}

/// What a body holds of the memory for bodies, and of the unit's.
pub(crate) struct Portion {
    /// What its caller has announced with it.
    _own: OwnedSemaphorePermit,
    units: Option<OwnedSemaphorePermit>,
    last: Option<OwnedSemaphorePermit>,
    reserved: Vec<Reserved>,
    bytes: usize,
}

/// Within what a body is read.
pub(crate) struct Limits<'a> {
    /// The limits of the door.
    pub config: &'a Config,
    /// The memory for bodies.
    pub bodies: &'a Bodies,
    /// The memory of the unit.
    pub unit: &'a Arc<Memory>,
}

/// Reads a body.
///
/// # Errors
/// `http.body_too_large`, `http.body_truncated`, `http.timeout`, `http.busy`, `memory.exhausted`.
pub(crate) async fn read(
    body: Body,
    headers: &HeaderMap,
    who: &Caller,
    limits: &Limits<'_>,
) -> Result<Held, Problem> {
    let config = limits.config;
    let limit = config.body_bytes_max;
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| limit < length) {
        return Err(Error::BodyTooLarge { limit }.into());
    }
    let length = announced.unwrap_or(limit);
    let bodies = limits.bodies;
    let own = bodies.own.line(who).acquire_many_owned(units(length));
    let busy = Error::Busy { what: "bytes for bodies of one caller", limit: bodies.own_bytes };
    let Ok(Ok(own)) = timeout(config.body_stall_max(), own).await else { return Err(busy.into()) };
    let mut portion =
        Portion { _own: own, units: None, last: None, reserved: Vec::new(), bytes: 0 };
    let bytes = timeout(config.body_time_max(), collect(body, length, &mut portion, limits))
        .await
        .map_err(|_| Error::Timeout { part: "body" })??;
    Ok(Held { bytes, _memory: Some(portion) })
}

async fn collect(
    body: Body,
    length: usize,
    portion: &mut Portion,
    limits: &Limits<'_>,
) -> Result<Vec<u8>, Problem> {
    let config = limits.config;
    let limit = config.body_bytes_max;
    let mut bytes = Vec::new();
    let mut body = pin!(body);
    loop {
        let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context));
        let frame = timeout(config.body_stall_max(), frame).await;
        match frame.map_err(|_| Error::Timeout { part: "body" })? {
            None => return Ok(bytes),
            Some(Err(_)) => return Err(Error::BodyTruncated.into()),
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                let needed = bytes.len() + data.len();
                if limit < needed {
                    return Err(Error::BodyTooLarge { limit }.into());
                }
                if portion.bytes < needed {
                    let wanted = portion.bytes.saturating_mul(4).max(STEP).min(length).max(needed);
                    portion.grow(wanted, limits).await?;
                    bytes.reserve_exact(wanted - bytes.len());
                }
                bytes.extend_from_slice(&data);
            }
        }
    }
}

impl Portion {
    /// Takes memory up to so many bytes; waits for it.
    ///
    /// # Errors
    /// `http.busy`, `memory.exhausted`.
    async fn grow(&mut self, to: usize, limits: &Limits<'_>) -> Result<(), Problem> {
        let further = to - self.bytes;
        if self.last.is_none() {
            let all = Arc::clone(&limits.bodies.all).acquire_many_owned(units(further));
            let last = Arc::clone(&limits.bodies.last).acquire_owned();
            let found = async {
                tokio::select! {
                    biased;
                    units = all => units.map(|units| (Some(units), None)),
                    last = last => last.map(|last| (None, Some(last))),
                }
            };
            let config = limits.config;
            let busy = Error::Busy { what: "bytes for bodies", limit: config.bodies_bytes_max };
            let Ok(Ok((units, last))) = timeout(config.body_stall_max(), found).await else {
                return Err(busy.into());
            };
            if let Some(units) = units {
                match &mut self.units {
                    Some(held) => held.merge(units),
                    None => self.units = Some(units),
                }
            }
            self.last = last;
        }
        self.reserved.push(limits.unit.reserve(Part::Bodies, further as u64)?);
        self.bytes = to;
        Ok(())
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}
