import { untilGood } from '../run/wait.ts';
import type { Family, Heal, World } from './family.ts';
import type { Drawn, Slot } from './plan.ts';

/** What {@link playFaults} works with. */
export interface PlayInit {
  readonly world: World;
  readonly families: readonly Family[];
  readonly slots: Iterator<Slot>;
  /** No fault begins after this, on the clock of `performance.now`. */
  readonly untilMs: number;
  readonly signal: AbortSignal;
  /** A fault began or ended. */
  readonly say: (text: string) => void;
  readonly note: (kind: string, node: string, what: Record<string, unknown>) => void;
}

/** What was done. */
export interface Played {
  /** How often each kind was done. */
  readonly counts: ReadonlyMap<string, number>;
  /** After each end of a fault: until all were connected and led again, ms. */
  readonly healedMs: readonly number[];
}

/** How long a mesh that is left alone may take until it is led again, on a busy machine too. */
const HEALED_MS = 120_000;

/**
 * Does one slot of faults after the other until time is up; every fault is ended, also when it is
 * interrupted. After each the mesh must come to itself before the next.
 */
export async function playFaults(init: PlayInit): Promise<Played> {
  const { slots, untilMs, signal, world, say } = init;
  const counts = new Map<string, number>();
  const healedMs: number[] = [];
  while (performance.now() < untilMs && !signal.aborted) {
    const next = slots.next();
    if (next.done === true) break;
    const slot = next.value;
    await Promise.all(slot.faults.map((fault) => playOne(init, fault)));
    for (const { kind } of slot.faults) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const tookMs = await untilGood(world.cluster.nodes, HEALED_MS, signal);
    healedMs.push(tookMs);
    say(`all are connected and led after ${Math.round(tookMs)} ms`);
    await pauseFor(slot.calmMs, signal);
  }
  return { counts, healedMs };
}

async function playOne(init: PlayInit, fault: Drawn): Promise<void> {
  const { families, world, note, signal } = init;
  const family = families.find(({ kind }) => kind === fault.kind);
  if (family === undefined) throw new Error(`${fault.kind} is no kind of fault`);
  const tell = (what: Record<string, unknown>): void => {
    for (const node of fault.nodes) note(fault.kind, node, what);
  };
  let heal: Heal | undefined;
  try {
    tell({ phase: 'begin' });
    const begun = await family.start(world, fault);
    heal = begun.heal;
    tell({ phase: 'there', holdMs: fault.holdMs, ...begun.did });
    await pauseFor(fault.holdMs, signal);
  } finally {
    const healed = await heal?.();
    tell({ phase: 'over', ...healed });
  }
}

/** Waits, or until it is interrupted. */
export async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((wake) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      wake();
    }
  });
}
