import { isCooeeError, LIMITS } from '../../../../protocols/interface/index.ts';
import { type Command, decodeBatch, decodeEntry } from '../../../../protocols/slurp/index.ts';
import type { NodeLife } from '../../../mesh/node-life.ts';
import type { Deed } from '../peer.ts';
import { nameIn } from './way-facts.ts';

/**
 * Who did what the entry at an index says, when that entry is still kept here.
 *
 * @param subject - the peer that it was done to, when it may have done so itself
 * @throws CooeeError ERR_STORAGE_* but for ERR_STORAGE_COMPACTED
 */
export async function deedAt(
  node: NodeLife,
  index: number,
  { kind, subject }: { readonly kind: string; readonly subject?: string },
): Promise<Deed> {
  const entry = await entryAt(node, index);
  const command = entry?.commands.find((it) => it.kind === kind);
  if (entry === undefined || command === undefined) {
    return { index, by: undefined, timeMs: entry?.timeMs, isOwn: false };
  }
  const { peer } = command.actor;
  return { index, by: actorText(node, command), timeMs: entry.timeMs, isOwn: peer === subject };
}

function actorText(node: NodeLife, { actor }: Command): string {
  const { peer, agent, human } = actor;
  const name = nameIn(node, peer);
  return agent === undefined && human === undefined ? name : `${human ?? agent} on ${name}`;
}

async function entryAt(
  { parts }: NodeLife,
  index: number,
): Promise<{ readonly timeMs: number; readonly commands: readonly Command[] } | undefined> {
  try {
    const [record] = await parts.meshLog.read(index, 1, LIMITS.streamMessageBytesMax);
    if (record?.index !== index) return undefined;
    const { timeMs, batch } = decodeEntry(record.bytes);
    return { timeMs, commands: decodeBatch(batch).value.commands };
  } catch (error) {
    if (isCooeeError(error, 'ERR_STORAGE_COMPACTED')) return undefined;
    throw error;
  }
}
