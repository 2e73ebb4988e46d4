// What the operations on decisions answer.

export interface DecisionRow {
  decision: string;
  /** Its id in the model. */
  id: string;
  version: number;
  used_by: { process: string; element: string }[];
}

export interface DecisionShown extends DecisionRow {
  latest: number;
  versions: number[];
  source: string;
  file: string | null;
  /** All of the file, in its order. */
  decisions: { id: string; name: string }[];
}

export interface FiredTable {
  decision: string;
  name: string;
  table: string | null;
  hit_policy: string;
  rules: { rule: number; id: string | null }[] | null;
  value?: unknown;
}

export interface Explained {
  decision: string;
  version: number;
  result: unknown;
  problem: { code: string; message: string } | null;
  inputs: Record<string, unknown> | null;
  decisions: FiredTable[];
}

declare module '../../api/answers' {
  interface Answers {
    'decision.list': Page<DecisionRow>;
    'decision.get': DecisionShown;
    'decision.explain': Explained;
  }
}
