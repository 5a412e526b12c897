import { type Address, type AddressPattern, ANY } from './address.ts';
import { isSameTemporal } from './temporal.ts';

/**
 * Whether the pattern covers the address. `any` covers every agent, role (also none), project, task
 * and temporal part; a pattern that ends in `*` every path that begins so. A pattern without either
 * covers exactly the equal address. Short forms are names for records, so they cover only
 * themselves: resolve them first.
 */
export function matches(pattern: AddressPattern, address: Address): boolean {
  if (pattern.kind === 'agentid') {
    return address.kind === 'agentid' && pattern.id === address.id;
  }
  if (address.kind === 'agentid') return false;
  return (
    covers(pattern.agent, address.agent) &&
    covers(pattern.role, address.role) &&
    covers(pattern.project, address.project) &&
    covers(pattern.task, address.task) &&
    (pattern.temporal === null || isSameTemporal(pattern.temporal, address.temporal)) &&
    (pattern.isPrefix ? address.path.startsWith(pattern.path) : address.path === pattern.path)
  );
}

function covers(wanted: string | null, name: string | null): boolean {
  return wanted === ANY || wanted === name;
}
