import { SimRandom } from '../../sim/world/random.ts';
import type { Operation } from '../../testnet/history/index.ts';
import { type Answered, ReferenceCall } from './reference-call.ts';

/** An operation of a test: times are small numbers; without `end` it is unknown. */
export function op(
  name: string,
  [start, end]: readonly [number, number?],
  more: { readonly input?: unknown; readonly output?: unknown; readonly ok?: boolean } = {},
): Operation {
  const { input = null, output = null, ok = true } = more;
  return {
    ...{ op: name, key: 'k', input, output, client: 'n/1' },
    ok: end === undefined ? null : ok,
    startNs: String(start),
    endNs: end === undefined ? null : String(end),
  };
}

export const read = (start: number, end: number, value: unknown): Operation =>
  op('read', [start, end], { output: { value } });

export const write = (start: number, end: number | undefined, value: unknown): Operation =>
  op('write', end === undefined ? [start] : [start, end], { input: { value } });

export const cas = (
  [start, end]: readonly [number, number?],
  [from, to]: readonly [unknown, unknown],
  ok = true,
): Operation => op('cas', end === undefined ? [start] : [start, end], { input: { from, to }, ok });

/** What a sequential object is asked, and does. */
interface Asked {
  readonly op: string;
  readonly input: unknown;
  readonly apply: () => Answered;
}

/** How a history is made. */
export interface Shape {
  readonly seed: number;
  readonly count: number;
  /** How far an operation reaches around the moment it takes effect: the more, the more overlap. */
  readonly reach: number;
  /** Of a write: the chance to have no answer. */
  readonly lost: number;
}

/**
 * A history that is linearizable, because it was made that way: a sequential object does one thing
 * after the other, and each began some time before and ended some time after.
 */
export function sequential(
  { seed, count, reach, lost }: Shape,
  ask: (random: SimRandom) => Asked,
): Operation[] {
  const random = new SimRandom(seed);
  const operations: Operation[] = [];
  for (let i = 0; i < count; i++) {
    const moment = (i + 1) * 1_000;
    const start = Math.max(0, Math.floor(moment - random.fraction() * reach * 1_000));
    const end = Math.ceil(moment + random.fraction() * reach * 1_000);
    const { op: name, input, apply } = ask(random);
    const isRead = name.endsWith('read');
    if (!isRead && random.chance(lost)) {
      // It has taken effect, or never does: nobody was told.
      if (random.chance(0.5)) apply();
      operations.push(op(name, [start], { input }));
      continue;
    }
    const { ok, output } = apply();
    operations.push(op(name, [start, end], { input, output, ok }));
  }
  return random.sample(operations, operations.length);
}

/** Reads, writes and compare-and-sets of a register. */
export function registerHistory(shape: Shape): Operation[] {
  let value: number | null = null;
  return sequential(shape, (random) => {
    const to = random.integer(1, 4);
    const from = random.chance(0.5) ? value : random.integer(1, 4);
    const asked: readonly Asked[] = [
      { op: 'read', input: null, apply: () => ({ ok: true, output: { value } }) },
      {
        op: 'write',
        input: { value: to },
        apply: () => {
          value = to;
          return { ok: true, output: {} };
        },
      },
      {
        op: 'cas',
        input: { from, to },
        apply: () => {
          const ok = value === from;
          if (ok) value = to;
          return { ok, output: {} };
        },
      },
    ];
    return random.pick(asked);
  });
}

/** The life of a call under the hands of several humans. */
export function callHistory(shape: Shape): Operation[] {
  const call = new ReferenceCall();
  const start = op('call.open', [0, 1], { output: { index: 1 } });
  const rest = sequential(shape, (random) => {
    const by = random.pick(['ada', 'bob', 'cleo']);
    const fence = Math.max(1, call.fence + random.integer(-1, 0));
    const holder = call.by ?? by;
    const text = `answer ${random.integer(1, 99)}`;
    const asked: readonly Asked[] = [
      { op: 'call.read', input: null, apply: () => call.read() },
      { op: 'call.claim', input: { by }, apply: () => call.claim(by) },
      { op: 'call.claim', input: { by }, apply: () => call.claim(by) },
      {
        op: 'call.release',
        input: { by: holder, fence: call.fence },
        apply: () => call.release(holder, call.fence),
      },
      { op: 'call.release', input: { by, fence }, apply: () => call.release(by, fence) },
    ];
    const last: readonly Asked[] = [
      { op: 'call.answer', input: { by, fence, text }, apply: () => call.answer(by, fence, text) },
      { op: 'call.withdraw', input: {}, apply: () => call.withdraw() },
    ];
    return random.chance(0.95) ? random.pick(asked) : random.pick(last);
  });
  return [start, ...rest.map((it) => ({ ...it, startNs: later(it.startNs) }))];
}

/** Behind the opening; no operation of these ends before 1,000. */
const later = (ns: string): string => String(Math.max(Number(ns), 2));
