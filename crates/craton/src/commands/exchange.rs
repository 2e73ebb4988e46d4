//! `peer`, `offer`, `contract`, `ledger`: other units.

use super::input::{self, Change};
use crate::{
    arguments::Globals, client::Client, connect, error::Error, output, output::Column, routes,
};
use base::Problem;
use serde_json::{Value, json};
use std::path::Path;

/// How lists of peers are shown.
pub(super) const PEERS: &[Column] = &[
    Column("NAME", &["name"]),
    Column("UNIT", &["unit"]),
    Column("URL", &["url"]),
    Column("SENT", &["sent"]),
    Column("WAITING", &["waiting"]),
    Column("RECEIVED", &["received"]),
    Column("PROBLEM", &["problem"]),
];
const OFFERS: &[Column] = &[
    Column("NAME", &["name"]),
    Column("VERSION", &["/spec/version", "version"]),
    Column(
        "OFFERS",
        &["/spec/process", "/spec/relation/stream_table", "/spec/relation/view", "process"],
    ),
    Column("APPROVAL", &["/spec/approval", "approval"]),
    Column("SUMMARY", &["/spec/summary", "summary"]),
];
/// How lists of contracts are shown.
pub(super) const CONTRACTS: &[Column] = &[
    Column("NAME", &["name"]),
    Column("PEER", &["peer"]),
    Column("SIDE", &["side"]),
    Column("STATE", &["state"]),
    Column("OPEN CALLS", &["calls_open"]),
    Column("CHANGED", &["changed_at"]),
];
const DISPUTES: &[Column] = &[
    Column("FIRST", &["first"]),
    Column("RECEIPTS", &["count"]),
    Column("SIDE", &["side"]),
    Column("AMOUNTS", &["amounts"]),
    Column("SIGNED", &["signed_at"]),
    Column("REASON", &["reason"]),
];
const LEDGER: &[Column] = &[
    Column("CONTRACT", &["contract"]),
    Column("CAPABILITY", &["capability"]),
    Column("SIDE", &["side"]),
    Column("CALLS", &["calls"]),
    Column("ANSWERED", &["answered"]),
    Column("CANCELLED", &["cancelled"]),
    Column("FAILED", &["failed"]),
    Column("OPEN", &["open"]),
    Column("READS", &["reads"]),
    Column("ROWS", &["rows"]),
    Column("BYTES", &["bytes"]),
    Column("OWED", &["owed"]),
    Column("AGREED", &["agreed"]),
    Column("DISPUTED", &["disputed"]),
    Column("CURRENCY", &["currency"]),
];

/// Shows other units, and gets to know them
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  craton peer add payment units/payment\n  craton peer list")]
pub struct Peer {
    #[command(subcommand)]
    command: PeerCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PeerCommand {
    /// Gets to know a unit by its card, or an outside customer by a key
    #[command(
        after_help = "Examples:\n  craton peer add payment units/payment\n  craton peer add payment https://payment.example:9080 --unit-id 3b6a…\n  craton peer add payment card.json\n  craton peer add customer --public-key 3b6a…\n\nThe card says who the other unit is; ask its people for the id and compare."
    )]
    Add {
        /// What this unit calls the other
        name: String,
        /// Where the card is: the address of the other unit, its folder, or a file
        #[arg(required_unless_present = "public_key", value_name = "URL|DIR|FILE")]
        card: Option<String>,
        /// The id that the other unit must have
        #[arg(long, value_name = "ID", conflicts_with = "public_key")]
        unit_id: Option<String>,
        /// The public root key of somebody without a unit, in hexadecimal digits
        #[arg(long, value_name = "KEY", conflicts_with = "card")]
        public_key: Option<String>,
    },
    /// Shows the units that this one knows
    #[command(after_help = "Examples:\n  craton peer list")]
    List,
}

impl Peer {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            PeerCommand::Add { name, card, unit_id, public_key } => {
                let body = match (card, public_key) {
                    (Some(place), _) => {
                        json!({"name": name, "card": card_at(&place, unit_id.as_deref())?})
                    }
                    (None, key) => json!({"name": name, "key": key}),
                };
                output::one(globals.output, &client.send(&routes::peer_add().json(&body))?)
            }
            PeerCommand::List => {
                output::list(globals.output, &client.send(&routes::peer_list())?, PEERS)
            }
        }
    }
}

/// Fetches the card of a unit. It proves itself by its signature; whose it is, only its people can say.
fn card_at(place: &str, unit_id: Option<&str>) -> Result<Value, Problem> {
    let path = Path::new(place);
    let card = if place.starts_with("http://") || place.starts_with("https://") {
        Client::stranger(place)?.send(&routes::exchange_card())?
    } else if path.is_dir() {
        connect::expect_unit(path)?;
        Client::stranger(&connect::address(path)?)?.send(&routes::exchange_card())?
    } else {
        Value::Object(input::object(&format!("@{place}"))?)
    };
    match (card["unit"].as_str(), unit_id) {
        (Some(unit), Some(expected)) if unit != expected => {
            let reason = format!("the card at `{place}` is that of the unit {unit}");
            Err(Error::usage(reason, "ask the people of the other unit for its id").into())
        }
        _ => Ok(card),
    }
}

/// Shows what units offer to each other
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  craton offer list\n  craton offer list --peer payment")]
pub struct Offer {
    #[command(subcommand)]
    command: OfferCommand,
}

#[derive(Debug, clap::Subcommand)]
enum OfferCommand {
    /// Shows offers: of a peer to this unit, or of this unit
    #[command(
        after_help = "Examples:\n  craton offer list\n  craton offer list --peer payment -o yaml"
    )]
    List {
        /// What this peer offers; what this unit offers where absent
        #[arg(long, value_name = "NAME")]
        peer: Option<String>,
    },
}

impl Offer {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let OfferCommand::List { peer } = self.command;
        let client = connect::client(globals)?;
        output::list(
            globals.output,
            &client.send(&routes::offer_list().query("peer", peer))?,
            OFFERS,
        )
    }
}

/// Proposes, accepts, shows and revokes contracts
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton contract propose payment --peer payment --offer authorise --offer refund\n  craton contract list\n  craton contract revoke payment"
)]
pub struct Contract {
    #[command(subcommand)]
    command: ContractCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ContractCommand {
    /// Proposes a contract over offers of a peer
    #[command(
        after_help = "Examples:\n  craton contract propose payment --peer payment --offer authorise --offer refund"
    )]
    Propose {
        /// What this unit calls the contract
        name: String,
        /// The peer
        #[arg(long, value_name = "NAME")]
        peer: String,
        /// An offer; write it several times for several
        #[arg(long = "offer", value_name = "NAME", required = true)]
        offers: Vec<String>,
        #[command(flatten)]
        change: Change,
    },
    /// Accepts what a peer proposed
    #[command(after_help = "Examples:\n  craton contract accept retail")]
    Accept {
        /// The contract
        name: String,
        #[command(flatten)]
        change: Change,
    },
    /// Shows contracts
    #[command(after_help = "Examples:\n  craton contract list")]
    List,
    /// Shows a contract
    #[command(after_help = "Examples:\n  craton contract get payment -o yaml")]
    Get {
        /// The contract
        name: String,
    },
    /// Shows the receipts of a contract that are in dispute, and why
    #[command(after_help = "Examples:\n  craton contract disputes payment")]
    Disputes {
        /// The contract
        name: String,
    },
    /// Ends a dispute by giving in: the consumer signs after all, the provider waives
    #[command(after_help = "Examples:\n  craton contract settle payment 17")]
    Settle {
        /// The contract
        name: String,
        /// The number of the first receipt in dispute, as `craton contract disputes` shows it
        first: u64,
        #[command(flatten)]
        change: Change,
    },
    /// Ends a contract: new calls are refused at once
    #[command(
        after_help = "Examples:\n  craton contract revoke payment --reason 'too many disputes'"
    )]
    Revoke {
        /// The contract
        name: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        change: Change,
    },
}

impl Contract {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            ContractCommand::Propose { name, peer, offers, change } => {
                let body = json!({"name": name, "peer": peer, "offers": offers});
                let request = change.put(routes::contract_propose())?.json(&body);
                output::one(globals.output, &client.send(&request)?)
            }
            ContractCommand::Accept { name, change } => output::one(
                globals.output,
                &client.send(&change.put(routes::contract_accept(&name))?)?,
            ),
            ContractCommand::List => {
                output::list(globals.output, &client.send(&routes::contract_list())?, CONTRACTS)
            }
            ContractCommand::Get { name } => {
                output::one(globals.output, &client.send(&routes::contract_get(&name))?)
            }
            ContractCommand::Disputes { name } => {
                let answer = client.send(&routes::contract_disputes(&name))?;
                output::list(globals.output, &answer, DISPUTES)
            }
            ContractCommand::Settle { name, first, change } => {
                let request = change.put(routes::contract_settle(&name, first))?;
                output::one(globals.output, &client.send(&request)?)
            }
            ContractCommand::Revoke { name, reason, change } => {
                let body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
                let request = change.put(routes::contract_revoke(&name))?.json(&body);
                output::one(globals.output, &client.send(&request)?)
            }
        }
    }
}

/// Shows what is owed between the units, contract by contract
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton ledger\n  craton ledger --contract payment\n  craton ledger -o csv"
)]
pub struct Ledger {
    /// Only that of this contract
    #[arg(long, value_name = "NAME")]
    contract: Option<String>,
}

impl Ledger {
    /// Shows it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let mut answer = connect::client(globals)?.send(&routes::ledger_list())?;
        if let (Some(contract), Some(rows)) = (self.contract, answer["items"].as_array_mut()) {
            rows.retain(|row| row["contract"] == contract.as_str());
        }
        output::list(globals.output, &answer, LEDGER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_shows_what_was_read_of_lent_relations() {
        let shown = |field: &str| LEDGER.iter().any(|column| column.1.contains(&field));
        for field in ["reads", "rows", "bytes", "owed"] {
            assert!(shown(field), "{field}");
        }
    }
}
