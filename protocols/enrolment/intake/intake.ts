import {
  type Clock,
  CooeeError,
  type Crypto,
  type ErrorCode,
  type ErrorDetails,
  type GossipVerdict,
  isCooeeError,
  type KeyValueStore,
  LIMITS,
  type Logger,
  type Metrics,
  type Outcome,
  type Sealer,
  type StateReader,
  toError,
} from '../../interface/index.ts';
import { RateLimiter, toHex } from '../../wire/index.ts';
import type { EnrolAnswer, EnrolRequest } from '../codec.ts';
import { type CheckedEnrolment, checkEnrolment, isFinal } from '../rules.ts';

/** What the intake is built from. */
export interface IntakeComponents {
  readonly sealer: Sealer;
  readonly state: StateReader;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: KeyValueStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly meshId: string;
  readonly isLeader: () => boolean;
  /** Puts a command into the log; resolves once it is applied here. */
  readonly propose: (
    kind: 'agent.grant',
    body: { readonly claim: Uint8Array },
  ) => Promise<Outcome & { readonly index: number }>;
  /** Sends a refusal to the publisher. */
  readonly answer: (answer: EnrolAnswer) => void;
}

/** Settings of the intake. */
export interface IntakeInit {
  /** Requests a second that one origin may have opened: what it may publish. @default 5 */
  readonly perSecond?: number;
  /** @default 10 */
  readonly burst?: number;
  /** Requests at work at once; each is at most 56 KiB. @default 256 */
  readonly openMax?: number;
  /** Decisions remembered, so that a repeated request is not opened again. @default 1024 */
  readonly decidedMax?: number;
}

/** What became of a request: its refusal, or null when it was granted. */
type Decision = { readonly code: ErrorCode; readonly details: ErrorDetails } | null;

/**
 * The leader's side: opens sealed requests, judges them, proposes the grants. On other nodes it
 * does nothing.
 */
export class EnrolmentIntake {
  readonly #components: IntakeComponents;
  readonly #init: Required<IntakeInit>;
  readonly #logger: Logger;
  readonly #budget: RateLimiter;
  readonly #atWork = new Set<string>();
  readonly #decided = new Map<string, Decision>();

  constructor(components: IntakeComponents, init: IntakeInit = {}) {
    this.#components = components;
    this.#init = { perSecond: 5, burst: 10, openMax: 256, decidedMax: 1024, ...init };
    this.#logger = components.logger.child('cooee:enrolment:intake');
    const { perSecond: ratePerSecond, burst } = this.#init;
    this.#budget = new RateLimiter({ ratePerSecond, burst });
  }

  /** Takes a request whose gossip envelope was checked; the work goes on after it returns. */
  receive(origin: string, request: EnrolRequest): GossipVerdict {
    const { clock, isLeader, metrics } = this.#components;
    if (!isLeader()) return 'accept';
    if (!this.#budget.take(origin, clock.monotonicMs())) {
      // Not answered: answers are gossip too, and a flood must not use up what honest nodes need.
      this.#note(origin, 'ERR_WIRE_RATE', {});
      return 'ignore';
    }
    metrics.count('cooee_enrolment_requests_total');
    const key = keyOf(origin, request.id);
    const decision = this.#decided.get(key);
    if (decision !== undefined) {
      this.#repeated(origin, request.id, decision);
    } else if (this.#atWork.has(key)) {
      // The answer to the first copy is the answer to this one.
    } else if (request.sealed.length > LIMITS.enrolmentSealedBytesMax) {
      this.#refuse(origin, request.id, new CooeeError('ERR_ENROLMENT_TOO_LARGE'));
    } else if (this.#atWork.size >= this.#init.openMax) {
      this.#refuse(origin, request.id, new CooeeError('ERR_API_BUSY'));
    } else {
      this.#atWork.add(key);
      void this.#decide(origin, request).finally(() => this.#atWork.delete(key));
    }
    return 'accept';
  }

  /**
   * What was told of an agent's GPU, when this node opened its enrolment. @param hash - of the
   * tuple, hex
   */
  async gpuInfo(hash: string): Promise<string | undefined> {
    const bytes = await this.#components.store.get('gpuinfo', hash);
    return bytes && new TextDecoder().decode(bytes);
  }

  async #decide(origin: string, request: EnrolRequest): Promise<void> {
    const { sealer, clock, propose, isLeader } = this.#components;
    try {
      const plaintext = await sealer.open(request.sealed);
      if (!isLeader()) return;
      const checked = checkEnrolment(plaintext, {
        ...this.#components,
        origin,
        id: request.id,
        nowMs: clock.nowMs(),
      });
      const outcome = await propose('agent.grant', { claim: checked.claim });
      if (outcome.ok) await this.#granted(request.id, checked);
      // A refusal in the log reaches the publisher by the log.
      else
        this.#remember(origin, request.id, {
          code: outcome.code,
          details: outcome.details ?? {},
        });
    } catch (error) {
      this.#failed(origin, request.id, error);
    }
  }

  /** A copy of a request that was decided: not opened again. */
  #repeated(origin: string, id: Uint8Array, decision: Decision): void {
    const replay = { code: 'ERR_ENROLMENT_REPLAY', details: {} } as const;
    if (decision === null) this.#note(origin, replay.code, replay.details);
    this.#answer(origin, id, decision ?? replay);
  }

  async #granted(id: Uint8Array, checked: CheckedEnrolment): Promise<void> {
    this.#keep(keyOf(checked.value.peer, id), null);
    this.#components.metrics.count('cooee_enrolment_grants_total');
    const utf8 = new TextEncoder();
    const writes = checked.value.agents.flatMap(({ hash }, position) => {
      const text = checked.gpuInfo[position] ?? '';
      return text === ''
        ? []
        : [{ namespace: 'gpuinfo' as const, key: toHex(hash), value: utf8.encode(text) }];
    });
    if (writes.length > 0) await this.#components.store.batch(writes);
  }

  #failed(origin: string, id: Uint8Array, error: unknown): void {
    // Once granted, only the note on the GPU can have failed: the grant stands.
    const isGranted = this.#decided.get(keyOf(origin, id)) === null;
    if (!isGranted && isCooeeError(error) && isOfRequest(error)) {
      this.#refuse(origin, id, error);
      return;
    }
    // No leader any more, or a fault of ours: the publisher goes on by itself.
    this.#logger.warn({ err: toError(error), origin }, 'an enrolment could not be proposed');
  }

  #refuse(origin: string, id: Uint8Array, error: CooeeError): void {
    // What may go better the next time is not held against the request.
    if (isFinal(error.code))
      this.#remember(origin, id, { code: error.code, details: error.details });
    else this.#note(origin, error.code, error.details);
    this.#answer(origin, id, { code: error.code, details: error.details });
  }

  #remember(origin: string, id: Uint8Array, refusal: NonNullable<Decision>): void {
    this.#keep(keyOf(origin, id), refusal);
    this.#note(origin, refusal.code, refusal.details);
  }

  #keep(key: string, decision: Decision): void {
    this.#decided.set(key, decision);
    if (this.#decided.size <= this.#init.decidedMax) return;
    const oldest = this.#decided.keys().next();
    if (oldest.done !== true) this.#decided.delete(oldest.value);
  }

  #note(origin: string, code: ErrorCode, details: ErrorDetails): void {
    this.#components.metrics.count('cooee_enrolment_refusals_total', { code });
    const fields = { origin, code, reason: details['reason'] ?? null };
    // A flood must not fill the log as well.
    if (code === 'ERR_WIRE_RATE') this.#logger.debug(fields, 'an enrolment was not looked at');
    else this.#logger.warn(fields, 'an enrolment was refused');
  }

  #answer(to: string, id: Uint8Array, decision: NonNullable<Decision>): void {
    this.#components.answer({ to, id, ...decision });
  }
}

/**
 * Ids travel in the clear: what another node sends under one must not decide the request of its
 * owner.
 */
function keyOf(origin: string, id: Uint8Array): string {
  return `${origin} ${toHex(id)}`;
}

function isOfRequest(error: CooeeError): boolean {
  const isForNow = ['ERR_API_BUSY', 'ERR_ENROLMENT_CIPHERTEXT', 'ERR_ENROLMENT_TIME'];
  return isFinal(error.code) || isForNow.includes(error.code);
}
