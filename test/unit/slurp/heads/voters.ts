import { expect } from 'vitest';
import type { LogRecord, Signer } from '../../../../protocols/interface/index.ts';
import type { TrustAnchor } from '../../../../protocols/membership/index.ts';
import {
  encodeHeadBody,
  joinSignatures,
  signHeadBody,
} from '../../../../protocols/slurp/heads/head-rules.ts';
import { type Head, TrustBook } from '../../../../protocols/slurp/index.ts';
import {
  batchOf,
  type Change,
  crypto,
  founder,
  GENESIS,
  type Machine,
  MESH,
  recordsOf,
  rename,
  rootOf,
  START_MS,
  signerOf,
} from '../mesh-world.ts';

/** Nine nodes; the first one made the mesh. */
export const nodes: readonly Signer[] = Array.from({ length: 9 }, (_, i) => signerOf(1 + i));

export const some = (...numbers: readonly number[]): Signer[] =>
  numbers.map((number) => nodes[number - 1] as Signer);
export const names = (signers: readonly Signer[]): string[] => signers.map(({ peer }) => peer);

/** A head signed by these. */
export function headBy(
  signers: readonly Signer[],
  head: Pick<Head, 'index' | 'root'> & Partial<Head> & { readonly by: readonly Signer[] },
): Uint8Array {
  const { by, v: _v, ...rest } = head;
  const body = encodeHeadBody({
    mesh: MESH,
    epoch: 0,
    term: 2,
    voters: names(by),
    timeMs: START_MS,
    ...rest,
  });
  const signatures = signers.map((it) => ({ voter: it.peer, s: signHeadBody(it, body) }));
  return joinSignatures(body, signatures);
}

export const change = (
  voters: readonly Signer[],
  learners: readonly Signer[] = [],
  term = 2,
): Change => ({
  kind: 'voter.change',
  body: { term, voters: names(voters), learners: names(learners) },
});

/** Voters by the index of their change; genesis makes the founder the first one. */
export type Changes = ReadonlyMap<number, readonly Signer[]>;

/** Batches of a log of that length with these changes of voters in it, without genesis. */
export function batchesWith(changes: Changes, length: number): Uint8Array[] {
  return Array.from({ length: length - 1 }, (_, i) => {
    const index = i + 2;
    const voters = changes.get(index);
    const what = voters === undefined ? rename(`name ${index}`) : change(voters);
    return batchOf(founder, { seq: index }, [what]);
  });
}

/** A log of that length with these changes of voters in it. */
export function logWith(changes: Changes, length: number): LogRecord[] {
  return [GENESIS, ...recordsOf(batchesWith(changes, length))];
}

/** The links of such a log: each signed by all of the voters before. */
export function linksOf(records: readonly LogRecord[], changes: Changes): Uint8Array[] {
  let before: readonly Signer[] = [founder];
  const links: Uint8Array[] = [];
  for (const [index, voters] of [...changes].sort(([a], [b]) => a - b)) {
    const root = rootOf(records.slice(0, index));
    links.push(headBy(before, { index, root, by: voters }));
    before = voters;
  }
  return links;
}

/** So many changes of one voter each, `step` entries apart: after a while nobody is left. */
export function rotation(count: number, step = 3): Changes {
  const changes = new Map<number, readonly Signer[]>();
  let voters: readonly Signer[] = [founder];
  for (let i = 0; i < count; i++) {
    if (i < 2) voters = [...voters, nodes[i + 1] as Signer];
    else if (i % 2 === 0) voters = [...voters, nodes[(i / 2 + 2) % 9] as Signer];
    else voters = voters.slice(1);
    changes.set(2 + i * step, voters);
  }
  return changes;
}

export const anchorAt = (
  records: readonly LogRecord[],
  index: number,
  voters: readonly Signer[] = [founder],
): TrustAnchor => ({ index, root: rootOf(records.slice(0, index)), voters: names(voters) });

/** A book on that machine, which begins at genesis unless told otherwise. */
export async function openBook(
  machine: Machine,
  anchor: TrustAnchor = anchorAt([GENESIS], 1),
): Promise<TrustBook> {
  const book = new TrustBook({ ...machine, meshLog: machine.meshLog, crypto }, anchor);
  await book.open();
  return book;
}

/** The reason in a refusal of a head. */
export const refused = (reason: string) =>
  expect.objectContaining({
    code: 'ERR_SLURP_HEAD',
    details: expect.objectContaining({ reason }),
  });
