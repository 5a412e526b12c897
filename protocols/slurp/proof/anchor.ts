import { z } from 'zod';
import { CooeeError } from '../../interface/index.ts';
import type { TrustAnchor } from '../../membership/index.ts';
import { fromHex, peerIdText } from '../../wire/index.ts';

const FORM = /^(\d{1,15}):([0-9a-f]{64}):([^:]+)$/;
const votersSchema = z.array(peerIdText).min(1).max(9);

/** Reads an anchor: `INDEX:ROOT:VOTER,VOTER…`, the root in hex. @throws CooeeError ERR_API_USAGE */
export function parseAnchor(text: string): TrustAnchor {
  const [, index = '', root = '', voters = ''] = FORM.exec(text.trim()) ?? [];
  const parsed = votersSchema.safeParse(voters.split(','));
  if (index === '' || !parsed.success) {
    throw new CooeeError('ERR_API_USAGE', 'an anchor is INDEX:ROOT:VOTER[,VOTER…], or an invite');
  }
  return { index: Number(index), root: fromHex(root), voters: parsed.data };
}
