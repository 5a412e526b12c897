import type { Clock, Health } from '../../../interface/index.ts';
import { TIME_MS_MAX } from '../../../wire/index.ts';
import { agreedTimeMs, CLOCK_OFF_MS, type ClockReading, clockNowMs } from './agreed-time.ts';

/** Peers whose clocks are kept: voters and learners. */
const PEERS_MAX = 32;

/** What {@link VoterClocks} works with. */
export interface VoterClocksComponents {
  readonly clock: Clock;
  readonly health: Health;
  /** Who votes now: nobody else's clock counts. */
  readonly voters: () => readonly string[];
}

/**
 * The clocks of voters and learners as they were last heard, and the time that the voters agree on.
 */
export class VoterClocks {
  readonly #components: VoterClocksComponents;
  readonly #readings = new Map<string, ClockReading>();
  /** Whether a clock that is off is being told of. */
  #isOff = false;

  constructor(components: VoterClocksComponents) {
    this.#components = components;
  }

  /** A message of the peer carried its clock. */
  heard(peer: string, timeMs: number): void {
    const { clock } = this.#components;
    if (!this.#readings.has(peer) && this.#readings.size >= PEERS_MAX) this.#readings.clear();
    this.#readings.set(peer, { timeMs, heardMs: clock.monotonicMs() });
    // An idle leader has nothing to date, and its clock may have been set meanwhile.
    if (this.#isOff) this.agreedMs();
  }

  /** All is well, or another node leads and tells of clocks that are off. */
  rest(): void {
    this.#isOff = false;
    this.#components.health.clear('clock-off');
  }

  /** The agreed time now, milliseconds since 1970; clocks that are far from it are told of. */
  agreedMs(): number {
    const { clock, health } = this.#components;
    const own = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    const agreedMs = within(agreedTimeMs(own, this.#votersReadings()));
    const isOff = Math.abs(own.nowMs - agreedMs) > CLOCK_OFF_MS;
    const off = [...this.#readings].filter(
      ([, reading]) => Math.abs(clockNowMs(reading, own.monotonicMs) - agreedMs) > CLOCK_OFF_MS,
    );
    if (!isOff && off.length === 0) {
      this.rest();
      return agreedMs;
    }
    this.#isOff = true;
    const who = isOff ? 'This host' : off.map(([peer]) => peer).join(', ');
    health.raise({
      code: 'clock-off',
      severity: 'warn',
      text: `${who}: the clock is far from the time that the voters agree on.`,
      remedy: 'Set the clock, and keep it with NTP. The log goes by the median meanwhile.',
    });
    return agreedMs;
  }

  /** A learner may be anybody, and of two of them more than one voter's clock would be made. */
  #votersReadings(): readonly ClockReading[] {
    const readings = this.#components.voters().map((peer) => this.#readings.get(peer));
    return readings.filter((it) => it !== undefined);
  }
}

/** What an entry can be dated with, whatever this host's own clock says. */
function within(timeMs: number): number {
  return Math.min(TIME_MS_MAX, Math.max(0, timeMs));
}
