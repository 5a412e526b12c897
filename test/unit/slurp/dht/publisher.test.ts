import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import {
  type DhtJob,
  type JobSource,
  RecordPublisher,
} from '../../../../protocols/slurp/dht/publisher.ts';
import { ManualClock } from '../mesh-world.ts';
import { FakeDht } from './dht-world.ts';

const HOUR_MS = 3_600_000;

/** So many names, each with one record of that size. */
class Names implements JobSource {
  readonly made: string[] = [];
  answers = new Map<string, 'later' | 'gone' | Error>();
  bytes = 100;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  names(): readonly string[] {
    return Array.from({ length: this.#count }, (_, i) => `name ${i}`);
  }

  periodMs(): number {
    return 6 * HOUR_MS;
  }

  async make(name: string): Promise<readonly DhtJob[] | 'later' | 'gone'> {
    this.made.push(name);
    const answer = this.answers.get(name);
    if (answer instanceof Error) throw answer;
    if (answer !== undefined) return answer;
    const value = new Uint8Array(this.bytes);
    return [{ kind: 'put', label: 'token', key: new TextEncoder().encode(name), value }];
  }
}

function publisherOf(source: JobSource, judge: () => Promise<never> = async () => ({}) as never) {
  const clock = new ManualClock();
  const dht = new FakeDht(() => clock.monotonicMs());
  const counted: string[] = [];
  const publisher = new RecordPublisher({
    ...{ clock, dht, source, judge: { judge }, logger: silentLogger },
    random: { bytes: (count) => new Uint8Array(count), fraction: () => 0.5 },
    metrics: {
      count: (_name, labels) => counted.push(labels?.['outcome'] ?? ''),
      gauge: () => undefined,
      read: () => 0,
    },
  });
  return { clock, dht, publisher, counted };
}

/** The most puts within any second. */
const perSecond = (times: readonly number[]): number =>
  Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1000).length));

describe('the publisher', () => {
  it('puts all it has, at most five a second, and all again every few hours', async () => {
    const { clock, dht, publisher, counted } = publisherOf(new Names(23));
    publisher.start();
    await clock.advance(10_000);
    expect(dht.keys()).toHaveLength(23);
    expect(dht.puts).toHaveLength(23);
    expect(perSecond(dht.puts.map(({ atMs }) => atMs))).toBe(5);
    await clock.advance(5 * HOUR_MS);
    expect(dht.puts).toHaveLength(23);
    await clock.advance(2 * HOUR_MS);
    expect(dht.puts).toHaveLength(46);
    expect(perSecond(dht.puts.map(({ atMs }) => atMs))).toBe(5);
    expect(new Set(counted)).toEqual(new Set(['stored']));
    await publisher.stop();
  });

  it('is slower with large records', async () => {
    const source = new Names(10);
    source.bytes = 64 * 1024;
    const { clock, dht, publisher } = publisherOf(source);
    publisher.start();
    await clock.advance(4_000);
    expect(dht.puts.length).toBeGreaterThanOrEqual(5);
    expect(dht.puts.length).toBeLessThanOrEqual(6);
    await publisher.stop();
  });

  it('puts what changed at once, and it alone', async () => {
    const { clock, dht, publisher } = publisherOf(new Names(3));
    publisher.start();
    await clock.advance(2_000);
    publisher.changed('name 1');
    await clock.advance(300);
    expect(dht.puts.map(({ key }) => key)).toEqual(['name 0', 'name 1', 'name 2', 'name 1']);
    await publisher.stop();
  });

  it('goes on by itself when it was lonely and a member comes', async () => {
    const { clock, dht, publisher, counted } = publisherOf(new Names(3));
    dht.members = 0;
    publisher.start();
    await clock.advance(60_000);
    expect(counted).toEqual(['lonely', 'lonely', 'lonely']);
    dht.members = 2;
    publisher.onPeer();
    await clock.advance(2_000);
    expect(counted.slice(3)).toEqual(['stored', 'stored', 'stored']);
    // Two copies are few: another member is worth another put, without haste.
    publisher.onPeer();
    await clock.advance(30_000);
    expect(dht.puts).toHaveLength(6);
    await clock.advance(60_000);
    expect(dht.puts).toHaveLength(9);
    dht.members = 20;
    publisher.refresh();
    await clock.advance(10_000);
    publisher.onPeer();
    await clock.advance(HOUR_MS);
    expect(dht.puts).toHaveLength(12);
    await publisher.stop();
  });

  it('tries again ever less often what cannot be proved, and forgets what is gone', async () => {
    const source = new Names(3);
    source.answers.set('name 0', 'later').set('name 1', 'gone');
    const { clock, dht, publisher, counted } = publisherOf(source);
    publisher.start();
    await clock.advance(60_000);
    expect(counted.filter((it) => it === 'unproved')).toHaveLength(6);
    expect(source.made.filter((it) => it === 'name 1')).toHaveLength(1);
    source.answers.clear();
    publisher.changed('name 0');
    await clock.advance(1_000);
    expect(dht.keys()).toEqual(['name 2', 'name 0']);
    await publisher.stop();
  });

  it('does not put what its own check refuses', async () => {
    const { clock, dht, publisher, counted } = publisherOf(new Names(1), async () => {
      throw new Error('no');
    });
    publisher.start();
    await clock.advance(3_500);
    expect(dht.puts).toEqual([]);
    expect(counted).toEqual(['failed', 'failed', 'failed']);
    await publisher.stop();
  });

  it('stops at once, whatever it waits for', async () => {
    const { clock, publisher } = publisherOf(new Names(50));
    publisher.start();
    await clock.advance(300);
    await publisher.stop();
    publisher.changed('name 1');
    await clock.advance(10_000);
    expect(publisher.waiting).toBeGreaterThan(0);
  });
});
