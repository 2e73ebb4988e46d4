// Which unit this is, as it says to anybody.

interface Welcome {
  name: string;
  version: string;
  providers: string[];
}

class Unit {
  name = $state('');
  version = $state('');
  /** Identity providers by which one can sign in. */
  providers = $state.raw<string[]>([]);

  /** Reads what the unit says of itself; an older unit may say less. */
  async start(): Promise<void> {
    try {
      const response = await fetch('/', { headers: { accept: 'application/json' }, credentials: 'same-origin' });
      const text = await response.text();
      const body = text.startsWith('{') ? (JSON.parse(text) as Partial<Welcome>) : inWords(text);
      this.name = body.name ?? '';
      this.version = body.version ?? '';
      this.providers = body.providers ?? [];
    } catch {
      // It stays without a name.
    }
  }
}

export const unit = new Unit();

/** Reads `shop: a unit run by Craton 0.1.0.` */
function inWords(text: string): Partial<Welcome> {
  const found = /^(\S+): a unit run by Craton (\S+?)\.?\s/.exec(`${text}\n`);
  return { name: found?.[1] ?? '', version: found?.[2] ?? '' };
}
