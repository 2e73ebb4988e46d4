// Resources with manifests, of one kind.

import { call } from '../../api/client';
import type { Resource } from './answers';

export async function readAll<Spec>(kind: string, signal: AbortSignal): Promise<Resource<Spec>[]> {
  const answer = (await call('resource.list', { kind }, { signal })) as unknown as { items: Resource<Spec>[] };
  return answer.items;
}
