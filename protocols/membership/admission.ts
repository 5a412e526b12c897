import type { z } from 'zod';
import {
  type Clock,
  CooeeError,
  type Crypto,
  delay,
  isCooeeError,
  type Logger,
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
  type levelsSchema,
} from './messages.ts';
import { memberOf, meshOf } from './reducer.ts';
import { proofProblem } from './rules.ts';

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
  /** Hands `member.add` to the log; resolves with what it came to once that is known. */
  readonly admit: (
    body: z.input<typeof addBody>,
  ) => Promise<{ readonly index: number; readonly outcome: Outcome }>;
  /** Follows the log up to an index. */
  readonly follow: (index: number) => Promise<void>;
  /** A member showed a start with the number of one that is known, and another nonce. */
  readonly onClone: (peer: string) => void;
}

type Redeem = Extract<JoinRequest, { kind: 'redeem' }>;
type Present = Extract<JoinRequest, { kind: 'present' }>;

/**
 * The member's side of the join protocol: relays an invite proof to the log, and lets a member in that this node has not
 * heard of yet. What it answers a guest is the only thing that a guest learns.
 */
export class Admission {
  readonly #components: AdmissionComponents;
  readonly #starts = new Map<string, { readonly boot: number; readonly bootNonce: string }>();
  /** Boot numbers that two starts claimed: both are told. */
  readonly #cloned = new Map<string, number>();

  constructor(components: AdmissionComponents) {
    this.#components = components;
  }

  /** Answers a request of the join protocol. @throws CooeeError the refusal that the guest is told */
  async handle(peer: string, bytes: Uint8Array): Promise<Uint8Array> {
    const { metrics, logger } = this.#components;
    try {
      const request = decodeJoinRequest(bytes);
      if (request.mesh !== this.#components.meshId) {
        throw new CooeeError('ERR_MEMBERSHIP_INVITE_FOREIGN');
      }
      const index =
        request.kind === 'redeem'
          ? await this.#redeem(peer, request)
          : await this.#present(peer, request);
      return encodeJoinResponse(index);
    } catch (error) {
      const code = isCooeeError(error) ? error.code : 'ERR_API_INTERNAL';
      metrics.count('cooee_membership_joins_refused_total', { code });
      logger.warn({ code, peer }, 'a guest was refused');
      throw error;
    }
  }

  async #redeem(peer: string, request: Redeem): Promise<number> {
    const { state } = this.#components;
    const { name, addresses, levels, invite, proof } = request;
    const body = { peer, name, addresses, levels, invite, proof };
    // What is certain to be refused never reaches the log, so a guest cannot fill it.
    const problem = proofProblem(body, this.#components) ?? this.#inviteProblem(body);
    if (problem !== undefined && !problem.ok) throw refusalOf(problem);
    const mesh = meshOf(state);
    if (mesh !== undefined && !supports(levels, mesh.level)) {
      throw new CooeeError('ERR_SLURP_LEVEL', 'the mesh speaks another version', {
        details: { level: mesh.level },
      });
    }
    const { index, outcome } = await this.#inTime(
      this.#components.admit(body),
      ADMISSION_TIMEOUT_MS,
    );
    if (!outcome.ok) throw refusalOf(outcome);
    return index;
  }

  #inviteProblem(body: z.input<typeof addBody>): Outcome | undefined {
    const { state, clock } = this.#components;
    const invite = state.get('invite', toHex(body.invite));
    // An invite that this node does not know yet may be in an entry that it has not seen: the log decides.
    if (invite === undefined || memberOf(state, body.peer) !== undefined) return undefined;
    if (invite.isRevoked) return { ok: false, code: 'ERR_MEMBERSHIP_INVITE_UNKNOWN' };
    if (clock.nowMs() >= invite.expiresMs)
      return { ok: false, code: 'ERR_MEMBERSHIP_INVITE_EXPIRED' };
    if (invite.usesLeft < 1) return { ok: false, code: 'ERR_MEMBERSHIP_INVITE_USED' };
    return undefined;
  }

  async #present(peer: string, request: Present): Promise<number> {
    const { state, follow } = this.#components;
    const addedIndex = state.get('member', peer)?.addedIndex ?? 0;
    if (request.addedIndex > addedIndex) {
      await this.#inTime(follow(request.addedIndex), CATCH_UP_TIMEOUT_MS);
    }
    const record = state.get('member', peer);
    if (record === undefined) throw new CooeeError('ERR_MEMBERSHIP_NOT_MEMBER');
    if (record.removedIndex !== null) throw new CooeeError('ERR_MEMBERSHIP_REMOVED');
    this.#assertOneStart(peer, request);
    return record.addedIndex;
  }

  /** The second start with a number proves that the identity runs twice; from then on each that asks is told so. */
  #assertOneStart(peer: string, { boot, bootNonce }: Present): void {
    if (this.#cloned.get(peer) === boot) throw new CooeeError('ERR_MEMBERSHIP_CLONE');
    const known = this.#starts.get(peer);
    if (known?.boot === boot && known.bootNonce !== bootNonce) {
      this.#cloned.set(peer, boot);
      this.#components.onClone(peer);
      throw new CooeeError('ERR_MEMBERSHIP_CLONE');
    }
    this.#starts.set(peer, { boot, bootNonce });
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

function refusalOf(outcome: Extract<Outcome, { ok: false }>): CooeeError {
  return new CooeeError(outcome.code, outcome.message, { details: outcome.details ?? {} });
}

function supports(levels: z.output<typeof levelsSchema>, level: number): boolean {
  return levels[0] <= level && level <= levels[1];
}
