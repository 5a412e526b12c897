import type { TrustAnchor } from '../../../../protocols/membership/index.ts';
import { toHex } from '../../../../protocols/wire/index.ts';

/** An anchor as people give it: `INDEX:ROOT:VOTER,VOTER…`. */
export function formatAnchor({ index, root, voters }: TrustAnchor): string {
  return `${index}:${toHex(root)}:${voters.join(',')}`;
}
