import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { refuseHead } from '../../../../../protocols/slurp/heads/head-rules.ts';
import {
  MarkSigning,
  type MarkSigningComponents,
} from '../../../../../protocols/slurp/heads/signing/mark-signing.ts';
import type { StateMark } from '../../../../../protocols/slurp/index.ts';
import { recordLogger } from '../../../storage/record-logger.ts';
import { ManualClock } from '../../../wire/manual-clock.ts';

const markAt = (index: number): StateMark => {
  return { index, stateCid: `cid-${index}`, root: new Uint8Array(32), timeMs: 1 };
};

/** A leader of three with states at some marks, whose voters answer as a test says. */
class World {
  readonly clock = new ManualClock();
  readonly asked: number[] = [];
  readonly shown: number[] = [];
  readonly outvoted: number[] = [];
  recent: StateMark[] = [];
  known = 0;
  /** What the two others answer at a mark; undefined signs. */
  answer: (index: number) => Error | undefined = () => undefined;
  /** What the second of them answers, where the first refuses, when it is something else. */
  last: Error | undefined;
  unlinkedFrom = Number.POSITIVE_INFINITY;
  readonly signing: MarkSigning;

  constructor() {
    this.signing = new MarkSigning({
      marks: { cidAt: () => undefined, recent: () => this.recent, onMark: () => undefined },
      trust: this.#trust(),
      clock: this.clock,
      logger: recordLogger(),
      onOutvoted: (index) => this.outvoted.push(index),
      isUnlinked: (index) => index >= this.unlinkedFrom,
      sign: async ({ index }, onRefused) => {
        this.asked.push(index);
        const error = this.answer(index);
        if (error === undefined) return Uint8Array.of(index);
        onRefused(error);
        onRefused(this.last ?? error);
        throw this.last ?? error;
      },
      publish: (bytes) => this.shown.push(bytes[0] ?? 0),
    });
  }

  #trust(): MarkSigningComponents['trust'] {
    const electorate = { signers: ['a', 'b', 'c'], voters: ['a', 'b', 'c'], epoch: 0 };
    const mark = () => (this.known === 0 ? undefined : { signed: { head: { index: this.known } } });
    return {
      electorateAt: () => electorate,
      epochs: { current: { epoch: 0 } },
      mark,
    } as unknown as MarkSigningComponents['trust'];
  }
}

const noState = refuseHead('state', 'another state than here');
const otherState = refuseHead('state', 'another state than here', { ours: 'theirs' });

describe('MarkSigning', () => {
  it('has the newest mark signed alone when the others have its state', async () => {
    const world = new World();
    world.recent = [markAt(24), markAt(16)];
    expect(await world.signing.sign()).toBe(true);
    expect(await world.signing.sign()).toBe(true);
    expect([world.asked, world.shown]).toEqual([[24], [24]]);
  });

  it('has the one before signed meanwhile, and tries the newest again', async () => {
    const world = new World();
    world.recent = [markAt(24), markAt(16)];
    world.answer = (index) => (index === 24 ? noState : undefined);
    await expect(world.signing.sign()).rejects.toBe(noState);
    await expect(world.signing.sign()).rejects.toBe(noState);
    expect([world.asked, world.shown]).toEqual([[24, 16, 24], [16]]);
    world.answer = () => undefined;
    expect(await world.signing.sign()).toBe(true);
    expect(world.shown).toEqual([16, 24]);
  });

  it('says why there is none at the newest, though the one before has its own reason', async () => {
    const world = new World();
    world.recent = [markAt(24), markAt(16)];
    world.answer = (index) => (index === 24 ? noState : otherState);
    await expect(world.signing.sign()).rejects.toBe(noState);
    expect(world.asked).toEqual([24, 16]);
  });

  it('asks for none at or before what is signed already', async () => {
    const world = new World();
    world.recent = [markAt(24), markAt(16)];
    world.known = 16;
    world.answer = () => noState;
    await expect(world.signing.sign()).rejects.toBe(noState);
    expect(world.asked).toEqual([24]);
  });

  it('goes on to the one before also when a voter hangs that answers last', async () => {
    const world = new World();
    world.recent = [markAt(24), markAt(16)];
    const away = new CooeeError('ERR_WIRE_TIMEOUT');
    world.answer = (index) => (index === 24 ? noState : undefined);
    world.last = away;
    await expect(world.signing.sign()).rejects.toBe(away);
    expect([world.asked, world.shown]).toEqual([[24, 16], [16]]);
  });

  it('goes no further when nobody answers', async () => {
    const world = new World();
    world.recent = [markAt(24), markAt(16)];
    const away = new CooeeError('ERR_WIRE_TIMEOUT');
    world.answer = () => away;
    await expect(world.signing.sign()).rejects.toBe(away);
    expect(world.asked).toEqual([24]);
  });

  it('waits for the link of a change', async () => {
    const world = new World();
    world.recent = [markAt(24), markAt(16)];
    world.unlinkedFrom = 20;
    expect(await world.signing.sign()).toBe(false);
    expect(world.asked).toEqual([]);
  });

  it('tells now and then that it is outvoted, not each time', async () => {
    const world = new World();
    world.recent = [markAt(24)];
    world.answer = () => otherState;
    await expect(world.signing.sign()).rejects.toBe(otherState);
    await expect(world.signing.sign()).rejects.toBe(otherState);
    expect(world.outvoted).toEqual([24]);
    await world.clock.advance(10_000);
    await expect(world.signing.sign()).rejects.toBe(otherState);
    expect(world.outvoted).toEqual([24, 24]);
    world.answer = () => noState;
    await world.clock.advance(10_000);
    await expect(world.signing.sign()).rejects.toBe(noState);
    expect(world.outvoted).toHaveLength(2);
  });
});
