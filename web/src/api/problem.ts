// What a unit answers where it refuses or fails (RFC 9457), and what the browser says where the unit cannot be reached.

export type Kind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'exhausted'
  | 'unavailable'
  | 'internal';

/** Where in the request, or in a manifest, something is wrong. */
export interface Place {
  file?: string;
  line?: number;
  column?: number;
  /** A JSON pointer, the id of an element, a row. */
  pointer?: string;
}

/** A refusal. `code` is stable; `message` is the server's sentence. */
export class Problem extends Error {
  readonly code: string;
  readonly kind: Kind;
  readonly status: number;
  readonly hint: string | undefined;
  readonly place: Place | undefined;
  readonly also: Problem[];
  /** Seconds after which it may be tried again. */
  readonly retryAfter: number | undefined;

  constructor(body: ProblemBody, retryAfter?: number) {
    super(body.detail ?? body.message ?? body.title ?? body.code ?? 'unknown');
    this.name = 'Problem';
    this.code = body.code ?? 'http.unknown';
    this.kind = body.kind ?? 'internal';
    this.status = body.status ?? 0;
    this.hint = body.hint;
    this.place = body.place;
    this.also = (body.also ?? []).map((other) => new Problem(other));
    this.retryAfter = retryAfter;
  }

  /** The unit did not answer at all. */
  static unreachable(): Problem {
    return new Problem({ code: 'console.unreachable', kind: 'unavailable', detail: 'the unit cannot be reached' });
  }

  /** Makes a problem of whatever was thrown. */
  static of(thrown: unknown): Problem {
    if (thrown instanceof Problem) return thrown;
    if (thrown instanceof DOMException && thrown.name === 'AbortError') {
      return new Problem({ code: 'console.aborted', kind: 'unavailable', detail: 'the request was given up' });
    }
    const detail = thrown instanceof Error ? thrown.message : String(thrown);
    return new Problem({ code: 'console.internal', kind: 'internal', detail });
  }

  /** Returns the problem of one field, by its JSON pointer (`/order_id`); else nothing. */
  at(pointer: string): Problem | undefined {
    return [this, ...this.also].find((each) => each.place?.pointer === pointer);
  }

  /** True where the operation or the resource is not there, or not for this caller. */
  get isAbsent(): boolean {
    return this.kind === 'not_found' || this.kind === 'forbidden' || this.status === 405;
  }

  /** True where the request was given up by the page itself. */
  get isAborted(): boolean {
    return this.code === 'console.aborted';
  }

  /** True where waiting helps: the unit is busy, has no room left for now, or cannot be reached. A limit that no waiting lifts says no time. */
  get isBusy(): boolean {
    return this.kind === 'exhausted' ? this.retryAfter !== undefined : this.kind === 'unavailable' && !this.isAborted;
  }

  /** True where the unit could not be reached at all. */
  get isOffline(): boolean {
    return this.code === 'console.unreachable';
  }
}

interface ProblemBody {
  title?: string;
  status?: number;
  detail?: string;
  /** The sentence of one of several, in `also`. */
  message?: string;
  code?: string;
  kind?: Kind;
  hint?: string;
  place?: Place;
  also?: ProblemBody[];
}

/** Reads the problem out of an answer; an answer without one becomes one by its status. */
export async function problemOf(response: Response): Promise<Problem> {
  const retryAfter = Number(response.headers.get('retry-after')) || undefined;
  let body: ProblemBody = {};
  try {
    if (response.headers.get('content-type')?.includes('json')) body = (await response.json()) as ProblemBody;
  } catch {
    // A body that breaks off says less than the status.
  }
  const fallback: ProblemBody = {
    status: response.status,
    code: `http.${response.status}`,
    kind: kindOf(response.status),
    detail: response.statusText || `status ${response.status}`,
  };
  return new Problem({ ...fallback, ...body }, retryAfter);
}

function kindOf(status: number): Kind {
  const kinds: Record<number, Kind> = {
    401: 'unauthenticated',
    403: 'forbidden',
    404: 'not_found',
    405: 'not_found',
    408: 'unavailable',
    409: 'conflict',
    429: 'exhausted',
    502: 'unavailable',
    503: 'unavailable',
    504: 'unavailable',
  };
  return kinds[status] ?? (500 <= status ? 'internal' : 'invalid');
}
