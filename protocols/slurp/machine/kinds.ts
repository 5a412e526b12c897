import type { z } from 'zod';
import * as enrolment from '../../enrolment/index.ts';
import * as help from '../../help/index.ts';
import {
  type ApplyContext,
  type BlockRecord,
  CooeeError,
  type Hash,
  type NamingContext,
  type Outcome,
  refuse,
  type StateWriter,
} from '../../interface/index.ts';
import * as membership from '../../membership/index.ts';
import * as submission from '../../submission/index.ts';
import type { Command } from './codec.ts';
import { commandId } from './command-id.ts';
import * as leader from './leader-kinds.ts';

/** How a kind of command is checked and applied. */
interface Kind<S extends z.ZodType, C extends ApplyContext = ApplyContext> {
  readonly body: S;
  readonly reduce: (state: StateWriter, body: z.output<S>, context: C) => Outcome;
  /** The command's id becomes a name in the state, so it must be its origin's own. */
  readonly isNaming: boolean;
}

const kind = <S extends z.ZodType>(body: S, reduce: Kind<S>['reduce']): Kind<S> => ({
  body,
  reduce,
  isNaming: false,
});

const naming = <S extends z.ZodType>(
  body: S,
  reduce: Kind<S, NamingContext>['reduce'],
): Kind<S, NamingContext> => ({ body, reduce, isNaming: true });

/** The operator names voters, and by doing it on a node an admin: all that were may be lost. */
const reduceRecover: typeof leader.reduceRecover = (state, body, context) => {
  const outcome = leader.reduceRecover(state, body, context);
  if (!outcome.ok) return outcome;
  const made = membership.makeAdmin(state, context.origin, context);
  return { ...outcome, events: [...(outcome.events ?? []), ...made] };
};

/**
 * Every kind of command: a closed union. One that is not here stops the log ("upgrade me"); a kind
 * is never removed while a log may hold it.
 */
const KINDS = {
  'agent.grant': kind(enrolment.grantBody, enrolment.reduceGrant),
  'agent.rebind': kind(enrolment.rebindBody, enrolment.reduceRebind),
  'agent.retire': kind(enrolment.retireBody, enrolment.reduceRetire),
  'call.answer': kind(help.answerBody, help.reduceAnswer),
  'call.claim': kind(help.callBody, help.reduceClaim),
  'call.escalate': kind(help.callBody, help.reduceEscalate),
  'call.expire': kind(help.callBody, help.reduceExpire),
  'call.open': naming(help.openBody, help.reduceOpen),
  'call.release': kind(help.releaseBody, help.reduceRelease),
  'call.withdraw': kind(help.callBody, help.reduceWithdraw),
  'invite.issue': kind(membership.issueBody, membership.reduceIssue),
  'invite.revoke': kind(membership.revokeBody, membership.reduceRevoke),
  'leader.announce': kind(leader.announceBody, leader.reduceAnnounce),
  'member.add': kind(membership.addBody, membership.reduceAdd),
  'member.boot': kind(membership.bootBody, membership.reduceBoot),
  'member.remove': kind(membership.removeBody, membership.reduceRemove),
  'member.role': kind(membership.roleBody, membership.reduceRole),
  'mesh.genesis': kind(membership.genesisBody, membership.reduceGenesis),
  'mesh.recover': kind(leader.recoverBody, reduceRecover),
  'mesh.settings': kind(membership.settingsBody, membership.reduceSettings),
  'submission.commit': kind(submission.commitBody, submission.reduceCommit),
  'submission.decide': kind(submission.decideBody, submission.reduceDecide),
  'voter.change': kind(leader.changeBody, leader.reduceChange),
} as const;

/** The name of a kind of command. */
export type CommandKind = keyof typeof KINDS;

/** All kinds, in the order of their names. */
export const COMMAND_KINDS = Object.keys(KINDS).toSorted() as readonly CommandKind[];

/** The body that a kind takes. */
export type CommandBody<K extends CommandKind> = z.input<(typeof KINDS)[K]['body']>;

/** Whether this program knows the kind. */
export function isKnownKind(text: string): text is CommandKind {
  return Object.hasOwn(KINDS, text);
}

const FOREIGN_ID = "the id is not made of its origin's own start and number";
const foreignId = ({ kind, id }: Command) => ({ kind, path: 'id', id });

/** Whether the id of such a command becomes a name in the state: its maker shows how it is made. */
export function isNaming(kind: string): boolean {
  return isKnownKind(kind) && KINDS[kind].isNaming;
}

/**
 * Checks that no other member's command can have the id of this one, where that matters: who sees
 * a command on its way could otherwise be first with its id.
 *
 * @throws CooeeError ERR_SLURP_COMMAND
 */
export function assertOwnId(sha256: Hash, origin: string, command: Command): void {
  if (hasOwnId(sha256, origin, command)) return;
  throw new CooeeError('ERR_SLURP_COMMAND', FOREIGN_ID, { details: foreignId(command) });
}

/** What is said without need must be true too. */
function hasOwnId(sha256: Hash, origin: string, { id, kind, made }: Command): boolean {
  if (made === undefined) return !isNaming(kind);
  return id === commandId(sha256, origin, made);
}

/**
 * Bodies checked by {@link assertCommand}, with what came out: what the leader has checked
 * before the log it need not check again when it applies it. Forgotten then.
 */
const checked = new WeakMap<object, { readonly kind: string; readonly data: unknown }>();

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
  if (parsed.success) {
    checked.set(command.body, { kind: command.kind, data: parsed.data });
    return;
  }
  const issue = parsed.error.issues[0];
  throw new CooeeError('ERR_SLURP_COMMAND', `${command.kind}: ${issue?.message ?? ''}`, {
    details: { kind: command.kind, path: issue?.path.join('.') ?? '' },
  });
}

/** The blocks that a command refers to; cheap for one that has been checked. */
export function blocksOfCommand(command: Command): readonly BlockRecord[] {
  if (command.kind !== 'submission.commit') return [];
  const order = commitOrder(command);
  return order === undefined ? [] : submission.blocksOf(order);
}

/**
 * Checks that a block which a command refers to is what the command says.
 *
 * @throws CooeeError ERR_SUBMISSION_MALFORMED
 */
export function assertBlock(command: Command, cid: string, bytes: Uint8Array): void {
  const order = commitOrder(command);
  if (order?.block?.cid === cid) submission.decodeContentBlock(bytes, order.head);
  if (order?.head.patch?.cid === cid) submission.decodePatch(bytes);
}

/**
 * What a command must not be overtaken on its way into the log by another that names the same: an
 * author's submissions at one address are its versions, and a decision follows what it decides.
 */
export function orderKeysOf(sha256: Hash, command: Command): readonly string[] {
  const { kind: name, actor, body } = command;
  if (name === 'submission.decide') return [`id ${String(body['id'])}`];
  if (name !== 'submission.commit') return [];
  const order = commitOrder(command);
  if (order === undefined) return [];
  const { peer, agent } = actor;
  const author = agent === undefined ? { peer } : { peer, agent };
  const id = submission.idOfOrder(sha256, author, order);
  return [`id ${id}`, `at ${peer}/${agent ?? ''} ${order.head.address}`];
}

function commitOrder(command: Command): submission.CommitOrder | undefined {
  if (!checked.has(command.body)) assertCommand(command);
  return checked.get(command.body)?.data as submission.CommitOrder | undefined;
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
  context: NamingContext,
): Outcome {
  if (!isKnownKind(command.kind)) assertCommand(command);
  const entry = KINDS[command.kind as CommandKind] as Kind<z.ZodType, NamingContext>;
  const known = checked.get(command.body);
  checked.delete(command.body);
  if (!hasOwnId(context.crypto.sha256, context.origin, command)) {
    return refuse('ERR_SLURP_COMMAND', FOREIGN_ID, foreignId(command));
  }
  if (known?.kind === command.kind) return entry.reduce(state, known.data, context);
  const parsed = entry.body.safeParse(command.body);
  if (!parsed.success) return refuse('ERR_SLURP_COMMAND', 'the body is not valid');
  return entry.reduce(state, parsed.data, context);
}
