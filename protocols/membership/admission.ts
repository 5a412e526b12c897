import type { z } from 'zod';
import {
  type Clock,
  CooeeError,
  type Crypto,
  delay,
  type ErrorCode,
  isCooeeError,
  type Logger,
  type MemberRecord,
  type Metrics,
  type Outcome,
  type StateReader,
} from '../interface/index.ts';
import { toHex } from '../wire/index.ts';
import {
  type addBody,
  decodeJoinRequest,
  encodeJoinResponse,
  type JoinRequest,
} from './messages.ts';
import { memberOf } from './reducer.ts';
import { inviteProblem, levelProblem, proofProblem } from './rules.ts';
import { isStartOf, type SignedStart, type Start, startDetails } from './start.ts';

/** How long a joiner is kept waiting for the log; shorter than a guest may stay. */
const ADMISSION_TIMEOUT_MS = 7_000;
const CATCH_UP_TIMEOUT_MS = 5_000;

/** What admission is built from. */
export interface AdmissionComponents {
  readonly state: StateReader;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly meshId: string;
  /** The time of the log as far as it is known here: invites expire by it, not by a clock. */
  readonly meshLog: { readonly appliedTimeMs: number };
  /** Hands `member.add` to the log; resolves with what it came to once that is known. */
  readonly admit: (
    body: z.input<typeof addBody>,
  ) => Promise<{ readonly index: number; readonly outcome: Outcome }>;
  /**
   * Follows the log up to an index; must end when the signal is aborted: a guest may name any
   * index.
   */
  readonly follow: (index: number, signal: AbortSignal) => Promise<void>;
  /**
   * Whether a member answers on any of these connections, within some seconds; those on which it
   * does not are ended.
   */
  readonly isAnswering: (peer: string, connections: readonly string[]) => Promise<boolean>;
  /**
   * A member showed a start with the number of one that is known, and another nonce. Once for each
   * of the two: the earlier one can be given the proof only when the later one is there.
   */
  readonly onClone: (peer: string, boot: number) => void;
  /** A guest was told no. */
  readonly onRefused?: (peer: string, code: ErrorCode) => void;
}

type Redeem = Extract<JoinRequest, { kind: 'redeem' }>;
type Present = Extract<JoinRequest, { kind: 'present' }>;

/**
 * The member's side of the join protocol: relays an invite proof to the log, and lets a member in
 * that this node has not heard of yet. What it answers a guest is the only thing that a guest
 * learns.
 */
export class Admission {
  readonly #components: AdmissionComponents;
  /** Of each member the signed starts with the highest number: one, or two when it runs twice. */
  readonly #starts = new Map<string, readonly SignedStart[]>();
  /** Members of which a start answered here when another one showed up; the later of both. */
  readonly #met = new Map<string, number>();
  /** Open connections, with the start that showed itself on each. */
  readonly #shown = new Map<string, Start & { readonly peer: string }>();

  constructor(components: AdmissionComponents) {
    this.#components = components;
  }

  /**
   * Answers a request of the join protocol.
   *
   * @param connection - id of the one that it came by
   * @throws CooeeError the refusal that the guest is told
   */
  async handle(peer: string, bytes: Uint8Array, connection: string): Promise<Uint8Array> {
    const { metrics, logger } = this.#components;
    try {
      const request = decodeJoinRequest(bytes);
      if (request.mesh !== this.#components.meshId) {
        throw new CooeeError('ERR_MEMBERSHIP_INVITE_FOREIGN');
      }
      const index =
        request.kind === 'redeem'
          ? await this.#redeem(peer, request)
          : await this.#present(peer, request, connection);
      return encodeJoinResponse(index);
    } catch (error) {
      const code = isCooeeError(error) ? error.code : 'ERR_API_INTERNAL';
      metrics.count('cooee_membership_joins_refused_total', { code });
      logger.warn({ code, peer }, 'a guest was refused');
      this.#components.onRefused?.(peer, code);
      throw error;
    }
  }

  /** A connection is gone, and with it whoever showed itself on it. */
  closed(connection: string): void {
    this.#shown.delete(connection);
  }

  /** The last connection to a member is gone. */
  disconnected(peer: string): void {
    for (const [connection, it] of this.#shown) {
      if (it.peer === peer) this.#shown.delete(connection);
    }
  }

  async #redeem(peer: string, request: Redeem): Promise<number> {
    const { state, meshLog } = this.#components;
    const { name, addresses, levels, invite, proof, logIndex } = request;
    const body = { peer, name, addresses, levels, invite, proof };
    const key = toHex(invite);
    const known = memberOf(state, peer);
    if (known?.invite === key) return known.addedIndex;
    // What is certain to be refused never reaches the log, so a guest cannot fill it.
    const context = { ...this.#components, timeMs: meshLog.appliedTimeMs };
    assertNone(proofProblem(body, context));
    // Anybody can make up an invite that nobody knows: this node catches up before it says so, the
    // log is not asked.
    if (state.get('invite', key) === undefined) await this.#follow(logIndex);
    assertNone(inviteProblem(state, body, context.timeMs) ?? levelProblem(state, levels));
    const { index, outcome } = await this.#inTime(this.#admit(body), ADMISSION_TIMEOUT_MS);
    assertNone(outcome);
    return outcome.ok ? indexOf(outcome.value, index) : index;
  }

  /**
   * That this member itself may write nothing (it was removed, or runs twice) is no refusal of the
   * guest.
   */
  async #admit(body: z.input<typeof addBody>) {
    try {
      return await this.#components.admit(body);
    } catch (cause) {
      if (!isCooeeError(cause) || cause.retryable) throw cause;
      throw new CooeeError('ERR_SLURP_NO_LEADER', 'this member cannot write to the log', { cause });
    }
  }

  async #follow(index: number): Promise<void> {
    const ended = new AbortController();
    const { follow } = this.#components;
    try {
      await this.#inTime(follow(index, ended.signal), CATCH_UP_TIMEOUT_MS);
    } finally {
      ended.abort(new CooeeError('ERR_API_TIMEOUT'));
    }
  }

  async #present(peer: string, request: Present, connection: string): Promise<number> {
    const { state, crypto, meshId: mesh } = this.#components;
    if (!isStartOf(crypto.verify, { peer, mesh }, request)) {
      throw new CooeeError('ERR_SLURP_SIGNATURE', 'the start is not signed by who presents it');
    }
    const addedIndex = state.get('member', peer)?.addedIndex ?? 0;
    if (request.addedIndex > addedIndex) await this.#follow(request.addedIndex);
    this.#assertMember(peer);
    await this.#meet(peer, request, connection);
    const record = this.#assertMember(peer);
    this.#assertOneStart(record, request);
    return record.addedIndex;
  }

  #assertMember(peer: string): MemberRecord {
    const record = this.#components.state.get('member', peer);
    if (record === undefined) throw new CooeeError('ERR_MEMBERSHIP_NOT_MEMBER');
    if (record.removedIndex !== null) throw new CooeeError('ERR_MEMBERSHIP_REMOVED');
    return record;
  }

  /**
   * Finds out whether another start that this one cannot stand beside runs. That its connection is
   * open says little: when its host lost power nobody closed it. So it is asked. Once both were met
   * that stays, for each is told to go away.
   */
  async #meet(peer: string, { boot, bootNonce }: Start, connection: string): Promise<void> {
    const others = [...this.#shown].filter(
      ([, it]) => it.peer === peer && it.bootNonce !== bootNonce && it.boot >= boot,
    );
    this.#shown.set(connection, { peer, boot, bootNonce });
    const later = Math.max(boot, ...others.map(([, it]) => it.boot));
    if (others.length === 0 || this.#met.get(peer) === later) return;
    const connections = others.map(([id]) => id);
    if (await this.#components.isAnswering(peer, connections)) this.#met.set(peer, later);
    else for (const id of connections) this.#shown.delete(id);
  }

  /**
   * The second start with a number proves that the identity runs twice; from then on each that asks
   * is told so, with the other's signed start for a proof. What is known of the other from the log
   * alone is no proof that can be handed on: that start finds it in its own log.
   */
  #assertOneStart(record: MemberRecord, { boot, bootNonce, signature }: Present): void {
    const { peer } = record;
    const seen = this.#starts.get(peer) ?? [];
    const last = seen[0];
    if (last !== undefined && boot < last.boot) {
      throw cloneRefusal({ proof: last, isLive: this.#isLive(peer, last.boot) });
    }
    // The log remembers the last start over restarts of this node; before the first registration it
    // has none.
    if (boot < record.boot) throw cloneRefusal({ isLive: this.#isLive(peer, record.boot) });
    const same = last?.boot === boot ? seen : [];
    const other = same.find((start) => start.bootNonce !== bootNonce);
    const isNews = same.length < 2 && same.every((start) => start.bootNonce !== bootNonce);
    if (isNews) this.#starts.set(peer, [...same, { boot, bootNonce, signature }]);
    const isOtherInLog =
      record.boot === boot && record.bootNonce !== '' && record.bootNonce !== bootNonce;
    if (other === undefined && !isOtherInLog) return;
    if (isNews) this.#components.onClone(peer, boot);
    throw cloneRefusal({ proof: other, isLive: this.#isLive(peer, boot) });
  }

  /**
   * Whether a start of a member with that number was met here beside another one. A node whose home
   * was put back from an older copy meets nobody.
   */
  #isLive(peer: string, boot: number): boolean {
    return this.#met.get(peer) === boot;
  }

  async #inTime<T>(task: Promise<T>, timeoutMs: number): Promise<T> {
    const done = new AbortController();
    const late = delay(this.#components.clock, timeoutMs, done.signal).then(() => {
      throw new CooeeError('ERR_SLURP_NO_LEADER');
    });
    // The loser of the race ends by the abort below; nobody waits for it.
    late.catch(() => undefined);
    try {
      return await Promise.race([task, late]);
    } finally {
      done.abort(new CooeeError('ERR_API_TIMEOUT'));
    }
  }
}

/**
 * `proof` is the other start, signed; undefined when only the log tells of it. `isLive` = it was
 * met here while it ran, and answered.
 */
function cloneRefusal(other: {
  readonly proof?: SignedStart | undefined;
  readonly isLive: boolean;
}): CooeeError {
  const { proof, isLive } = other;
  const details = proof === undefined ? {} : startDetails(proof);
  return new CooeeError('ERR_MEMBERSHIP_CLONE', undefined, { details: { ...details, isLive } });
}

function refusalOf(outcome: Extract<Outcome, { ok: false }>): CooeeError {
  return new CooeeError(outcome.code, outcome.message, { details: outcome.details ?? {} });
}

function assertNone(problem: Outcome | undefined): void {
  if (problem !== undefined && !problem.ok) throw refusalOf(problem);
}

/** Where the peer was admitted: an earlier entry when it was a member already. */
function indexOf(value: unknown, index: number): number {
  const admitted = (value as { readonly index?: number } | undefined)?.index;
  return admitted ?? index;
}
