import type { Target } from './family.ts';

/** What the plan needs to know of a kind of fault. */
export interface Planned {
  readonly kind: string;
  readonly nodes: readonly [number, number];
  readonly holdMs: readonly [number, number];
  /** Only these can be disturbed; all when absent. */
  readonly only?: readonly string[];
}

/** One fault of a slot. */
export interface Drawn extends Target {
  readonly kind: string;
  readonly holdMs: number;
}

/** Faults that are there at the same time, and the calm after them. */
export interface Slot {
  readonly faults: readonly Drawn[];
  readonly calmMs: number;
}

/** Least and most time without a fault, ms. */
const CALM_MS = [1_000, 3_000] as const;
/** A fault of another kind comes on top of so many of them. */
const PAIR_SHARE = 0.4;
/** Of five. With more of them disturbed there may be no majority. */
const MINORITY = 2;

/**
 * The faults of a run, without end: every kind that can be done comes once, in an order that is
 * drawn, before any comes again. The same seed and kinds give the same faults.
 */
export function* planFaults(
  seed: number,
  kinds: readonly Planned[],
  nodes: readonly string[],
): Generator<Slot, never> {
  const random = randomOf(seed);
  if (kinds.length === 0) throw new Error('there are no faults to draw from');
  for (;;) {
    for (const kind of shuffle(random, kinds)) {
      const first = draw(random, kind, nodes);
      const rest = nodes.filter((node) => !first.nodes.includes(node));
      const second = random() < PAIR_SHARE ? pair(random, { first, kinds, rest }) : [];
      yield { faults: [first, ...second], calmMs: between(random, CALM_MS) };
    }
  }
}

/** Another fault beside the first, on other nodes, so that both leave a majority alone. */
function pair(
  random: () => number,
  { first, kinds, rest }: { first: Drawn; kinds: readonly Planned[]; rest: readonly string[] },
): readonly Drawn[] {
  const room = MINORITY - first.nodes.length;
  const fits = kinds.filter(({ kind, nodes: [least], only }) => {
    return kind !== first.kind && least <= room && (only?.every((it) => rest.includes(it)) ?? true);
  });
  const kind = fits[Math.floor(random() * fits.length)];
  if (kind === undefined) return [];
  return [draw(random, { ...kind, nodes: [kind.nodes[0], room] }, rest)];
}

function draw(random: () => number, kind: Planned, nodes: readonly string[]): Drawn {
  const [least, most] = kind.nodes;
  const count = least + Math.floor(random() * (most - least + 1));
  return {
    kind: kind.kind,
    nodes: shuffle(random, kind.only ?? nodes).slice(0, count),
    strength: random(),
    holdMs: between(random, kind.holdMs),
  };
}

function between(random: () => number, [least, most]: readonly [number, number]): number {
  return Math.round(least + random() * (most - least));
}

function shuffle<T>(random: () => number, items: readonly T[]): readonly T[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0] as T);
}

/** Numbers from 0 to below 1 (mulberry32: small, and good enough to draw faults). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
