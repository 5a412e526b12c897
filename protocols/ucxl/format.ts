import { CooeeError } from '../interface/index.ts';
import { type Address, AGENT_ID_SCHEME, SCHEME } from './address.ts';
import { parseAddress } from './parse.ts';
import { formatTemporal } from './temporal.ts';

/**
 * Writes an address in its one canonical spelling (`#` for now, no number for one step). The text
 * reads back as the same address, always.
 *
 * @throws CooeeError ERR_UCXL_SYNTAX, ERR_UCXL_TEMPORAL when a part cannot stand in an address
 */
export function formatAddress(address: Address): string {
  const text = compose(address);
  // Reading it back is the check: a part such as `a@b` would otherwise make a sound address of
  // something else.
  const readBack = parseAddress(text);
  const differsAt = firstDifference(partsOf(address), partsOf(readBack));
  if (differsAt === null) return text;
  throw new CooeeError('ERR_UCXL_SYNTAX', `The ${differsAt} cannot stand in an address.`, {
    details: { position: 0, part: differsAt },
  });
}

function compose(address: Address): string {
  if (address.kind === 'agentid') return AGENT_ID_SCHEME + address.id;
  const role = address.role === null ? '' : `:${address.role}`;
  const authority = `${address.agent}${role}@${address.project}:${address.task}`;
  const path = address.path === '' ? '' : `/${address.path}`;
  return `${SCHEME}${authority}/${formatTemporal(address.temporal)}${path}`;
}

type Part = readonly [name: string, value: string | null];

function partsOf(address: Address): Part[] {
  if (address.kind === 'agentid') {
    return [
      ['kind', address.kind],
      ['form', address.form],
      ['id', address.id],
    ];
  }
  return [
    ['kind', address.kind],
    ['agent', address.agent],
    ['role', address.role],
    ['project', address.project],
    ['task', address.task],
    ['temporal part', formatTemporal(address.temporal)],
    ['path', address.path],
  ];
}

function firstDifference(wanted: readonly Part[], got: readonly Part[]): string | null {
  const at = wanted.findIndex(([, value], index) => got[index]?.[1] !== value);
  return wanted[at]?.[0] ?? null;
}
