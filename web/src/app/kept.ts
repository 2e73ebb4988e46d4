// Small choices that this browser keeps: theme, language, columns. Never anything of the business.

const prefix = 'craton.';

export function recall<Value>(name: string): Value | undefined {
  try {
    const text = localStorage.getItem(prefix + name);
    return text === null ? undefined : (JSON.parse(text) as Value);
  } catch {
    // Browsers may forbid it; then nothing is kept.
    return undefined;
  }
}

export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(prefix + name, JSON.stringify(value));
  } catch {
    // As above.
  }
}
