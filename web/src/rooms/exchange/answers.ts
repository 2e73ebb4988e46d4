// What the operations of the exchange answer.

import type { Instant } from '../../api/answers';

export type Side = 'provider' | 'consumer';

export interface PeerRow {
  name: string;
  unit: string;
  url: string | null;
  added_at: Instant;
  key_number: number | null;
  sent: number;
  /** Messages that wait for the other side. */
  waiting: number;
  received: number;
  problem: string | { code?: string; detail?: string } | null;
}

export interface CardKey {
  number: number;
  key: string;
  from: Instant;
  until: Instant;
}

export interface PeerShown extends PeerRow {
  card: { unit: string; name: string; root?: string; keys?: CardKey[]; url?: string | null } | null;
}

export interface Field {
  name: string;
  type: string;
  required?: boolean;
  summary?: string | null;
}

export interface Offer {
  capability: string;
  version: string | number;
  summary?: string | null;
  input?: Field[];
  output?: Field[];
  /** Of a relation that is lent. */
  columns?: Field[];
  price?: { currency: string; on_accept?: string | null; on_answer?: string | null; on_read?: string | null } & Record<string, unknown>;
  service_level?: { answer_within?: string } & Record<string, unknown>;
  on_revoke?: string;
  /** Of an offer; a contract has none in its terms. */
  approval?: string;
}

/** An own offer, as its manifest has it. */
export interface OwnOffer {
  name: string;
  /** Of the manifest; that of the capability is in it. */
  version: number;
  spec: Omit<Offer, 'capability' | 'columns'> & { relation?: { name: string; columns?: string[] } };
}

export interface ContractRow {
  name: string;
  id: string | null;
  /** Ours. */
  side: Side;
  state: 'requested' | 'offered' | 'accepted' | 'agreed' | 'verified' | 'finalized' | 'terminated';
  peer: string;
  capabilities: string[];
  reason: string | null;
  changed_at: Instant;
  calls_open: number;
}

export interface Signature {
  key: number;
  signature: string;
}

export interface ContractShown extends ContractRow {
  document: { agreed_at?: Instant; consumer?: string; provider?: string; nonce?: string; offers?: Offer[] } & Record<string, unknown>;
  provider_signature: Signature | null;
  consumer_signature: Signature | null;
  /** Since when receipts wait for the consumer's signature. */
  unsettled_since: Instant | null;
}

export interface CallRow {
  contract: string;
  call: string;
  capability: string;
  side: Side;
  state: string;
  at: Instant;
  closed_at: Instant | null;
  actor: string | null;
}

export interface DisputeRow {
  contract: string;
  peer: string;
  side: Side;
  first: number;
  count: number;
  amounts: Record<string, string | number>;
  signed_at: Instant;
  reason: string | null;
}

export interface ReceiptRow {
  number: number;
  contract: string;
  call: string;
  capability: string;
  event: string;
  at: Instant;
  amount: string;
  currency: string;
  /** The hash of the one before; absent where it was not asked for. */
  previous?: string;
  side: Side;
  state: string;
  reason: string | null;
}

export interface ReceiptProof {
  /** The signed text itself. */
  receipt: string;
  first: number;
  count: number;
  root: string;
  path: string[];
  signed_at: Instant;
  signature: Signature;
  settlement: { state: string; signed_at?: Instant; reason?: string | null; signed?: Signature } | null;
}

/** A term of a contract, of `system.service_levels`. */
export interface LevelRow {
  name: string;
  on: string;
  objective: number | null;
  within: string | null;
  window: string;
  good: number;
  total: number;
  ratio: number | null;
  overdue: number | null;
}

declare module '../../api/answers' {
  interface Answers {
    'peer.list': Page<PeerRow>;
    'peer.get': PeerShown;
    /** What a peer offers; own ones are `OwnOffer`. */
    'offer.list': Page<Offer>;
    'contract.list': Page<ContractRow>;
    'contract.get': ContractShown;
    'contract.calls': Page<CallRow>;
    'contract.disputes': Page<DisputeRow>;
    'receipt.list': Page<ReceiptRow>;
    'receipt.get': ReceiptProof;
  }
}
