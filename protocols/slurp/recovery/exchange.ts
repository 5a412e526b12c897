import {
  type Clock,
  isCooeeError,
  type Logger,
  type Metrics,
  type Requester,
  type Responder,
  toError,
} from '../../interface/index.ts';
import type { EpochBook } from './epoch-book.ts';
import { type RecoveryAnswer, recoveryAnswer, recoveryAsk, recoveryProtocol } from './protocol.ts';
import { carriedGenesis, withGenesis } from './recovery-link.ts';
import type { MemberReport } from './recovery-rules.ts';

const ASK_TIMEOUT_MS = 3_000;
/** Pauses before a member is shown again what it did not take in grow from the one to the other. */
const AGAIN_MS_MIN = 2_000;
const AGAIN_MS_MAX = 60_000;

/** What {@link RecoveryExchange} works with. */
export interface RecoveryExchangeComponents {
  readonly meshId: string;
  readonly requester: Requester;
  readonly responder: Responder;
  readonly trust: {
    readonly epochs: Pick<EpochBook, 'keepGenesis' | 'newest' | 'rival'>;
    recover(bytes: Uint8Array): Promise<void>;
  };
  /** What this node says of itself. */
  readonly report: () => Omit<MemberReport, 'peer'>;
  /** What the mesh id is made of; undefined when this node has it no more. */
  readonly genesis: () => Promise<Uint8Array | undefined>;
  /** Members that are connected. */
  readonly connected: () => readonly string[];
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * Shows a recovery to every member that is met, and learns of one in turn: a node of an earlier
 * epoch may know nobody but those whose votes are over.
 */
export class RecoveryExchange {
  readonly #components: RecoveryExchangeComponents;
  /** Members that are shown it again after a pause. */
  readonly #again = new Set<string>();

  constructor(components: RecoveryExchangeComponents) {
    this.#components = components;
  }

  /** Answers other members. */
  async start(): Promise<void> {
    const { responder, meshId, report } = this.#components;
    await responder.handle(recoveryProtocol(meshId), async (peer, body) => {
      const ask = recoveryAsk.decode(body);
      await this.#learn(peer, ask.links);
      return recoveryAnswer.encode({
        report: report(),
        links: await this.#links(),
        ...(ask.genesis ? { genesis: await this.#genesis() } : {}),
      });
    });
  }

  /**
   * A member is here: it is shown what this node knows of recoveries, when that is anything, and is
   * asked for what the mesh id is made of, when that is not here.
   */
  met(peer: string): void {
    if (this.#components.trust.epochs.newest !== undefined) {
      this.#show(peer, AGAIN_MS_MIN);
      return;
    }
    void this.#genesis().then((genesis) => {
      if (genesis === undefined) this.#show(peer, AGAIN_MS_MIN);
    });
  }

  /** There is news: all that are connected are shown it. */
  tellAll(): void {
    for (const peer of this.#components.connected()) this.met(peer);
  }

  /**
   * Asks a member for its report, and takes in the recoveries that it knows, and the genesis when
   * there is none here.
   *
   * @throws CooeeError ERR_WIRE_*, the refusal of the other side
   */
  async ask(peer: string): Promise<RecoveryAnswer> {
    const { requester, meshId } = this.#components;
    const isLacking = (await this.#genesis()) === undefined;
    const body = recoveryAsk.encode({ links: await this.#links(), genesis: isLacking });
    const options = { timeoutMs: ASK_TIMEOUT_MS };
    const bytes = await requester.request(peer, recoveryProtocol(meshId), body, options);
    const answer = recoveryAnswer.decode(bytes);
    // First: a recovery that comes with it may be of no use without.
    if (answer.genesis !== undefined) await this.#keep(answer.genesis);
    await this.#learn(peer, answer.links);
    return answer;
  }

  /**
   * Until the member has answered or is gone: what is said on a connection can be lost while the
   * connection stays, and two epochs that do not hear of each other both go on.
   */
  #show(peer: string, pauseMs: number): void {
    const { logger, clock, connected } = this.#components;
    this.ask(peer).catch((error: unknown) => {
      logger.debug({ err: toError(error), peer }, 'a recovery could not be shown');
      if (this.#again.has(peer)) return;
      this.#again.add(peer);
      clock.schedule(pauseMs, () => {
        this.#again.delete(peer);
        if (connected().includes(peer)) this.#show(peer, Math.min(2 * pauseMs, AGAIN_MS_MAX));
      });
    });
  }

  /** With the genesis, where it is here: the other side may have no state to judge them by. */
  async #links(): Promise<Uint8Array[]> {
    const { newest, rival } = this.#components.trust.epochs;
    const links = [newest, rival].flatMap((it) => (it === undefined ? [] : [it.bytes]));
    if (links.every((it) => carriedGenesis(it) !== undefined)) return links;
    const genesis = await this.#genesis();
    return genesis === undefined ? links : links.map((it) => withGenesis(it, genesis));
  }

  /** One that is damaged, or cannot be read now, is as good as none: others have it. */
  async #genesis(): Promise<Uint8Array | undefined> {
    try {
      return await this.#components.genesis();
    } catch (error) {
      this.#components.logger.debug({ err: toError(error) }, 'the genesis cannot be read');
      return undefined;
    }
  }

  /** Where it cannot be kept now, it is asked for again: what else was answered counts. */
  async #keep(genesis: Uint8Array): Promise<void> {
    const { trust, logger } = this.#components;
    await trust.epochs.keepGenesis(genesis).catch((error: unknown) => {
      logger.debug({ err: toError(error) }, 'the genesis is not kept');
    });
  }

  /** A forged one is counted and said; what else the peer says is its own matter. */
  async #learn(peer: string, links: readonly Uint8Array[]): Promise<void> {
    const { trust, metrics, logger } = this.#components;
    for (const bytes of links) {
      try {
        await trust.recover(bytes);
      } catch (error) {
        if (!isCooeeError(error) || error.code.startsWith('ERR_STORAGE_')) throw error;
        metrics.count('cooee_slurp_recoveries_refused_total');
        logger.warn({ err: error, peer }, 'a recovery is not valid');
      }
    }
  }
}
