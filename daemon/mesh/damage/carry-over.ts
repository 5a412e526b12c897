import {
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type StoreWrite,
  toError,
} from '../../../protocols/interface/index.ts';
import {
  blocksOfCommand,
  type Command,
  decodeBatch,
  decodeHeldCommand,
} from '../../../protocols/slurp/index.ts';

/**
 * What was accepted here and is not known to be decided: the batches of the outbox, what is held
 * back, and the blocks that they refer to. Nobody else has it. What cannot be read is left out, and
 * told in the log.
 */
export async function waitingIn(
  store: KeyValueStore,
  logger: Logger,
): Promise<readonly StoreWrite[]> {
  const writes: StoreWrite[] = [];
  try {
    for (const namespace of ['outbox', 'heldback'] as const) {
      for await (const [key, value] of store.entries(namespace)) {
        const commands = commandsIn(namespace, value);
        if (commands === undefined) logger.error({ namespace, key }, 'what waited is damaged');
        else writes.push({ namespace, key, value }, ...(await blocksFor(store, commands)));
      }
    }
  } catch (error) {
    logger.error({ err: toError(error) }, 'the rest of the outbox cannot be read');
  }
  return writes;
}

function commandsIn(namespace: 'heldback' | 'outbox', bytes: Uint8Array) {
  try {
    return namespace === 'outbox' ? decodeBatch(bytes).value.commands : [decodeHeldCommand(bytes)];
  } catch (error) {
    if (isCooeeError(error)) return undefined;
    throw error;
  }
}

/** As the store of contents has them; a damaged one is found when it is read. */
async function blocksFor(
  store: KeyValueStore,
  commands: readonly Command[],
): Promise<readonly StoreWrite[]> {
  const writes: StoreWrite[] = [];
  for (const { cid } of commands.flatMap((command) => blocksOfCommand(command))) {
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
