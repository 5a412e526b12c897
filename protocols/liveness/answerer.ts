import {
  type Clock,
  CooeeError,
  type Crypto,
  isCooeeError,
  type Logger,
  type Metrics,
  type Requester,
  type Responder,
  type Signer,
  toError,
} from '../interface/index.ts';
import { isSignedBy, RateLimiter } from '../wire/index.ts';
import {
  byeStatement,
  type LivenessAnswer,
  type LivenessRequest,
  livenessAnswer,
  livenessProtocol,
  livenessRequest,
  proofStatement,
} from './codec.ts';

/** A member pings and asks a few times a second; more is not answered. */
const RATE = { ratePerSecond: 20, burst: 80 } as const;

/**
 * How long one that is asked for may take to prove that it is there; it is asked for again soon.
 */
const PROVE_TIMEOUT_MS = 1_200;
/** Questions passed on to one member at once, and to all. */
const PROVES_PER_PEER_MAX = 16;
const PROVES_MAX = 128;

/** What an {@link Answerer} works with. */
export interface AnswererComponents {
  readonly clock: Clock;
  readonly crypto: Pick<Crypto, 'verify'>;
  readonly signer: Signer;
  readonly requester: Requester;
  readonly responder: Responder;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly meshId: string;
  readonly boot: number;
  readonly isMember: (peer: string) => boolean;
  readonly isConnected: (peer: string) => boolean;
  /** Whether this node itself does not suspect it. */
  readonly isAlive: (peer: string) => boolean;
  readonly leader: () => string | undefined;
  /** Suspects of this node, for others to look at. */
  readonly hints: () => readonly string[];
  /** A member pinged: a sign of life, with the suspects that it names. */
  readonly onPing: (peer: string, boot: number, hints: readonly string[]) => void;
  /** A member said goodbye. @returns whether it is one of its latest start */
  readonly onBye: (peer: string, boot: number) => boolean;
  /** A member asks more often than it may. */
  readonly onFlood: (peer: string, what: string) => void;
}

/** Answers what other members ask about signs of life. */
export class Answerer {
  readonly #components: AnswererComponents;
  readonly #budget = new RateLimiter(RATE);
  /** Questions that are passed on now, by the one that is asked for. */
  readonly #proving = new Map<string, number>();
  /** Goodbyes as they were signed, for those who were not told. */
  readonly #byes = new Map<string, Uint8Array>();

  constructor(components: AnswererComponents) {
    this.#components = components;
  }

  async start(): Promise<void> {
    const { responder, meshId } = this.#components;
    await responder.handle(livenessProtocol(meshId), (peer, body) => this.#handle(peer, body));
  }

  async stop(): Promise<void> {
    const { responder, meshId } = this.#components;
    await responder.unhandle(livenessProtocol(meshId));
    this.#byes.clear();
  }

  /** Forgets the goodbyes of peers that are no members any more. */
  keep(peers: ReadonlySet<string>): void {
    for (const peer of this.#byes.keys()) if (!peers.has(peer)) this.#byes.delete(peer);
  }

  async #handle(peer: string, body: Uint8Array): Promise<Uint8Array> {
    const { clock, metrics, onFlood } = this.#components;
    try {
      if (!this.#budget.take(peer, clock.monotonicMs())) {
        onFlood(peer, 'liveness');
        throw new CooeeError('ERR_WIRE_RATE');
      }
      return livenessAnswer.encode(await this.#answer(peer, livenessRequest.decode(body)));
    } catch (thrown) {
      const code = isCooeeError(thrown) ? thrown.code : 'ERR_API_INTERNAL';
      metrics.count('cooee_liveness_refused_total', { code });
      throw thrown;
    }
  }

  async #answer(peer: string, request: LivenessRequest): Promise<LivenessAnswer> {
    switch (request.kind) {
      case 'ping':
        return this.#pong(peer, request);
      case 'prove':
        return { v: 1, kind: 'proof', statement: this.#sign(request.nonce) };
      case 'ask':
        return await this.#ask(request.peer, request.nonce);
      case 'bye':
        return this.#bye(peer, request.statement);
    }
  }

  #pong(peer: string, request: Extract<LivenessRequest, { kind: 'ping' }>): LivenessAnswer {
    const { clock, boot, leader, hints, onPing } = this.#components;
    const receivedMs = clock.nowMs();
    onPing(peer, request.boot, request.hints);
    return {
      v: 1,
      kind: 'pong',
      boot,
      hints: [...hints()],
      receivedMs,
      sentMs: clock.nowMs(),
      leader: leader() ?? null,
    };
  }

  #sign(nonce: Uint8Array): Uint8Array {
    const { signer, meshId, boot } = this.#components;
    return proofStatement.encode(signer, { v: 1, kind: 'proof', mesh: meshId, nonce, boot });
  }

  /** Has the one that is asked for prove that it is there. */
  async #ask(peer: string, nonce: Uint8Array): Promise<LivenessAnswer> {
    const { isMember, isConnected, signer, requester, meshId, logger } = this.#components;
    if (peer === signer.peer) return { v: 1, kind: 'proof', statement: this.#sign(nonce) };
    if (!isMember(peer)) throw new CooeeError('ERR_MEMBERSHIP_UNKNOWN_PEER');
    const running = this.#proving.get(peer) ?? 0;
    const all = [...this.#proving.values()].reduce((sum, it) => sum + it, 0);
    if (running >= PROVES_PER_PEER_MAX || all >= PROVES_MAX) throw new CooeeError('ERR_WIRE_RATE');
    if (!isConnected(peer)) return this.#silent(peer);
    this.#proving.set(peer, running + 1);
    try {
      const request = livenessRequest.encode({ v: 1, kind: 'prove', nonce });
      const options = { timeoutMs: PROVE_TIMEOUT_MS };
      const answer = await requester.request(peer, livenessProtocol(meshId), request, options);
      // Passed on as it is: the asker checks it.
      const proof = livenessAnswer.decode(answer);
      return proof.kind === 'proof' ? proof : this.#silent(peer);
    } catch (thrown) {
      logger.debug({ peer, err: toError(thrown) }, 'one that is asked for is silent here, too');
      // Late, as it often is: that witnesses nothing yet.
      if (this.#components.isAlive(peer)) throw new CooeeError('ERR_WIRE_STREAM');
      return this.#silent(peer);
    } finally {
      const left = (this.#proving.get(peer) ?? 1) - 1;
      if (left > 0) this.#proving.set(peer, left);
      else this.#proving.delete(peer);
    }
  }

  #silent(peer: string): LivenessAnswer {
    const bye = this.#byes.get(peer);
    return { v: 1, kind: 'silent', ...(bye === undefined ? {} : { bye }) };
  }

  #bye(peer: string, statement: Uint8Array): LivenessAnswer {
    const { crypto, meshId, onBye } = this.#components;
    const signed = byeStatement.decode(statement);
    const isOwn = isSignedBy(crypto.verify, 'liveness', peer, signed);
    if (!isOwn || signed.value.mesh !== meshId) throw new CooeeError('ERR_SLURP_SIGNATURE');
    if (onBye(peer, signed.value.boot)) this.#byes.set(peer, statement.slice());
    return { v: 1, kind: 'noted' };
  }
}
