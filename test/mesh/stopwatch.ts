import { spawn } from 'node:child_process';
import { expect } from 'vitest';
import { Starvation } from './starvation.ts';

/** How long a bare Node.js takes to start and end where there is time: promises are made for it. */
const BARE_NODE_MS = 30;

/** Where it takes so many times as long, a promise in seconds is the machine's to break. */
const STARVED_FACTOR = 2;

/**
 * Holds work against a time that the product promises. A miss fails the test, unless it was the
 * machine's: it would have been in time without what one of the processes waited for a processor
 * that others had, or a program that is none of ours was as late at the same moment. Then it is
 * printed that nothing was judged.
 */
export class Stopwatch {
  readonly #startMs = performance.now();
  readonly #starvation = new Starvation();
  /** Runs beside the work, so that both meet the same machine. */
  readonly #beside = bareNodeMs();

  /** Judges the time since this watch was made. */
  async expectWithin(limitMs: number, what: string): Promise<void> {
    const tookMs = performance.now() - this.#startMs;
    const waitedMs = tookMs < limitMs ? 0 : this.#starvation.waitedMs();
    if (tookMs >= limitMs && tookMs - waitedMs < limitMs) {
      const why = `one of its processes waited for a processor for ${waitedMs.toFixed()} ms`;
      notJudged(what, { tookMs, limitMs, why });
      return;
    }
    await this.expectTook(tookMs, limitMs, what);
  }

  /** Judges a time that was taken while this watch ran: what was waited in all says nothing. */
  async expectTook(tookMs: number, limitMs: number, what: string): Promise<void> {
    if (tookMs < limitMs) return;
    const yardsMs = [await this.#beside, await bareNodeMs(), await bareNodeMs()];
    if (Math.max(...yardsMs) < BARE_NODE_MS * STARVED_FACTOR) {
      expect(tookMs, what).toBeLessThan(limitMs);
    }
    const yards = yardsMs.map((ms) => ms.toFixed()).join(', ');
    const why = `a bare node took ${yards} ms where ${BARE_NODE_MS} are usual`;
    notJudged(what, { tookMs, limitMs, why });
  }
}

interface Miss {
  readonly tookMs: number;
  readonly limitMs: number;
  readonly why: string;
}

function notJudged(what: string, { tookMs, limitMs, why }: Miss): void {
  console.warn(
    `not judged: ${what}: ${tookMs.toFixed()} ms of ${limitMs}, ` +
      `on a machine that is starved: ${why}`,
  );
}

async function bareNodeMs(): Promise<number> {
  const startMs = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  await new Promise<void>((done) => child.once('close', () => done()));
  return performance.now() - startMs;
}
