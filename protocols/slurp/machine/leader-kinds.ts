import { z } from 'zod';
import {
  type ApplyContext,
  type LeaderRecord,
  LIMITS,
  type MeshRecord,
  type Outcome,
  refuse,
  revise,
  type StateWriter,
  voterSetKey,
} from '../../interface/index.ts';
import { leaderAddress } from '../../ucxl/index.ts';
import { peerIdText } from '../../wire/index.ts';
import type { Batch } from './codec.ts';

/**
 * Kinds that the leader alone proposes, for its own term, each alone in its batch. They never go
 * through an outbox, so the numbers that keep retries apart do not count for them: the term in the
 * body does.
 */
const LEADER_KINDS: ReadonlySet<string> = new Set(['leader.announce', 'voter.change']);

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
  const key = voterSetKey(state.size('voterset') + 1);
  state.put('voterset', key, { index: context.index, voters, learners });
  return { ok: true, events: [{ type: 'voters:change', data: { voters, learners } }] };
}

function meshOf(state: StateWriter): MeshRecord | undefined {
  return state.get('mesh', 'mesh') as MeshRecord | undefined;
}
