import { beforeEach, describe, expect, it } from 'vitest';
import { Redial, type RedialInit, rotated } from '../../../bootstrap/redial.ts';
import { silentLogger } from '../../../protocols/interface/index.ts';
import { ManualClock } from '../wire/manual-clock.ts';

// Goal: members that are not connected are dialled for ever, but not too often. Time and chance are
// the test's.
describe('Redial', () => {
  let clock: ManualClock;
  let members: { readonly peer: string; readonly addresses: readonly string[] }[];
  /** Whose addresses were asked for. */
  let asked: string[];
  let connected: Set<string>;
  /** Time and peer of every dial. */
  let dials: [number, string][];
  /** What a dial does; by default it fails. */
  let onDial: (peer: string) => Promise<void>;
  let redial: Redial;

  const peers = () => ({
    members: () => members.map(({ peer }) => peer),
    addressesOf: (peer: string) => {
      asked.push(peer);
      return members.find((it) => it.peer === peer)?.addresses ?? [];
    },
  });

  const start = async (init: RedialInit = {}): Promise<void> => {
    redial = new Redial(
      {
        clock,
        random: { bytes: (count) => new Uint8Array(count), fraction: () => 1 },
        logger: silentLogger,
        ...peers(),
        isConnected: (peer) => connected.has(peer),
        dial: async (peer) => {
          dials.push([clock.monotonicMs() - 1000, peer]);
          await onDial(peer);
        },
      },
      init,
    );
    await redial.start();
    await clock.advance(0);
  };

  const connect = async (peer: string): Promise<void> => {
    connected.add(peer);
    redial.onConnect(peer);
  };

  const disconnect = (peer: string): void => {
    connected.delete(peer);
    redial.onDisconnect(peer);
  };

  beforeEach(() => {
    clock = new ManualClock();
    members = [{ peer: 'a', addresses: ['/ip4/192.0.2.1/tcp/1'] }];
    connected = new Set();
    asked = [];
    dials = [];
    onDial = () => Promise.reject(new Error('no route'));
  });

  const dialTimes = (): number[] => dials.map(([atMs]) => atMs);

  it('says in plain words that nobody answered', async () => {
    onDial = () => Promise.reject(new DOMException('The operation was aborted', 'TimeoutError'));
    await start();
    expect(redial.states()[0]?.lastError).toBe('no answer in time');
    await redial.stop();
  });

  it('dials at once and then with doubled waits, for ever', async () => {
    connected.add('b');
    members = [...members, { peer: 'b', addresses: ['/ip4/192.0.2.2/tcp/1'] }];
    await start();
    await clock.advance(3_600_000);
    const times = dialTimes();
    // About once a second while it may be starting anew, every 5 s for a while, then every 30 s.
    expect(times.slice(0, 6)).toEqual([0, 250, 750, 1750, 2750, 3750]);
    const gapAfter = (ms: number): number => {
      const i = times.findIndex((atMs) => atMs > ms);
      return (times[i + 1] ?? 0) - (times[i] ?? 0);
    };
    expect([60_000, 118_000, 130_000, 590_000, 700_000, 3_500_000].map(gapAfter)).toEqual([
      1_000, 1_000, 5_000, 5_000, 30_000, 30_000,
    ]);
    expect(redial.states()[0]).toMatchObject({ peer: 'a', attempts: times.length });
    expect(redial.states()[0]?.lastError).toBe('no route');
    await redial.stop();
  });

  it('does not slow down to the longest wait while this node is alone', async () => {
    await start();
    await clock.advance(3_600_000);
    const times = dialTimes();
    expect((times.at(-1) ?? 0) - (times.at(-2) ?? 0)).toBe(5_000);
    await redial.stop();
  });

  it('has one that was away for an hour back within the wait, and dials it no more', async () => {
    connected.add('b');
    members = [...members, { peer: 'b', addresses: ['/ip4/192.0.2.2/tcp/1'] }];
    onDial = connect;
    await start();
    await clock.advance(60_000);
    onDial = () => Promise.reject(new Error('no route'));
    disconnect('a');
    await clock.advance(3_600_000);
    expect(redial.states()[0]?.awaySinceMs).toBe(61_000);
    onDial = connect;
    const before = dials.length;
    await clock.advance(30_000);
    expect(connected.has('a')).toBe(true);
    await clock.advance(60_000);
    expect(dials.length).toBe(before + 1);
    expect(redial.states()[0]).toMatchObject({ attempts: 0, awaySinceMs: undefined });
    await redial.stop();
  });

  it('tries all the others at once when one is back, also where a dial hangs', async () => {
    members = ['a', 'b', 'c'].map((peer) => ({ peer, addresses: ['/ip4/192.0.2.1/tcp/1'] }));
    let hangs = 0;
    const hanging = new Redial({
      ...{ clock, logger: silentLogger, ...peers() },
      random: { bytes: (count) => new Uint8Array(count), fraction: () => 1 },
      isConnected: (peer) => connected.has(peer),
      dial: (peer, _addresses, signal) => {
        dials.push([clock.monotonicMs(), peer]);
        if (peer !== 'c') return Promise.reject(new Error('no route'));
        hangs += 1;
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      },
    });
    await hanging.start();
    // Far into the long waits.
    await clock.advance(1_200_700);
    const [before, beforeMs] = [dials.length, clock.monotonicMs()];
    connected.add('a');
    hanging.onConnect('a');
    await clock.advance(260);
    const since = dials.slice(before);
    expect(since.map(([, peer]) => peer).sort()).toEqual(['b', 'c']);
    expect(Math.max(...since.map(([atMs]) => atMs)) - beforeMs).toBeLessThanOrEqual(250);
    expect(hangs).toBeGreaterThan(1);
    await hanging.stop();
  });

  it('is not made to dial without end by one that comes and goes', async () => {
    members = ['a', 'b'].map((peer) => ({ peer, addresses: ['/ip4/192.0.2.1/tcp/1'] }));
    await start();
    await clock.advance(1_200_000);
    const before = dials.filter(([, peer]) => peer === 'b').length;
    for (let i = 0; i < 300; i++) {
      await connect('a');
      await clock.advance(100);
      disconnect('a');
      await clock.advance(100);
    }
    // A minute: one for each five seconds, and those that were due anyway.
    expect(dials.filter(([, peer]) => peer === 'b').length - before).toBeLessThan(30);
    await redial.stop();
  });

  it('spreads the waits by chance between half and the whole', async () => {
    const waits = [0, 0.5].map(async (fraction) => {
      const own = new Redial({
        clock,
        random: { bytes: (count) => new Uint8Array(count), fraction: () => fraction },
        logger: silentLogger,
        ...peers(),
        isConnected: () => false,
        dial: () => Promise.reject(new Error('no route')),
      });
      await own.start();
      await clock.advance(0);
      return (own.states()[0]?.nextAtMs ?? 0) - clock.monotonicMs();
    });
    expect(await Promise.all(waits)).toEqual([125, 187.5]);
  });

  it('tries at once when a lasting connection is lost, from the first wait on', async () => {
    onDial = connect;
    await start();
    await clock.advance(60_000);
    expect(dials).toEqual([[0, 'a']]);
    onDial = () => Promise.reject(new Error('refused'));
    disconnect('a');
    await clock.advance(1000);
    expect(dials.map(([atMs]) => atMs)).toEqual([0, 60_000, 60_250, 60_750]);
    await redial.stop();
  });

  it('does not spin when a peer takes the connection and closes it', async () => {
    onDial = async (peer) => {
      await connect(peer);
      clock.schedule(1, () => disconnect(peer));
    };
    await start();
    await clock.advance(60_000);
    expect(dials.length).toBeLessThan(12);
    expect(redial.states()[0]?.lastError).toContain('lost soon');
    await redial.stop();
  });

  it('notices a lost connection and a new member without being told', async () => {
    connected.add('a');
    await start();
    await clock.advance(10_000);
    connected.delete('a');
    members = [...members, { peer: 'b', addresses: ['/ip4/192.0.2.2/tcp/1'] }];
    await clock.advance(1000);
    expect(dials.map(([, peer]) => peer)).toContain('a');
    expect(dials.map(([, peer]) => peer)).toContain('b');
    members = [];
    await clock.advance(1000);
    expect(redial.states()).toEqual([]);
    await redial.stop();
  });

  it('never has more dials in flight than allowed, and gets to everyone', async () => {
    members = Array.from({ length: 20 }, (_, n) => ({
      peer: `p${n}`,
      addresses: ['/ip4/192.0.2.1/tcp/1'],
    }));
    let open = 0;
    let openMax = 0;
    onDial = async () => {
      open += 1;
      openMax = Math.max(openMax, open);
      await new Promise<void>((resolve) => clock.schedule(100, resolve));
      open -= 1;
      throw new Error('no route');
    };
    await start({ dialsMax: 3 });
    await clock.advance(5000);
    expect(openMax).toBe(3);
    expect(new Set(dials.map(([, peer]) => peer)).size).toBe(20);
    await redial.stop();
  });

  it('gives up a dial that hangs', async () => {
    let aborted: unknown;
    const hanging = new Redial(
      {
        clock,
        random: { bytes: (count) => new Uint8Array(count), fraction: () => 1 },
        logger: silentLogger,
        ...peers(),
        isConnected: () => false,
        dial: (_peer, _addresses, signal) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              aborted = signal.reason;
              reject(signal.reason as Error);
            });
          }),
      },
      { dialTimeoutMs: 500 },
    );
    await hanging.start();
    await clock.advance(500);
    expect(String(aborted)).toContain('too long');
    expect(hanging.states()[0]?.attempts).toBe(1);
    await hanging.stop();
  });

  it('asks for the addresses of those alone that it dials', async () => {
    members = ['a', 'b', 'c'].map((peer) => ({ peer, addresses: ['/ip4/192.0.2.1/tcp/1'] }));
    connected = new Set(['a', 'b']);
    await start();
    await clock.advance(60_000);
    expect(asked).toEqual(dials.map(([, peer]) => peer));
    expect(new Set(asked)).toEqual(new Set(['c']));
    await redial.stop();
  });

  it('waits for an address, and uses one that is heard of', async () => {
    members = [{ peer: 'a', addresses: [] }];
    await start();
    await clock.advance(60_000);
    expect(dials).toEqual([]);
    expect(redial.states()[0]?.lastError).toBe('no address is known');
    members = [{ peer: 'a', addresses: ['/ip4/192.0.2.1/tcp/1'] }];
    redial.onAddress('a');
    await clock.advance(1000);
    expect(dials.length).toBeGreaterThan(0);
    await redial.stop();
  });

  it('begins with another address at each try', async () => {
    const addresses = ['/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.2/tcp/1', '/ip4/192.0.2.3/tcp/1'];
    const firsts: (string | undefined)[] = [];
    // The first two of a dial use up all its time.
    const reaches = (tried: readonly string[]) => tried.slice(0, 2).includes(addresses[2] ?? '');
    const many = new Redial({
      ...{ clock, logger: silentLogger, isConnected: (peer) => connected.has(peer) },
      random: { bytes: (count) => new Uint8Array(count), fraction: () => 1 },
      members: () => ['a'],
      addressesOf: () => addresses,
      dial: async (peer, tried) => {
        firsts.push(tried[0]);
        expect([...tried].sort()).toEqual(addresses);
        if (!reaches(tried)) throw new Error('no answer in time');
        connected.add(peer);
      },
    });
    await many.start();
    await clock.advance(3_000);
    expect(connected.has('a')).toBe(true);
    expect(firsts).toEqual(addresses.slice(0, 2));
    await many.stop();
    expect(rotated(addresses, 5)[0]).toBe(addresses[2]);
    expect(rotated([], 3)).toEqual([]);
  });

  it('does nothing after stop', async () => {
    await start();
    await redial.stop();
    const before = dials.length;
    redial.poke();
    await clock.advance(60_000);
    expect(dials.length).toBe(before);
  });
});
