import { CooeeError, type Hash } from '../interface/index.ts';
import { equalBytes } from './canonical.ts';

/**
 * The Merkle tree of RFC 6962, section 2.1, over the entries of the log: leaf hash = SHA-256(0x00 ‖
 * entry), node hash = SHA-256(0x01 ‖ left ‖ right). Appending needs only the roots of the complete
 * subtrees (the frontier).
 */
const LEAF = 0;
const NODE = 1;
const HASH_BYTES = 32;

/**
 * The roots of the complete subtrees of a log of `size` entries, largest first: one per set bit of
 * `size`.
 */
export interface MerkleFrontier {
  readonly size: number;
  readonly peaks: readonly Uint8Array[];
}

/** The frontier of the empty log. */
export const EMPTY_FRONTIER: MerkleFrontier = { size: 0, peaks: [] };

/** The hash of one entry. */
export function leafHash(sha256: Hash, entry: Uint8Array): Uint8Array {
  const input = new Uint8Array(entry.length + 1);
  input[0] = LEAF;
  input.set(entry, 1);
  return sha256(input);
}

/** The hash of an inner node. */
export function nodeHash(sha256: Hash, left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + left.length + right.length);
  input[0] = NODE;
  input.set(left, 1);
  input.set(right, 1 + left.length);
  return sha256(input);
}

/** The frontier after one more leaf: merges as often as `size` has trailing one bits. */
export function appendLeaf(
  sha256: Hash,
  frontier: MerkleFrontier,
  leaf: Uint8Array,
): MerkleFrontier {
  const peaks = [...frontier.peaks];
  let carry = leaf;
  // Sizes pass 2^32 on paper only, but division keeps the arithmetic exact there too.
  for (let rest = frontier.size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    const left = peaks.pop();
    if (left === undefined) throw new Error('a Merkle frontier has one peak for each set bit');
    carry = nodeHash(sha256, left, carry);
  }
  peaks.push(carry);
  return { size: frontier.size + 1, peaks };
}

/** The root of the tree (of the empty one: SHA-256 of nothing, as the RFC has it). */
export function merkleRoot(sha256: Hash, frontier: MerkleFrontier): Uint8Array {
  const last = frontier.peaks.at(-1);
  if (last === undefined) return sha256(new Uint8Array(0));
  let root = last;
  for (let i = frontier.peaks.length - 2; i >= 0; i--) {
    root = nodeHash(sha256, frontier.peaks[i] as Uint8Array, root);
  }
  return root;
}

/**
 * The subtrees whose roots make up the audit path (RFC 6962, section 2.1.1) of leaf `index` (from
 * 0) in a tree of `size` leaves: from each first leaf up to, not including, the second; the lowest
 * subtree first.
 */
export function auditSiblings(index: number, size: number): readonly (readonly [number, number])[] {
  if (!isPosition(index, size)) throw new RangeError('no such leaf');
  let from = 0;
  let to = size;
  const siblings: [number, number][] = [];
  while (to - from > 1) {
    const split = from + largestPowerBelow(to - from);
    if (index < split) {
      siblings.push([split, to]);
      to = split;
    } else {
      siblings.push([from, split]);
      from = split;
    }
  }
  return siblings.reverse();
}

/** Whether `leaf` stands at `index` (from 0) in the tree of `size` leaves with that root. */
export function isInTree(
  sha256: Hash,
  leaf: { readonly hash: Uint8Array; readonly index: number },
  path: readonly Uint8Array[],
  tree: { readonly size: number; readonly root: Uint8Array },
): boolean {
  if (!isPosition(leaf.index, tree.size) || leaf.hash.length !== HASH_BYTES) return false;
  const sides: boolean[] = [];
  let from = 0;
  let to = tree.size;
  while (to - from > 1) {
    const split = from + largestPowerBelow(to - from);
    const isLeft = leaf.index < split;
    sides.push(isLeft);
    if (isLeft) to = split;
    else from = split;
  }
  if (sides.length !== path.length) return false;
  let hash = leaf.hash;
  for (const [i, isLeft] of sides.reverse().entries()) {
    const sibling = path[i];
    if (sibling === undefined || sibling.length !== HASH_BYTES) return false;
    hash = isLeft ? nodeHash(sha256, hash, sibling) : nodeHash(sha256, sibling, hash);
  }
  return equalBytes(hash, tree.root);
}

/** Checks a frontier that comes from the disk. @throws CooeeError ERR_STORAGE_DAMAGED */
export function assertFrontier(frontier: MerkleFrontier): MerkleFrontier {
  const { size, peaks } = frontier;
  const isSize = Number.isSafeInteger(size) && size >= 0;
  let bits = 0;
  for (let rest = isSize ? size : 0; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  if (!isSize || bits !== peaks.length || peaks.some((peak) => peak.length !== HASH_BYTES)) {
    throw new CooeeError('ERR_STORAGE_DAMAGED', 'the stored Merkle frontier does not fit its size');
  }
  return frontier;
}

function isPosition(index: number, size: number): boolean {
  return Number.isSafeInteger(index) && index >= 0 && index < size;
}

function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}
