// What the fields of a form are called.

interface Part {
  key?: string;
  label?: string;
  components?: Part[];
}

/** Returns labels by the name of the value, where they are plain text. */
export function labelsOf(schema: unknown): Record<string, string> {
  const labels: Record<string, string> = {};
  const walk = (part: Part) => {
    for (const each of part.components ?? []) {
      if (each.key && each.label && !each.label.startsWith('=') && !each.label.includes('{{')) labels[each.key] = each.label;
      walk(each);
    }
  };
  walk((schema ?? {}) as Part);
  return labels;
}
