import { z } from 'zod';
import * as enrolment from '../../enrolment/index.ts';
import {
  type ApplyContext,
  CooeeError,
  type LeaderRecord,
  type Outcome,
  refuse,
  type StateWriter,
} from '../../interface/index.ts';
import * as membership from '../../membership/index.ts';
import type { Command } from './codec.ts';

/** How a kind of command is checked and applied. */
interface Kind<S extends z.ZodType> {
  readonly body: S;
  readonly reduce: (state: StateWriter, body: z.output<S>, context: ApplyContext) => Outcome;
}

const kind = <S extends z.ZodType>(body: S, reduce: Kind<S>['reduce']): Kind<S> => ({
  body,
  reduce,
});

const leaderBody = z.strictObject({
  term: z.number().int().min(1),
  /** Age recipient; X25519 ones have 62 characters, hybrid ones about 2,000. */
  recipient: z
    .string()
    .max(4096)
    .regex(/^age1[0-9a-z]+$/),
});

/** `leader.announce`: the first entry of a term. */
function reduceLeader(
  state: StateWriter,
  body: z.output<typeof leaderBody>,
  context: ApplyContext,
): Outcome {
  const peer = context.origin;
  if (!membership.meshOf(state)?.voters.includes(peer)) return refuse('ERR_MEMBERSHIP_FORBIDDEN');
  if (body.term !== context.term) return refuse('ERR_SLURP_COMMAND', 'announced in another term');
  const leader: LeaderRecord = { peer, ...body, index: context.index };
  state.put('mesh', 'leader', leader);
  return { ok: true, events: [{ type: 'leader:change', data: { peer, term: body.term } }] };
}

/**
 * Every kind of command: a closed union. One that is not here stops the log ("upgrade me"); a kind
 * is never removed while a log may hold it.
 */
const KINDS = {
  'agent.grant': kind(enrolment.grantBody, enrolment.reduceGrant),
  'agent.rebind': kind(enrolment.rebindBody, enrolment.reduceRebind),
  'agent.retire': kind(enrolment.retireBody, enrolment.reduceRetire),
  'invite.issue': kind(membership.issueBody, membership.reduceIssue),
  'invite.revoke': kind(membership.revokeBody, membership.reduceRevoke),
  'leader.announce': kind(leaderBody, reduceLeader),
  'member.add': kind(membership.addBody, membership.reduceAdd),
  'member.boot': kind(membership.bootBody, membership.reduceBoot),
  'member.remove': kind(membership.removeBody, membership.reduceRemove),
  'member.role': kind(membership.roleBody, membership.reduceRole),
  'mesh.genesis': kind(membership.genesisBody, membership.reduceGenesis),
  'mesh.settings': kind(membership.settingsBody, membership.reduceSettings),
} as const;

/** The name of a kind of command. */
export type CommandKind = keyof typeof KINDS;

/** The body that a kind takes. */
export type CommandBody<K extends CommandKind> = z.input<(typeof KINDS)[K]['body']>;

/** Whether this program knows the kind. */
export function isKnownKind(text: string): text is CommandKind {
  return Object.hasOwn(KINDS, text);
}

/**
 * Checks a command's body against its kind: what is wrong here is refused before the log.
 *
 * @throws CooeeError ERR_SLURP_LEVEL for an unknown kind, ERR_SLURP_COMMAND for a wrong body
 */
export function assertCommand(command: Command): void {
  if (!isKnownKind(command.kind)) {
    throw new CooeeError('ERR_SLURP_LEVEL', 'a kind of command that is not known', {
      details: { kind: command.kind },
    });
  }
  const parsed = KINDS[command.kind].body.safeParse(command.body);
  if (parsed.success) return;
  const issue = parsed.error.issues[0];
  throw new CooeeError('ERR_SLURP_COMMAND', `${command.kind}: ${issue?.message ?? ''}`, {
    details: { kind: command.kind, path: issue?.path.join('.') ?? '' },
  });
}

/**
 * Applies one command. A wrong body is an outcome too here: the entry is in the log and every node
 * must agree on it.
 *
 * @throws CooeeError ERR_SLURP_LEVEL for an unknown kind: applying stops, it never skips
 */
export function reduceCommand(
  state: StateWriter,
  command: Command,
  context: ApplyContext,
): Outcome {
  if (!isKnownKind(command.kind)) assertCommand(command);
  const entry: Kind<z.ZodType> = KINDS[command.kind as CommandKind] as Kind<z.ZodType>;
  const parsed = entry.body.safeParse(command.body);
  if (!parsed.success) return refuse('ERR_SLURP_COMMAND', 'the body is not valid');
  return entry.reduce(state, parsed.data, context);
}
