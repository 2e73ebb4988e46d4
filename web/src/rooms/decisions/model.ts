// What a decision asks for, read from its model: the inputs that one can try it with.

export interface InputField {
  name: string;
  /** The FEEL type, where the model says one. */
  type: string;
  label?: string;
}

/** Returns the inputs of a model: its input data, else what the columns of its tables name. */
export function inputsOf(source: string): InputField[] {
  const document = new DOMParser().parseFromString(source, 'text/xml');
  const all = (name: string): Element[] => [...document.getElementsByTagNameNS('*', name)];
  const labels = new Map<string, { type: string; label?: string }>();
  for (const input of all('input')) {
    const expression = input.getElementsByTagNameNS('*', 'inputExpression')[0];
    const text = expression?.getElementsByTagNameNS('*', 'text')[0]?.textContent?.trim() ?? '';
    if (!/^[\p{L}_][\p{L}\p{N}_ ]*$/u.test(text)) continue;
    const label = input.getAttribute('label');
    labels.set(text, { type: expression?.getAttribute('typeRef') ?? '', ...(label ? { label } : {}) });
  }
  const data = all('inputData').map((each) => {
    const variable = each.getElementsByTagNameNS('*', 'variable')[0];
    const name = variable?.getAttribute('name') ?? each.getAttribute('name') ?? '';
    const known = labels.get(name);
    return { name, type: variable?.getAttribute('typeRef') ?? known?.type ?? '', ...(known?.label ? { label: known.label } : {}) };
  });
  if (0 < data.length) return data;
  // Results of other decisions of the file are no inputs.
  const decided = new Set(all('decision').flatMap((each) => [each.getAttribute('name'), each.getAttribute('id')]));
  return [...labels].filter(([name]) => !decided.has(name)).map(([name, known]) => ({ name, ...known }));
}

/** Reads what was typed as the type of an input; a text that is no such value is refused. */
export function readInput(text: string, type: string): { ok: true; value: unknown } | { ok: false } {
  const trimmed = text.trim();
  if (trimmed === '') return { ok: true, value: null };
  if (['number', 'integer', 'long', 'double'].includes(type)) {
    const value = Number(trimmed);
    return Number.isFinite(value) ? { ok: true, value } : { ok: false };
  }
  if (type === 'boolean') return trimmed === 'true' || trimmed === 'false' ? { ok: true, value: trimmed === 'true' } : { ok: false };
  if (['string', 'date', 'time', 'dateTime', 'date and time', 'dayTimeDuration', 'yearMonthDuration'].includes(type)) return { ok: true, value: text };
  try {
    return { ok: true, value: JSON.parse(trimmed) };
  } catch {
    return { ok: true, value: text };
  }
}
