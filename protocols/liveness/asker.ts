import {
  type Clock,
  type Crypto,
  isCooeeError,
  type Logger,
  type Metrics,
  type Random,
  type Requester,
  toError,
} from '../interface/index.ts';
import { equalBytes, isSignedBy } from '../wire/index.ts';
import {
  byeStatement,
  livenessAnswer,
  livenessProtocol,
  livenessRequest,
  NONCE_BYTES,
  proofStatement,
} from './codec.ts';
import type { Asked, LivenessTable, Watch } from './state.ts';

/** Members asked for a suspect at once: SWIM's k. */
const HELPERS = 3;

/** Whoever was reached so lately is asked for through one other. */
const VOUCHED_MS = 1_500;

/** A sign of life may be late, as on a link that loses much; it counts while it is waited for. */
const ASK_TIMEOUT_MS = 10_000;

/** Questions to one member that may wait: it answers 16 at a time, pings among them. */
const PER_HELPER_MAX = 8;

/** What an {@link Asker} works with. */
export interface AskerComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Pick<Crypto, 'verify'>;
  readonly requester: Requester;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly meshId: string;
  readonly table: LivenessTable;
  readonly isConnected: (peer: string) => boolean;
  /** Another brought a sign of life. */
  readonly onProof: (peer: string, by: string) => void;
  /** Another brought a goodbye, of that start. */
  readonly onBye: (peer: string, boot: number) => void;
  /** A member that counts as alive did not answer. */
  readonly onMiss: () => void;
}

/** Asks others for suspects: whoever reaches one brings a fresh statement signed by it. */
export class Asker {
  readonly #components: AskerComponents;
  readonly #waiting = new Map<string, number>();

  constructor(components: AskerComponents) {
    this.#components = components;
  }

  /** Asks for all that are due. */
  round(nowMs: number): void {
    const { table } = this.#components;
    for (const watch of [...table.all()]) {
      if (!table.isToAsk(watch, nowMs)) continue;
      const isVouchedFor = nowMs - (watch.vouchedMs ?? Number.NEGATIVE_INFINITY) < VOUCHED_MS;
      const count = watch.state === 'suspect' && !isVouchedFor ? HELPERS : 1;
      for (const helper of this.#helpersFor(watch, count)) void this.#ask(watch.peer, helper);
    }
  }

  /** Connected members that are alive; those first that were not asked for it yet. */
  #helpersFor(watch: Watch, count: number): string[] {
    const { table, random, isConnected } = this.#components;
    // The newest comes last, and stands.
    const asked = new Map(watch.asked.toReversed().map(({ peer, atMs }) => [peer, atMs]));
    return [...table.all()]
      .filter(
        ({ peer, state }) =>
          peer !== watch.peer &&
          state === 'alive' &&
          isConnected(peer) &&
          (this.#waiting.get(peer) ?? 0) < PER_HELPER_MAX,
      )
      .map(({ peer }) => ({ peer, askedMs: asked.get(peer) ?? 0, chance: random.fraction() }))
      .sort((a, b) => a.askedMs - b.askedMs || a.chance - b.chance)
      .slice(0, count)
      .map(({ peer }) => peer);
  }

  async #ask(peer: string, helper: string): Promise<void> {
    const { clock, table, metrics, logger } = this.#components;
    const atMs = clock.monotonicMs();
    table.asking(peer, helper, atMs);
    this.#count(helper, 1);
    let answer: Asked['answer'] = 'none';
    try {
      answer = await this.#exchange(peer, helper);
    } catch (thrown) {
      const error = toError(thrown);
      if (isCooeeError(error, 'ERR_WIRE_TIMEOUT')) this.#components.onMiss();
      logger.debug({ peer, helper, err: error }, 'asked for a suspect in vain');
    }
    this.#count(helper, -1);
    metrics.count('cooee_liveness_asks_total', { answer });
    table.answered(peer, { peer: helper, atMs }, answer);
    if (answer === 'reached') this.#components.onProof(peer, helper);
  }

  async #exchange(peer: string, helper: string): Promise<'reached' | 'silent'> {
    const { requester, meshId, random } = this.#components;
    const nonce = random.bytes(NONCE_BYTES);
    const bytes = await requester.request(
      helper,
      livenessProtocol(meshId),
      livenessRequest.encode({ v: 1, kind: 'ask', peer, nonce }),
      { timeoutMs: ASK_TIMEOUT_MS },
    );
    const answer = livenessAnswer.decode(bytes);
    if (answer.kind === 'proof') {
      return this.#isProof(peer, answer.statement, nonce) ? 'reached' : 'silent';
    }
    if (answer.kind === 'silent' && answer.bye !== undefined) this.#takeBye(peer, answer.bye);
    return 'silent';
  }

  /** Only the suspect's own signature over this very question counts. */
  #isProof(peer: string, statement: Uint8Array, nonce: Uint8Array): boolean {
    const { crypto, meshId } = this.#components;
    const signed = proofStatement.decode(statement);
    return (
      signed.value.mesh === meshId &&
      equalBytes(signed.value.nonce, nonce) &&
      isSignedBy(crypto.verify, 'liveness', peer, signed)
    );
  }

  #takeBye(peer: string, statement: Uint8Array): void {
    const { crypto, meshId, onBye } = this.#components;
    const signed = byeStatement.decode(statement);
    if (signed.value.mesh !== meshId) return;
    if (isSignedBy(crypto.verify, 'liveness', peer, signed)) onBye(peer, signed.value.boot);
  }

  #count(helper: string, by: number): void {
    const count = (this.#waiting.get(helper) ?? 0) + by;
    if (count > 0) this.#waiting.set(helper, count);
    else this.#waiting.delete(helper);
  }
}
