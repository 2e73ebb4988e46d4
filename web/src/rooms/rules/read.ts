// Resources with manifests, of one kind.

import { call } from '../../api/client';
import type { Resource } from './answers';

export async function readAll<Spec>(kind: string, signal: AbortSignal): Promise<Resource<Spec>[]> {
  // Who may list some kinds need not be one who may list this one.
  const { allowed } = (await call('policy.check', { operation: 'resource.list', resource: kind }, { signal })) as { allowed: boolean };
  if (!allowed) return [];
  const answer = (await call('resource.list', { kind }, { signal })) as unknown as { items: Resource<Spec>[] };
  return answer.items;
}
