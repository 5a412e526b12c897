import { createHash } from 'node:crypto';
import { createTokenCodec, foldSymbols } from '../../../protocols/agent-id/index.ts';
import { findPeer } from '../mesh/members.ts';
import type { CliClient } from '../socket-client.ts';

/**
 * Who is meant, as the lists of the API know it: a token, as forgiving as everywhere; anything else
 * is a peer id or the name of a member.
 *
 * @throws CooeeError as {@link findPeer}
 */
export async function findActor(client: CliClient, text: string): Promise<string> {
  const codec = createTokenCodec((data) => createHash('sha256').update(data).digest());
  return codec.refusalOf(text) === null ? foldSymbols(text) : await findPeer(client, text);
}
