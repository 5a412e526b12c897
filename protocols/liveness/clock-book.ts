import type { Clock, Health, Metrics } from '../interface/index.ts';
import {
  addSample,
  bestSample,
  type ClockSample,
  computeSample,
  computeSkew,
  type Exchange,
  SKEW_MUTE_MS,
  SKEW_WARN_MS,
} from './compute-skew.ts';

/** A slower answer says too little: half of its way may be the error. */
const RTT_MS_MAX = 2_000;

/** This host's clock was set, or the host slept: what was read before says nothing any more. */
const JUMP_MS = 500;

/** What a {@link ClockBook} works with. */
export interface ClockBookComponents {
  readonly clock: Clock;
  readonly health: Health;
  readonly metrics: Metrics;
  /** Stops this node's gossip, or lets it go on. */
  readonly mute: (isMuted: boolean) => void;
}

/** The other members' clocks, as their answers show them. */
export class ClockBook {
  readonly #components: ClockBookComponents;
  readonly #samples = new Map<string, readonly ClockSample[]>();
  #wallMs: number;

  constructor(components: ClockBookComponents) {
    this.#components = components;
    this.#wallMs = this.#wallAheadMs();
  }

  add(peer: string, exchange: Exchange): void {
    const sample = computeSample(exchange);
    if (sample.rttMs > RTT_MS_MAX) return;
    this.#samples.set(peer, addSample(this.#samples.get(peer) ?? [], sample));
  }

  keep(peers: ReadonlySet<string>): void {
    for (const peer of this.#samples.keys()) if (!peers.has(peer)) this.#samples.delete(peer);
  }

  rttMs(peer: string): number | undefined {
    return this.#best(peer)?.rttMs;
  }

  /** The other's clock minus this host's, ms. */
  offsetMs(peer: string): number | undefined {
    const sample = this.#best(peer);
    return sample === undefined ? undefined : sample.aheadMs - this.#wallAheadMs();
  }

  /** This host's clock minus the median of the mesh. */
  skewMs(): number | undefined {
    const offsets = [...this.#samples.keys()].map((peer) => this.offsetMs(peer));
    return computeSkew(offsets.filter((it) => it !== undefined));
  }

  /** Raises and clears the condition, and mutes this node's gossip. */
  check(): void {
    const { metrics } = this.#components;
    const wallMs = this.#wallAheadMs();
    if (Math.abs(wallMs - this.#wallMs) > JUMP_MS) this.#samples.clear();
    this.#wallMs = wallMs;
    const skewMs = this.skewMs();
    // Nobody to compare with for now: what was found out before stands.
    if (skewMs === undefined) return;
    metrics.gauge('cooee_liveness_clock_skew_seconds', skewMs / 1000);
    this.#tell(skewMs);
  }

  stop(): void {
    this.#samples.clear();
    this.#components.health.clear('clock-skew');
  }

  #tell(skewMs: number): void {
    const { health, mute } = this.#components;
    const isMuted = Math.abs(skewMs) > SKEW_MUTE_MS;
    mute(isMuted);
    if (Math.abs(skewMs) <= SKEW_WARN_MS) {
      health.clear('clock-skew');
      return;
    }
    const seconds = (Math.abs(skewMs) / 1000).toFixed(Math.abs(skewMs) < 60_000 ? 1 : 0);
    const way = skewMs > 0 ? 'ahead of' : 'behind';
    const what = isMuted
      ? ' Over 5 min: this node sends no beats and enrolments, others would drop them.'
      : '';
    health.raise({
      code: 'clock-skew',
      severity: isMuted ? 'error' : 'warn',
      text: `This host's clock is ${seconds} s ${way} the mesh's median.${what}`,
      remedy: 'Set the clock and keep it with NTP: timedatectl set-ntp true',
    });
  }

  #best(peer: string): ClockSample | undefined {
    return bestSample(this.#samples.get(peer) ?? [], this.#components.clock.monotonicMs());
  }

  #wallAheadMs(): number {
    const { clock } = this.#components;
    return clock.nowMs() - clock.monotonicMs();
  }
}
