import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import { toHex } from '../../../protocols/wire/hex.ts';
import {
  appendLeaf,
  assertFrontier,
  EMPTY_FRONTIER,
  isInTree,
  leafHash,
  type MerkleFrontier,
  merkleRoot,
  nodeHash,
} from '../../../protocols/wire/merkle.ts';
import { auditPath } from './audit-path.ts';

const { sha256 } = nodeCrypto;
const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/**
 * The sample entries and roots of the reference implementation of RFC 6962
 * (certificate-transparency).
 */
const SAMPLES = [
  ['', '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
  ['00', 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'],
  ['10', 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77'],
  ['2021', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'],
  ['3031', '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4'],
  ['40414243', '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef'],
  ['5051525354555657', 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c'],
  [
    '606162636465666768696a6b6c6d6e6f',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ],
] as const;

/** Section 2.1 of the RFC, word for word. */
function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256(new Uint8Array(0));
  const [first] = leaves;
  if (leaves.length === 1 && first !== undefined) return first;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(sha256, naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

function naivePath(index: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return [];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return index < k
    ? [...naivePath(index, leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
    : [...naivePath(index - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))];
}

const leavesOf = (size: number): Uint8Array[] =>
  Array.from({ length: size }, (_, i) => leafHash(sha256, Uint8Array.of(i, i >> 8)));
const treeOf = (leaves: readonly Uint8Array[]): MerkleFrontier =>
  leaves.reduce<MerkleFrontier>((tree, leaf) => appendLeaf(sha256, tree, leaf), EMPTY_FRONTIER);
const pathOf = (leaves: readonly Uint8Array[], index: number) => auditPath(sha256, leaves, index);

describe('the Merkle tree', () => {
  it('has the roots of the reference implementation', () => {
    expect(toHex(merkleRoot(sha256, EMPTY_FRONTIER))).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    let tree = EMPTY_FRONTIER;
    for (const [entry, root] of SAMPLES) {
      tree = appendLeaf(sha256, tree, leafHash(sha256, fromHex(entry)));
      expect(toHex(merkleRoot(sha256, tree))).toBe(root);
    }
  });

  it('has the audit paths of the reference implementation', () => {
    const leaves = SAMPLES.map(([entry]) => leafHash(sha256, fromHex(entry)));
    expect(pathOf(leaves, 0).map(toHex)).toEqual([
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ]);
    expect(pathOf(leaves, 5).map(toHex)).toEqual([
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
    expect(pathOf(leaves.slice(0, 3), 2).map(toHex)).toEqual([
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    ]);
  });

  it('equals the definition for every size up to 130', () => {
    const leaves = leavesOf(130);
    let tree = EMPTY_FRONTIER;
    for (let size = 0; size <= 130; size++) {
      expect(tree.size).toBe(size);
      expect(assertFrontier(tree)).toBe(tree);
      expect(merkleRoot(sha256, tree)).toEqual(naiveRoot(leaves.slice(0, size)));
      tree = appendLeaf(sha256, tree, leaves[size] ?? new Uint8Array(32));
    }
  });

  it('does not change the frontier that it goes on from', () => {
    const tree = treeOf(leavesOf(7));
    const before = merkleRoot(sha256, tree);
    appendLeaf(sha256, tree, leavesOf(1)[0] as Uint8Array);
    expect(tree.size).toBe(7);
    expect(merkleRoot(sha256, tree)).toEqual(before);
  });

  it('proves each leaf of every tree up to 40, and nothing else', () => {
    for (let size = 1; size <= 40; size++) {
      const leaves = leavesOf(size);
      const tree = { size, root: naiveRoot(leaves) };
      for (const [index, hash] of leaves.entries()) {
        const path = pathOf(leaves, index);
        expect(path).toEqual(naivePath(index, leaves));
        expect(isInTree(sha256, { hash, index }, path, tree)).toBe(true);
        for (let other = -1; other <= size; other++) {
          if (other !== index)
            expect(isInTree(sha256, { hash, index: other }, path, tree)).toBe(false);
        }
        expect(isInTree(sha256, { hash, index }, [...path, hash], tree)).toBe(false);
        if (path.length > 0) {
          expect(isInTree(sha256, { hash, index }, path.slice(1), tree)).toBe(false);
          expect(isInTree(sha256, { hash, index }, path.slice(0, -1), tree)).toBe(false);
        }
      }
    }
  });

  it('proves nothing when a byte of leaf, path or root changed', () => {
    const change = (hash: Uint8Array, at: number): Uint8Array =>
      hash.map((byte, i) => (i === at % hash.length ? byte ^ 1 : byte));
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        (size, a, b, at) => {
          const leaves = leavesOf(size);
          const index = a % size;
          const hash = leaves[index] as Uint8Array;
          const path = pathOf(leaves, index);
          const root = naiveRoot(leaves);
          const changed = path.map((node, i) => (i === b % path.length ? change(node, at) : node));
          expect(isInTree(sha256, { hash, index }, changed, { size, root })).toBe(false);
          expect(isInTree(sha256, { hash: change(hash, at), index }, path, { size, root })).toBe(
            false,
          );
          expect(isInTree(sha256, { hash, index }, path, { size, root: change(root, at) })).toBe(
            false,
          );
          const short = path.map((node, i) => (i === b % path.length ? node.slice(1) : node));
          expect(isInTree(sha256, { hash, index }, short, { size, root })).toBe(false);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('takes no inner node for a leaf', () => {
    const leaves = leavesOf(4);
    const inner = nodeHash(sha256, leaves[0] as Uint8Array, leaves[1] as Uint8Array);
    const right = nodeHash(sha256, leaves[2] as Uint8Array, leaves[3] as Uint8Array);
    const tree = { size: 4, root: naiveRoot(leaves) };
    expect(isInTree(sha256, { hash: inner, index: 0 }, [right], tree)).toBe(false);
    const entry = Uint8Array.of(...(leaves[0] as Uint8Array), ...(leaves[1] as Uint8Array));
    expect(leafHash(sha256, entry)).not.toEqual(inner);
  });

  it.each([-1, 3, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('has no leaf at %s of 3', (index) => {
    const leaves = leavesOf(3);
    expect(() => pathOf(leaves, index)).toThrow(RangeError);
    const hash = leaves[2] as Uint8Array;
    const tree = { size: 3, root: naiveRoot(leaves) };
    expect(isInTree(sha256, { hash, index }, pathOf(leaves, 2), tree)).toBe(false);
  });

  it('takes a root of size 1 for no leaf of another length', () => {
    const tree = { size: 1, root: new Uint8Array(5) };
    expect(isInTree(sha256, { hash: new Uint8Array(5), index: 0 }, [], tree)).toBe(false);
  });

  it.each([
    ['a peak too few', { size: 3, peaks: [new Uint8Array(32)] }],
    ['a peak too many', { size: 0, peaks: [new Uint8Array(32)] }],
    ['a short peak', { size: 1, peaks: [new Uint8Array(31)] }],
    ['a negative size', { size: -1, peaks: [] }],
    ['half an entry', { size: 0.5, peaks: [] }],
    ['no number as size', { size: Number.NaN, peaks: [] }],
    ['an infinite size', { size: Number.POSITIVE_INFINITY, peaks: [] }],
  ])('refuses a stored frontier with %s', (_what, frontier) => {
    expect(() => assertFrontier(frontier)).toThrow(
      expect.objectContaining({ code: 'ERR_STORAGE_DAMAGED' }),
    );
  });

  it('says so when peaks are missing', () => {
    expect(() => appendLeaf(sha256, { size: 1, peaks: [] }, new Uint8Array(32))).toThrow(/peak/);
  });
});
