import {
  type Clock,
  type Logger,
  type Random,
  type Requester,
  toError,
} from '../interface/index.ts';
import type { ClockBook } from './clock-book.ts';
import {
  HINTS_MAX,
  type LivenessAnswer,
  livenessAnswer,
  livenessProtocol,
  livenessRequest,
} from './codec.ts';
import type { LivenessTimes } from './rules.ts';
import type { LivenessTable } from './state.ts';

/**
 * Pings a tick, 30 a second: 16 members are pinged by everyone in each period, of more each by 16
 * others.
 */
const PINGS_PER_TICK = 6;
/**
 * Members that started together would ping the same ones at the same time, and then none of these
 * for as long as all the others take. So chance moves each in the order by up to a whole round,
 * which takes so long for each member.
 */
const ROUND_MS_PER_MEMBER = 1_000 / 30;
/** Those that waited for longer, or were never pinged, are equal. */
const WAITED_MS_MAX = 30_000;
/** Members that are told at once of a suspect in a mesh that is too large to ping all. */
const SPREAD_TO = 8;
const SPREAD_EVERY_MS = 1_000;
/** As long as a late answer is news; TCP brings it when the link is back. */
const PING_TIMEOUT_MS = 15_000;
/** Pings to one member that may wait: on a link that loses much each helps the ones before. */
const WAITING_MAX = 4;

type Pong = Extract<LivenessAnswer, { kind: 'pong' }>;

/** What a {@link Pinger} works with. */
export interface PingerComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly requester: Requester;
  readonly logger: Logger;
  readonly meshId: string;
  readonly boot: number;
  readonly times: LivenessTimes;
  readonly table: LivenessTable;
  readonly clocks: ClockBook;
  readonly hints: () => readonly string[];
  readonly isConnected: (peer: string) => boolean;
  readonly onPong: (peer: string, pong: Pick<Pong, 'boot' | 'hints' | 'leader'>) => void;
}

/** Pings the members by turns. */
export class Pinger {
  readonly #components: PingerComponents;
  readonly #waiting = new Map<string, number>();
  #spreadMs = Number.NEGATIVE_INFINITY;

  constructor(components: PingerComponents) {
    this.#components = components;
  }

  /** Pings those that waited longest, more or less. */
  round(nowMs: number): void {
    const { table, times, random, isConnected } = this.#components;
    const all = [...table.all()];
    const roundMs = ROUND_MS_PER_MEMBER * all.length;
    const due = all
      .filter(({ peer, pingedMs }) => nowMs - pingedMs >= times.pingEveryMs && isConnected(peer))
      .map(({ peer, pingedMs }) => ({
        peer,
        rankMs: Math.max(pingedMs, nowMs - WAITED_MS_MAX) + roundMs * random.fraction(),
      }))
      .sort((a, b) => a.rankMs - b.rankMs);
    for (const { peer } of due.slice(0, PINGS_PER_TICK)) this.ping(peer);
  }

  /** Members that are silent here and were not before, for others to look at themselves. */
  suspects(): readonly string[] {
    return [...this.#components.table.all()]
      .filter(({ state, heardMs }) => state === 'suspect' && heardMs !== undefined)
      .sort((a, b) => b.sinceMs - a.sinceMs)
      .slice(0, HINTS_MAX)
      .map(({ peer }) => peer);
  }

  /** Another named it as a suspect: this node sees for itself. */
  hinted(peer: string): void {
    const { table, clock, times, isConnected } = this.#components;
    const watch = table.get(peer);
    if (watch === undefined || watch.state !== 'alive' || !isConnected(peer)) return;
    if (clock.monotonicMs() - watch.pingedMs >= times.pingEveryMs) this.ping(peer);
  }

  /** There is a new suspect: where not all are pinged in each period, some are told at once. */
  spread(): void {
    const { table, clock, random, isConnected } = this.#components;
    const nowMs = clock.monotonicMs();
    const alive = [...table.all()].filter((it) => it.state === 'alive' && isConnected(it.peer));
    if (alive.length <= 2 * SPREAD_TO || nowMs - this.#spreadMs < SPREAD_EVERY_MS) return;
    this.#spreadMs = nowMs;
    const told = alive
      .map(({ peer }) => ({ peer, chance: random.fraction() }))
      .sort((a, b) => a.chance - b.chance)
      .slice(0, SPREAD_TO);
    for (const { peer } of told) this.ping(peer);
  }

  /** Pings one member now. */
  ping(peer: string): void {
    const { table, clock } = this.#components;
    table.pinged(peer, clock.monotonicMs());
    const waiting = this.#waiting.get(peer) ?? 0;
    if (waiting >= WAITING_MAX) return;
    this.#waiting.set(peer, waiting + 1);
    void this.#exchange(peer).finally(() => {
      const left = (this.#waiting.get(peer) ?? 1) - 1;
      if (left > 0) this.#waiting.set(peer, left);
      else this.#waiting.delete(peer);
    });
  }

  async #exchange(peer: string): Promise<void> {
    const { clock, requester, meshId, boot, clocks, logger, onPong } = this.#components;
    const hints = this.suspects().filter((it) => it !== peer);
    const request = livenessRequest.encode({ v: 1, kind: 'ping', boot, hints });
    const askedMs = clock.monotonicMs();
    try {
      const bytes = await requester.request(peer, livenessProtocol(meshId), request, {
        timeoutMs: PING_TIMEOUT_MS,
      });
      const answeredMs = clock.monotonicMs();
      const pong = livenessAnswer.decode(bytes);
      if (pong.kind !== 'pong') return;
      const { receivedMs, sentMs } = pong;
      clocks.add(peer, { askedMs, answeredMs, receivedMs, sentMs });
      onPong(peer, pong);
    } catch (thrown) {
      const error = toError(thrown);
      logger.debug({ peer, err: error }, 'a ping was not answered');
      if (isAnswer(error)) onPong(peer, { boot: 0, hints: [], leader: null });
    }
  }
}

/** It does not speak this protocol, and said so. */
function isAnswer(error: Error): boolean {
  const { cause } = error;
  return cause instanceof Error && cause.name === 'UnsupportedProtocolError';
}
