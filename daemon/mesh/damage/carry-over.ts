import {
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type StoreWrite,
  toError,
} from '../../../protocols/interface/index.ts';
import { type Batch, blocksOfCommand, decodeBatch } from '../../../protocols/slurp/index.ts';

/**
 * What was accepted here and is not known to be decided: the batches of the outbox, and the blocks
 * that they refer to. Nobody else has it. What cannot be read is left out, and told in the log.
 */
export async function waitingIn(
  store: KeyValueStore,
  logger: Logger,
): Promise<readonly StoreWrite[]> {
  const writes: StoreWrite[] = [];
  try {
    for await (const [key, value] of store.entries('outbox')) {
      const batch = batchIn(value);
      if (batch === undefined) logger.error({ key }, 'a batch of the outbox is damaged');
      else writes.push({ namespace: 'outbox', key, value }, ...(await blocksFor(store, batch)));
    }
  } catch (error) {
    logger.error({ err: toError(error) }, 'the rest of the outbox cannot be read');
  }
  return writes;
}

function batchIn(bytes: Uint8Array): Batch | undefined {
  try {
    return decodeBatch(bytes).value;
  } catch (error) {
    if (isCooeeError(error)) return undefined;
    throw error;
  }
}

/** As the store of contents has them; a damaged one is found when it is read. */
async function blocksFor(store: KeyValueStore, batch: Batch): Promise<readonly StoreWrite[]> {
  const writes: StoreWrite[] = [];
  for (const { cid } of batch.commands.flatMap((command) => blocksOfCommand(command))) {
    for (const [namespace, key] of [
      ['content', cid],
      ['contentinfo', `loose/${cid}`],
      ['contentinfo', `held/${cid}`],
    ] as const) {
      const value = await store.get(namespace, key);
      if (value !== undefined) writes.push({ namespace, key, value });
    }
  }
  return writes;
}
