import {
  type Clock,
  CooeeError,
  delay,
  isCooeeError,
  type Logger,
  type SeedKey,
  toError,
} from '../protocols/interface/index.ts';
import {
  decodeJoinResponse,
  encodeJoinRequest,
  encodeProof,
  type Invite,
  JOIN_PROTOCOL,
} from '../protocols/membership/index.ts';
import type { JoinHints } from './join-hints.ts';

const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 5_000;
/** Longer than a member waits for its log. */
const ANSWER_TIMEOUT_MS = 9_000;
const DIAL_TIMEOUT_MS = 5_000;
/** A host of the local network answers at once. */
const HINT_TIMEOUT_MS = 2_000;
/** Hints that are followed in one round: anyone on the network can make up more. */
const HINTS_PER_ROUND_MAX = 16;

/** What redeeming needs of the network: also while this node is in another mesh. */
export interface RedeemNetwork {
  dial(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<void>;
  /** One request of the join protocol to a peer that is connected. */
  ask(
    peer: string,
    protocol: string,
    body: Uint8Array,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Uint8Array>;
}

/** What {@link redeemInvite} works with. */
export interface RedeemComponents {
  readonly network: RedeemNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the joiner says of itself. */
export interface RedeemInit {
  readonly invite: Invite;
  /** The key out of the invite's seed. */
  readonly key: SeedKey;
  /** This node. */
  readonly peer: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly levels: readonly [number, number];
  /** Gives up after this time; without it, when the invite expires. */
  readonly patienceMs?: number;
  readonly signal: AbortSignal;
  /** Told once when no address answered, before it is tried again. */
  readonly onUnreachable?: () => void;
  /** Where members of the invite are heard of meanwhile: asked before its addresses. */
  readonly hints?: JoinHints;
}

/** A member that the invite names. */
export interface Inviter {
  readonly peer: string;
  readonly address: string;
}

/** The members that an invite names; addresses without a peer id are of no use. */
export function invitersOf(invite: Pick<Invite, 'addresses'>): readonly Inviter[] {
  return invite.addresses.flatMap((address) => {
    const peer = /\/p2p\/(12D3KooW[1-9A-HJ-NP-Za-km-z]{44})$/.exec(address)?.[1];
    return peer === undefined ? [] : [{ peer, address }];
  });
}

/**
 * The members that an invite vouches for: those with an address in it, and those that signed the
 * log it starts from. Only of them does a joiner believe an answer or a refusal.
 */
export function vouchedBy(invite: Pick<Invite, 'addresses' | 'anchor'>): readonly string[] {
  return [...new Set([...invitersOf(invite).map(({ peer }) => peer), ...invite.anchor.voters])];
}

/**
 * Redeems an invite at whichever of its members answers; tries again while none does. The same peer
 * with the same invite may ask as often as it likes: it is let in once.
 *
 * @returns the log index of the admission
 * @throws CooeeError the refusal of the mesh; ERR_BOOTSTRAP_INVITER_UNREACHABLE when patience ran
 * out;
 *   ERR_MEMBERSHIP_INVITE_EXPIRED when the invite did
 */
export async function redeemInvite(
  components: RedeemComponents,
  init: RedeemInit,
): Promise<number> {
  const { clock, logger } = components;
  const untilMs = clock.monotonicMs() + (init.patienceMs ?? Number.POSITIVE_INFINITY);
  const round = { request: requestOf(init), untilMs };
  for (let waitMs = RETRY_MS_MIN, isFirst = true; ; waitMs = Math.min(RETRY_MS_MAX, waitMs * 2)) {
    if (clock.nowMs() >= init.invite.expiresMs) {
      throw new CooeeError('ERR_MEMBERSHIP_INVITE_EXPIRED');
    }
    const index = await askAll(components, init, round);
    if (index !== undefined) return index;
    if (isFirst) init.onUnreachable?.();
    isFirst = false;
    if (clock.monotonicMs() + waitMs > untilMs) {
      throw new CooeeError('ERR_BOOTSTRAP_INVITER_UNREACHABLE');
    }
    logger.debug({ waitMs }, 'no inviter answers; trying again');
    await pause(components, init, waitMs);
  }
}

/** Waits, but not while there is somebody new to ask. */
async function pause(
  { clock }: RedeemComponents,
  { signal, hints }: RedeemInit,
  waitMs: number,
): Promise<void> {
  const heard = new AbortController();
  const stop = hints?.onNews(() => heard.abort());
  try {
    await delay(clock, waitMs, AbortSignal.any([signal, heard.signal]));
  } catch (thrown) {
    signal.throwIfAborted();
    if (!heard.signal.aborted) throw thrown;
  } finally {
    stop?.();
  }
}

function requestOf(init: RedeemInit): Uint8Array {
  const { invite, key, peer, name, addresses, levels } = init;
  return encodeJoinRequest({
    v: 1,
    kind: 'redeem',
    mesh: invite.mesh,
    name,
    addresses: [...addresses],
    levels: [...levels],
    invite: key.publicKey,
    proof: encodeProof(key, { mesh: invite.mesh, peer, expiresMs: invite.expiresMs }),
    logIndex: invite.anchor.index,
  });
}

interface Round {
  readonly request: Uint8Array;
  /** When patience ends, on the monotonic clock. */
  readonly untilMs: number;
}

/**
 * Asks each member of the invite once, in turns where it was heard of and where the invite says: a
 * hint can be made up, and must not stand before what is true. Undefined when none gave an answer
 * that counts.
 */
async function askAll(
  components: RedeemComponents,
  init: RedeemInit,
  round: Round,
): Promise<number | undefined> {
  const { clock, logger } = components;
  const turns = new Turns(init);
  for (;;) {
    const turn = turns.next();
    init.signal.throwIfAborted();
    if (turn === undefined || clock.monotonicMs() >= round.untilMs) return undefined;
    try {
      return await askOne(components, init, { ...round, ...turn });
    } catch (thrown) {
      const error = toError(thrown);
      init.signal.throwIfAborted();
      if (isCooeeError(error) && isRefusal(error)) throw error;
      logger.debug({ err: error, peer: turn.inviter.peer }, 'an inviter did not answer');
    }
  }
}

/** Who is asked next, in one round. */
class Turns {
  readonly #init: Pick<RedeemInit, 'invite' | 'hints'>;
  readonly #asked = new Set<string>();
  #hints = 0;
  #wasHint = false;

  constructor(init: Pick<RedeemInit, 'invite' | 'hints'>) {
    this.#init = init;
  }

  next(): { readonly inviter: Inviter; readonly isHint: boolean } | undefined {
    const isNew = (it: Inviter): boolean => !this.#asked.has(idOf(it));
    const heard = this.#hints < HINTS_PER_ROUND_MAX ? (this.#init.hints?.list() ?? []) : [];
    const hint = heard.find(isNew);
    const named = invitersOf(this.#init.invite).find(isNew);
    const isHint = hint !== undefined && (named === undefined || !this.#wasHint);
    const inviter = isHint ? hint : named;
    if (inviter === undefined) return undefined;
    this.#asked.add(idOf(inviter));
    this.#wasHint = isHint;
    if (isHint) this.#hints += 1;
    return { inviter, isHint };
  }
}

const idOf = ({ peer, address }: Inviter): string => `${peer} ${address}`;

/**
 * Dials one inviter and asks it, within what is left of the patience. A dial to where the invite
 * says ends as soon as a member is heard of elsewhere: on a network that was renumbered, each such
 * dial waits for a host that is not there.
 */
async function askOne(
  { network, clock }: RedeemComponents,
  { signal, hints }: RedeemInit,
  { request, untilMs, inviter, isHint }: Round & NonNullable<ReturnType<Turns['next']>>,
): Promise<number> {
  const { peer, address } = inviter;
  const within = (timeoutMs: number): number =>
    Math.max(1, Math.min(timeoutMs, untilMs - clock.monotonicMs()));
  const late = new AbortController();
  const timer = clock.schedule(within(isHint ? HINT_TIMEOUT_MS : DIAL_TIMEOUT_MS), () =>
    late.abort(new CooeeError('ERR_WIRE_TIMEOUT')),
  );
  const stop = isHint
    ? undefined
    : hints?.onNews(() => late.abort(new CooeeError('ERR_WIRE_TIMEOUT')));
  try {
    await network.dial(peer, [address], AbortSignal.any([signal, late.signal]));
  } finally {
    timer.cancel();
    stop?.();
  }
  const timeoutMs = within(ANSWER_TIMEOUT_MS);
  const answer = await network.ask(peer, JOIN_PROTOCOL, request, { timeoutMs, signal });
  return decodeJoinResponse(answer).index;
}

/** Whether the mesh said no, for good: asking elsewhere or later gives the same answer. */
export function isRefusal(error: CooeeError): boolean {
  if (error.retryable) return false;
  return error.code.startsWith('ERR_MEMBERSHIP_') || error.code === 'ERR_SLURP_LEVEL';
}
