import { z } from 'zod';
import {
  type ApplyContext,
  isCooeeError,
  type LeaderRecord,
  LIMITS,
  type MeshRecord,
  type Outcome,
  refuse,
  revise,
  type StateWriter,
  type VoterSetRecord,
  voterSetKey,
} from '../../interface/index.ts';
import { leaderAddress } from '../../ucxl/index.ts';
import { bytesUpTo, peerIdText } from '../../wire/index.ts';
import {
  RECOVERY_BYTES_MAX,
  type Recovery,
  type RecoveryTrust,
  verifyRecovery,
} from '../recovery/recovery-link.ts';
import { epochOf } from '../recovery/recovery-rules.ts';
import type { Batch } from './codec.ts';

/**
 * Kinds that the leader alone proposes, for its own term, each alone in its batch. They never go
 * through an outbox, so the numbers that keep retries apart do not count for them: the term in the
 * body does.
 */
const LEADER_KINDS: ReadonlySet<string> = new Set([
  'leader.announce',
  'mesh.recover',
  'voter.change',
]);

/** Whether a command of this kind is the leader's to propose. */
export function isLeaderKind(kind: string): boolean {
  return LEADER_KINDS.has(kind);
}

/** Whether the batch is one of the leader's own: a single command of a leader's kind. */
export function isLeaderBatch(batch: Batch): boolean {
  const [command] = batch.commands;
  return command !== undefined && batch.commands.length === 1 && isLeaderKind(command.kind);
}

/** Body of `leader.announce`. */
export const announceBody = z.strictObject({
  term: z.number().int().min(1),
  /** Age recipient; X25519 ones have 62 characters, hybrid ones about 2,000. */
  recipient: z
    .string()
    .max(4096)
    .regex(/^age1[0-9a-z]+$/),
});

/** Body of `voter.change`: the whole configuration, not the difference. */
export const changeBody = z.strictObject({
  term: z.number().int().min(1),
  voters: z.array(peerIdText).min(1).max(LIMITS.votersMax),
  learners: z.array(peerIdText).max(LIMITS.votersMax),
});

/** Body of `mesh.recover`. */
export const recoverBody = z.strictObject({
  term: z.number().int().min(1),
  /** What the operator signed, see {@link Recovery}. */
  link: bytesUpTo(RECOVERY_BYTES_MAX),
});

/** `leader.announce`: the first entry of a term. */
export function reduceAnnounce(
  state: StateWriter,
  body: z.output<typeof announceBody>,
  context: ApplyContext,
): Outcome {
  const peer = context.origin;
  if (!meshOf(state)?.voters.includes(peer)) return refuse('ERR_MEMBERSHIP_FORBIDDEN');
  if (body.term !== context.term) return refuse('ERR_SLURP_COMMAND', 'announced in another term');
  const leader: LeaderRecord = { peer, ...body, index: context.index };
  state.put('mesh', 'leader', leader);
  const address = leaderAddress();
  const { index, timeMs } = context;
  revise(state, address, { index, timeMs, cause: 'leader:change' }, leader);
  const data = { peer, term: body.term };
  return { ok: true, events: [{ type: 'leader:change', address, data }] };
}

/**
 * `voter.change`: who votes from here on. Raft took it as the configuration when the entry was
 * appended (Ongaro 2014, section 4.1), so nothing that depends on the state refuses it here: what
 * was committed is what is in force. Only another term's is refused, which no log of a correct
 * leader has.
 */
export function reduceChange(
  state: StateWriter,
  body: z.output<typeof changeBody>,
  context: ApplyContext,
): Outcome {
  const mesh = meshOf(state);
  if (mesh === undefined || body.term !== context.term) return refuse('ERR_SLURP_COMMAND');
  const { voters, learners } = body;
  state.put('mesh', 'mesh', { ...mesh, voters, learners });
  const size = state.size('voterset');
  const before = state.get('voterset', voterSetKey(size));
  const { index } = context;
  const row = { index, voters, learners, ...epochFields(before) };
  state.put('voterset', voterSetKey(size + 1), row);
  return { ok: true, events: [{ type: 'voters:change', data: { voters, learners } }] };
}

/**
 * `mesh.recover`: a majority is lost, and the log goes on with the voters that the operator names.
 * It stands where its signature says, behind the log that the signature is of.
 */
export function reduceRecover(
  state: StateWriter,
  body: z.output<typeof recoverBody>,
  context: ApplyContext,
): Outcome {
  const mesh = meshOf(state);
  if (mesh === undefined || body.term !== context.term) return refuse('ERR_SLURP_COMMAND');
  const trust = { mesh: context.meshId, key: mesh.recovery };
  const recovery = recoveryOf(context, trust, body.link);
  if (recovery === undefined) return refuse('ERR_SLURP_COMMAND', 'not signed by the operator');
  const { epoch, id, entryIndex, term, voters } = recovery;
  const isPlaced = entryIndex === context.index && term === context.term;
  if (!isPlaced || !voters.includes(context.origin) || epoch <= epochOf(state).epoch) {
    return refuse('ERR_SLURP_COMMAND', 'a recovery of another log');
  }
  state.put('mesh', 'mesh', { ...mesh, voters, learners: [] });
  const row = { index: context.index, voters, learners: [], epoch, recovery: id };
  state.put('voterset', voterSetKey(state.size('voterset') + 1), row);
  return {
    ok: true,
    value: { epoch, id },
    events: [
      { type: 'mesh:recover', data: { epoch, id, voters } },
      { type: 'voters:change', data: { voters, learners: [] } },
    ],
  };
}

function epochFields(row: VoterSetRecord | undefined): Pick<VoterSetRecord, 'epoch' | 'recovery'> {
  const { epoch, recovery } = row ?? {};
  return epoch === undefined || recovery === undefined ? {} : { epoch, recovery };
}

function recoveryOf(
  { crypto }: ApplyContext,
  trust: RecoveryTrust,
  bytes: Uint8Array,
): Recovery | undefined {
  try {
    return verifyRecovery(crypto, trust, bytes);
  } catch (error) {
    if (isCooeeError(error)) return undefined;
    throw error;
  }
}

function meshOf(state: StateWriter): MeshRecord | undefined {
  return state.get('mesh', 'mesh') as MeshRecord | undefined;
}
