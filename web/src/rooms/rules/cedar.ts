// Policies as text: which lines of a role's manifest a decision came from.

import type { Decided, Resource, RoleSpec } from './answers';

export const builtIn = ['owner', 'operator', 'developer', 'analyst', 'approver', 'viewer'] as const;

/** Returns the text of a policy that decided, where a manifest of this unit has it. */
export function cedarOf(decided: Decided, roles: readonly Resource<RoleSpec>[]): string | undefined {
  const role = roles.find((each) => each.name === decided.role);
  const text = role?.spec.policies;
  if (!text) return undefined;
  const lines = text.split('\n');
  const from = Math.max(0, decided.line - 1);
  const length = lines.slice(from).findIndex((line) => line.trimEnd().endsWith(';'));
  return lines.slice(from, length === -1 ? undefined : from + length + 1).join('\n');
}

/** The role that a policy speaks of: `role:care/sees-orders`, `roles/operator-runs`. */
export function roleOf(decided: Decided): string | undefined {
  if (decided.role) return decided.role;
  const name = /^roles\/([a-z]+)/.exec(decided.policy)?.[1];
  return builtIn.find((each) => each === name);
}
