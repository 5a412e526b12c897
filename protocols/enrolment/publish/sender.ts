import { tinyHashOf } from '../../agent-id/index.ts';
import {
  type Clock,
  type Crypto,
  type ErrorCode,
  type ErrorDetails,
  type Gossip,
  isErrorCode,
  type LeaderRecord,
  type Logger,
  type Metrics,
  type Outcome,
  type Random,
  type Sealer,
  type Signer,
  type StateReader,
  type Timer,
  toError,
} from '../../interface/index.ts';
import { toHex } from '../../wire/index.ts';
import type { AppliedCommands } from '../applied.ts';
import {
  claimId,
  type EnrolAnswer,
  type EnrolRequest,
  encodePlaintext,
  encodeRequest,
  enrolAddress,
} from '../codec.ts';
import { isFinal } from '../rules.ts';
import { hashOf, renewRequest } from './compute-requests.ts';
import { isDecided, isGranted } from './compute-standing.ts';
import type { PendingRequest } from './pending.ts';

/** What the sender is built from. */
export interface SenderComponents {
  readonly gossip: Gossip;
  readonly sealer: Sealer;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly state: StateReader;
  readonly meshId: string;
  /** The intake of this node, for when it is the leader itself. */
  readonly deliver: (origin: string, request: EnrolRequest) => void;
  /**
   * Called once for each request: with the refusal, or with null when all of its agents have their
   * tokens.
   */
  readonly onSettled: (request: PendingRequest, refusal: Refusal | null, index?: number) => void;
  /** The leader answered that it cannot take the request for now. */
  readonly onDelayed: (request: PendingRequest, code: ErrorCode) => void;
}

/** Settings of the sender. */
export interface SenderInit {
  /** First wait before a request is sent again; doubles each time. @default 1 s */
  readonly retryMinMs?: number;
  /** @default 30 s */
  readonly retryMaxMs?: number;
  /**
   * A claim older than this is signed anew before it is sent: leaders take ±5 min. @default 60 s
   */
  readonly claimAgeMaxMs?: number;
}

/** Why a request was refused for good. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
}

/** Ids kept of one request: it is signed anew now and then, and an answer may be late. */
const IDS_KEPT = 8;

/**
 * Sends requests to the present leader until the log has decided them: one at a time, in the order
 * of their numbers, since the log takes only rising ones.
 */
export class RequestSender {
  readonly #components: SenderComponents;
  readonly #init: Required<SenderInit>;
  #queue: PendingRequest[] = [];
  /** Ids that the first of the queue was sent under, the latest last. */
  #sentIds: string[] = [];
  #sentTo: LeaderRecord | undefined;
  #attempts = 0;
  #isStarted = false;
  #isSending = false;
  #isPoked = false;
  #retry: Timer | undefined;

  constructor(components: SenderComponents, init: SenderInit = {}) {
    this.#components = components;
    this.#init = { retryMinMs: 1_000, retryMaxMs: 30_000, claimAgeMaxMs: 60_000, ...init };
  }

  /** What is not decided, in order. */
  get queue(): readonly PendingRequest[] {
    return this.#queue;
  }

  start(): void {
    this.#isStarted = true;
    this.poke();
  }

  stop(): void {
    this.#isStarted = false;
    this.#retry?.cancel();
  }

  /** @param requests - numbered above all that were added before */
  add(requests: readonly PendingRequest[]): void {
    const wasEmpty = this.#queue.length === 0;
    this.#queue.push(...requests);
    this.#gauge();
    if (wasEmpty) this.poke();
  }

  /** Sends now, because something changed; the waits begin anew. */
  poke(): void {
    this.#attempts = 0;
    void this.#send();
  }

  onEntryApplied(applied: AppliedCommands): void {
    for (const { command, outcome } of applied.decisions) {
      if (command.kind === 'agent.grant') this.#onDecision(command.body, outcome, applied.index);
    }
    const leader = this.#leader();
    const isNews = leader !== undefined && !isSameLeader(leader, this.#sentTo);
    // Sent by an earlier start, perhaps: then no decision above was known to be ours.
    const [first] = this.#queue;
    if (first !== undefined && (isNews || this.#isDecided(first))) this.poke();
  }

  /** A refusal off the topic. Only the leader's counts: anybody could send one. */
  onAnswer(origin: string, answer: EnrolAnswer): void {
    const [request] = this.#queue;
    if (answer.to !== this.#components.signer.peer || request === undefined) return;
    if (origin !== this.#leader()?.peer || !this.#sentIds.includes(toHex(answer.id))) return;
    const code = isErrorCode(answer.code) ? answer.code : 'ERR_WIRE_VERSION';
    this.#onRefusal(request, { code, details: answer.details ?? {} });
  }

  #onDecision(body: Readonly<Record<string, unknown>>, outcome: Outcome, index: number): void {
    const [request] = this.#queue;
    const claim = body['claim'];
    if (request === undefined || !(claim instanceof Uint8Array)) return;
    if (!this.#sentIds.includes(claimId(this.#components.crypto.sha256, claim))) return;
    if (outcome.ok) this.#settle(request, null, index);
    else this.#onRefusal(request, { code: outcome.code, details: outcome.details ?? {} });
  }

  #onRefusal(request: PendingRequest, refusal: Refusal): void {
    // Decided already, but not yet here: the log tells how.
    if (refusal.code === 'ERR_ENROLMENT_REPLAY' && !this.#isDecided(request)) return;
    if (isFinal(refusal.code)) this.#settle(request, refusal);
    else this.#components.onDelayed(request, refusal.code);
  }

  /** Takes the request out of the queue and goes on with the next. */
  #settle(request: PendingRequest, refusal: Refusal | null, index?: number): void {
    this.#queue = this.#queue.filter(({ id }) => id !== request.id);
    this.#sentIds = [];
    this.#gauge();
    // A second copy of a granted claim is refused as a replay: what counts is that the tokens are
    // there.
    const isDone = refusal === null || this.#isGranted(request);
    this.#components.onSettled(request, isDone ? null : refusal, index);
    this.poke();
  }

  async #send(): Promise<void> {
    this.#retry?.cancel();
    if (!this.#isStarted) return;
    if (this.#isSending) {
      this.#isPoked = true;
      return;
    }
    this.#isSending = true;
    try {
      await this.#sendFirst();
    } catch (error) {
      const fields = { err: toError(error) };
      this.#components.logger.warn(fields, 'an enrolment could not be sent; trying again');
    } finally {
      this.#isSending = false;
    }
    if (this.#isPoked) {
      this.#isPoked = false;
      void this.#send();
    } else this.#sendLater();
  }

  async #sendFirst(): Promise<void> {
    const [request] = this.#queue;
    const leader = this.#leader();
    if (request === undefined) return;
    if (this.#isDecided(request) || this.#isGranted(request)) {
      this.#settle(request, { code: 'ERR_ENROLMENT_REPLAY', details: {} });
      return;
    }
    if (leader === undefined) return;
    const message = await this.#seal(this.#renewed(request), leader);
    if (!this.#isStarted || this.#queue[0]?.id !== request.id) return;
    const { signer, deliver, gossip, metrics } = this.#components;
    if (leader.peer === signer.peer) deliver(signer.peer, message);
    else gossip.publish('enrol', encodeRequest(message), 'request');
    metrics.count('cooee_enrolment_published_total');
  }

  async #seal(request: PendingRequest, leader: LeaderRecord): Promise<EnrolRequest> {
    const { claim, gpuInfo, value } = request;
    const id = this.#components.crypto.sha256(claim);
    this.#sentTo = leader;
    if (!this.#sentIds.includes(toHex(id))) {
      this.#sentIds = [...this.#sentIds, toHex(id)].slice(-IDS_KEPT);
    }
    const plaintext = encodePlaintext({ claim, gpuInfo: [...gpuInfo] });
    const sealed = await this.#components.sealer.seal(leader.recipient, plaintext);
    const [first] = value.agents;
    const address = enrolAddress(first === undefined ? '' : tinyHashOf(hashOf(first)));
    return { address, id, sealed };
  }

  /** The request with a claim that leaders still take; its number stays. */
  #renewed(request: PendingRequest): PendingRequest {
    const { clock, meshId, signer } = this.#components;
    const timeMs = clock.nowMs();
    const isFresh = Math.abs(timeMs - request.value.timeMs) <= this.#init.claimAgeMaxMs;
    if (isFresh && request.value.mesh === meshId) return request;
    const renewed = renewRequest(signer, request, { mesh: meshId, timeMs });
    this.#queue = this.#queue.map((other) => (other.id === request.id ? renewed : other));
    return renewed;
  }

  #sendLater(): void {
    if (!this.#isStarted || this.#queue.length === 0) return;
    const { retryMinMs, retryMaxMs } = this.#init;
    const waitMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(this.#attempts, 16));
    const jitter = 0.75 + this.#components.random.fraction() / 2;
    this.#attempts += 1;
    this.#retry?.cancel();
    this.#retry = this.#components.clock.schedule(waitMs * jitter, () => void this.#send());
  }

  #leader(): LeaderRecord | undefined {
    return this.#components.state.get('mesh', 'leader') as LeaderRecord | undefined;
  }

  #isDecided({ value }: PendingRequest): boolean {
    return isDecided(this.#components.state, value);
  }

  #isGranted({ value }: PendingRequest): boolean {
    return isGranted(this.#components.state, value);
  }

  #gauge(): void {
    this.#components.metrics.gauge('cooee_enrolment_pending_requests', this.#queue.length);
  }
}

function isSameLeader(a: LeaderRecord, b: LeaderRecord | undefined): boolean {
  return a.peer === b?.peer && a.term === b.term && a.recipient === b.recipient;
}
