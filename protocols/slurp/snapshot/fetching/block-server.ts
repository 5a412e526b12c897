import type { KeyValueStore, Responder } from '../../../interface/index.ts';
import type { SnapshotFiles } from '../files/snapshot-files.ts';
import { ANSWER_BYTES_MAX, blockProtocol, blockRequest, blockResponse } from '../records.ts';

/** Around each block of an answer. */
const FRAMING_BYTES = 8;

/** What serving blocks needs. */
export interface BlockServerComponents {
  readonly meshId: string;
  readonly store: KeyValueStore;
  /** Files of snapshots that were taken here. */
  readonly files: Pick<SnapshotFiles, 'read'>;
  readonly responder: Responder;
  /** Throws while this node's own state must not be handed on. */
  readonly assertSound: () => void;
}

/**
 * Serves the blocks of snapshots and of submissions to members: those that are here, as many as
 * fit. A block is checked by who asked for it, against the id that it asked for.
 */
export async function serveBlocks(components: BlockServerComponents): Promise<void> {
  const { meshId, store, files, responder, assertSound } = components;
  await responder.handle(blockProtocol(meshId), async (_peer, body) => {
    assertSound();
    const blocks: Uint8Array[] = [];
    let room = ANSWER_BYTES_MAX;
    for (const cid of new Set(blockRequest.decode(body).cids)) {
      const block =
        (await files.read(cid)) ??
        (await store.get('block', cid)) ??
        (await store.get('content', cid));
      if (block === undefined) continue;
      room -= block.length + FRAMING_BYTES;
      if (room < 0) break;
      blocks.push(block);
    }
    return blockResponse.encode(blocks);
  });
}
