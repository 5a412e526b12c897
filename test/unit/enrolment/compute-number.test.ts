import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenBook } from '../../../protocols/enrolment/compute-number.ts';
import type { GrantValue } from '../../../protocols/enrolment/index.ts';
import { admin, alice, bob, claimed, crypto, makeClaim, tuple, World } from './fixtures.ts';

// Method: lists of models on hosts and slots are enrolled one claim after the other, and every
// token is compared with what a dumb twin gives that looks at all tokens each time.

const book = tokenBook(crypto.sha256);

/** Whether one substituted symbol or one swap of neighbours makes one token out of the other. */
function isOneSlip(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  const differing = [...a].flatMap((symbol, at) => (symbol === b[at] ? [] : [at]));
  if (differing.length === 1) return true;
  const [first, second] = differing;
  if (differing.length !== 2 || second !== first! + 1) return false;
  return a[first!] === b[second] && a[second] === b[first!];
}

class Twin {
  readonly numbers = new Map<string, number>();
  readonly tokens = new Map<string, string>();
  readonly near = new Set<string>();

  grant(model: string, slot: string): string {
    const key = `${model}/${slot}`;
    const known = this.tokens.get(key);
    if (known !== undefined) return known;
    const number = this.numbers.get(model) ?? this.#free(Number(slot));
    this.numbers.set(model, number);
    const token = book.tokenOf(number, Number(slot));
    this.tokens.set(key, token);
    return token;
  }

  #free(slot: number): number {
    const used = new Set(this.numbers.values());
    const free = Array.from({ length: 1024 }, (_, number) => number).filter((n) => !used.has(n));
    const granted = [...this.tokens.values()];
    const isFar = (number: number): boolean => {
      const candidate = book.tokenOf(number, slot);
      // Tokens are never taken back: what was near once stays near.
      if (this.near.has(candidate)) return false;
      if (!granted.some((token) => isOneSlip(token, candidate))) return true;
      this.near.add(candidate);
      return false;
    };
    return free.find(isFar) ?? free[0]!;
  }
}

function grantAll(world: World, lists: readonly (readonly [string, string][])[]): string[][] {
  return lists.map((list, at) => {
    const agents = list.map(([model, slot]) => claimed(tuple(model, slot)));
    const outcome = world.grant(makeClaim(alice, agents, { seq: at + 1 }));
    if (!outcome.ok) throw new Error(outcome.code);
    return (outcome.value as GrantValue).agents.map(({ token }) => token);
  });
}

const agent = fc.tuple(
  fc.integer({ min: 0, max: 40 }).map((n) => `model-${n}`),
  fc.integer({ min: 0, max: 15 }).map(String),
);
const list = fc.uniqueArray(agent, { minLength: 1, maxLength: 24, selector: (it) => it.join() });

describe('the number of a new model', () => {
  it('is what the twin gives; tokens are unique; the same tuple keeps its token', () => {
    fc.assert(
      fc.property(fc.array(list, { minLength: 1, maxLength: 6 }), (lists) => {
        const world = new World();
        const twin = new Twin();
        const tokens = grantAll(world, lists);
        const expected = lists.map((each) => each.map(([model, slot]) => twin.grant(model, slot)));
        expect(tokens).toEqual(expected);
        expect(new Set(twin.tokens.values()).size).toBe(twin.tokens.size);
        expect(world.state.size('agent')).toBe(twin.tokens.size);
        expect(world.state.size('number')).toBe(twin.numbers.size);
      }),
      { numRuns: 40 },
    );
  });

  it('uses all 1,024 numbers of version 1, the near ones last, then says full', () => {
    const world = new World();
    const twin = new Twin();
    const lists = Array.from({ length: 4 }, (_, part) =>
      Array.from({ length: 256 }, (_, n): [string, string] => [`m${part * 256 + n}`, '0']),
    );
    const tokens = grantAll(world, lists).flat();
    expect(tokens).toEqual(lists.flat().map(([model, slot]) => twin.grant(model, slot)));
    expect(new Set(twin.numbers.values()).size).toBe(1024);
    expect([...twin.numbers.values()]).not.toEqual(
      [...twin.numbers.values()].sort((a, b) => a - b),
    );
    const full = world.grant(makeClaim(alice, [claimed(tuple('one-more'))], { seq: 9 }));
    expect(full).toMatchObject({ ok: false, code: 'ERR_ENROLMENT_FULL' });
    // A new slot of a known model needs no number.
    expect(world.grant(makeClaim(alice, [claimed(tuple('m7', '9'))], { seq: 10 })).ok).toBe(true);
  });

  it('grants version 2 from 1024 on once the level allows it, all or nothing before', () => {
    const world = new World(2);
    world.write((state) => {
      for (let n = 0; n < 1023; n += 1) {
        state.put('number', String(n), { model: 'x', hostname: 'x', mac: 'x', slots: {} });
      }
      state.put('cursor', 'lowestFree', 1023);
    });
    const agents = [claimed(tuple('a', '15')), claimed(tuple('b')), claimed(tuple('c'))];
    expect(world.grant(makeClaim(alice, agents))).toMatchObject({
      value: {
        agents: [{ number: 1023 }, { token: '8008001D', number: 1024 }, { number: 1025 }],
      },
    });
    expect(world.state.get('cursor', 'lowestFree')).toBe(1026);
  });

  it('is refused as a whole when the list does not fit', () => {
    const world = new World();
    world.write((state) => {
      for (let n = 0; n < 1023; n += 1) {
        state.put('number', String(n), { model: 'x', hostname: 'x', mac: 'x', slots: {} });
      }
      state.put('cursor', 'lowestFree', 1023);
    });
    const two = [claimed(tuple('a')), claimed(tuple('b'))];
    expect(world.grant(makeClaim(alice, two))).toMatchObject({ code: 'ERR_ENROLMENT_FULL' });
    expect(world.state.size('agent')).toBe(0);
    expect(world.grant(makeClaim(bob, [claimed(tuple('a'))]), admin.peer).ok).toBe(true);
  });
});
