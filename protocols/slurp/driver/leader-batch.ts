import type { Clock, Crypto, Signer } from '../../interface/index.ts';
import { cidOf, encodeCanonical } from '../../wire/index.ts';
import { type Batch, encodeBatch } from '../machine/codec.ts';
import type { CommandBody } from '../machine/kinds.ts';

/** What a leader makes its own commands with. */
export interface CommandMaker {
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly meshId: string;
}

/** A batch with its bytes. */
export interface MadeBatch {
  readonly bytes: Uint8Array;
  readonly batch: Batch;
}

/**
 * A batch of the leader's own: one command for its term. Its number says nothing (it is not the
 * outbox's), so all have the same.
 */
export function leaderBatch<K extends 'leader.announce' | 'mesh.recover' | 'voter.change'>(
  maker: CommandMaker,
  kind: K,
  body: CommandBody<K>,
): MadeBatch {
  const { signer, crypto, clock, meshId } = maker;
  const timeMs = Math.max(0, clock.nowMs());
  const id = cidOf(crypto.sha256, encodeCanonical([signer.peer, kind, body, timeMs]));
  const command = { id, kind, actor: { peer: signer.peer }, timeMs, body };
  const batch = { mesh: meshId, boot: 1, seq: 1, commands: [command] };
  const bytes = encodeBatch(signer, batch);
  return { bytes, batch: { v: 1, origin: signer.peer, ...batch } };
}
