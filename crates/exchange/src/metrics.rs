//! What the exchange counts, for `/metrics`.

use crate::engine::Exchange;
use crate::link::oldest;
use crate::state::{self, Mark, mark_key, number, open_key};
use base::Problem;
use kernel::{Exposition, Read, Reader};

impl Exchange {
    /// Tells how long the outboxes are and how old, and what of contracts is open.
    pub(crate) fn expose(&self, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
        let acknowledged = self.bell.acknowledged();
        for peer in state::peers(reader)? {
            let (unit, labels) = (&peer.card.unit, [("peer", peer.name.as_str())]);
            let sent = number(reader, &mark_key(unit, Mark::Sent))?;
            let cleared = number(reader, &mark_key(unit, Mark::Cleared))?;
            // What is acknowledged counts as gone, also where it is still to be cleared out.
            let gone = acknowledged.get(unit).map_or(cleared, |number| cleared.max(*number));
            let waiting = sent.saturating_sub(gone);
            let help = "Messages that wait for the peer to acknowledge them.";
            out.gauge("craton_link_outbox_messages", help, &labels, waiting as f64);
            let age = match oldest(reader, unit, gone)?.filter(|_| 0 < waiting) {
                Some(at) => reader.business().0.saturating_sub(at.0).max(0) as f64 / 1_000.0,
                None => 0.0,
            };
            let help = "How long the oldest of these waits, by the business clock.";
            out.gauge("craton_link_oldest_message_seconds", help, &labels, age);
            let help = "Messages of the peer that were handled.";
            let received = number(reader, &mark_key(unit, Mark::Received))?;
            out.counter("craton_link_received_messages_total", help, &labels, received);
        }
        for contract in state::contracts(reader)? {
            let labels = [("contract", contract.name.as_str()), ("side", contract.side.as_str())];
            let help = "Calls under a contract that wait for their answer.";
            let open = number(reader, &open_key(&contract.name))?;
            out.gauge("craton_contract_calls_open", help, &labels, open as f64);
            let help = "Batches of receipts that are neither countersigned nor disputed.";
            let unsettled = self.unsettled_count(reader, &contract.name)?;
            out.gauge("craton_contract_receipts_unsettled", help, &labels, unsettled as f64);
        }
        Ok(())
    }
}
