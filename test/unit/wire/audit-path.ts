import type { Hash } from '../../../protocols/interface/index.ts';
import {
  appendLeaf,
  auditSiblings,
  EMPTY_FRONTIER,
  merkleRoot,
} from '../../../protocols/wire/merkle.ts';

/** The audit path (RFC 6962, section 2.1.1) of leaf `index` (from 0), from all leaf hashes. */
export function auditPath(
  sha256: Hash,
  leaves: readonly Uint8Array[],
  index: number,
): readonly Uint8Array[] {
  return auditSiblings(index, leaves.length).map(([low, high]) =>
    merkleRoot(
      sha256,
      leaves
        .slice(low, high)
        .reduce((tree, leaf) => appendLeaf(sha256, tree, leaf), EMPTY_FRONTIER),
    ),
  );
}
