import { beforeEach, describe, expect, it } from 'vitest';
import { Redial, type RedialInit, type RedialMember } from '../../../bootstrap/redial.ts';
import { silentLogger } from '../../../protocols/interface/index.ts';
import { ManualClock } from '../wire/manual-clock.ts';

// Goal: members that are not connected are dialled for ever, but not too often. Time and chance are
// the test's.
describe('Redial', () => {
  let clock: ManualClock;
  let members: RedialMember[];
  let connected: Set<string>;
  /** Time and peer of every dial. */
  let dials: [number, string][];
  /** What a dial does; by default it fails. */
  let onDial: (peer: string) => Promise<void>;
  let redial: Redial;

  const start = async (init: RedialInit = {}): Promise<void> => {
    redial = new Redial(
      {
        clock,
        random: { bytes: (count) => new Uint8Array(count), fraction: () => 1 },
        logger: silentLogger,
        members: () => members,
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
    dials = [];
    onDial = () => Promise.reject(new Error('no route'));
  });

  it('dials at once and then with doubled waits up to the cap, for ever', async () => {
    await start();
    await clock.advance(300_000);
    const times = dials.map(([atMs]) => atMs);
    expect(times.slice(0, 9)).toEqual([0, 250, 750, 1750, 3750, 7750, 15_750, 31_750, 61_750]);
    expect(times.slice(9, 12)).toEqual([91_750, 121_750, 151_750]);
    expect(redial.states()).toMatchObject([{ peer: 'a', attempts: times.length }]);
    expect(redial.states()[0]?.lastError).toBe('no route');
    await redial.stop();
  });

  it('spreads the waits by chance between half and the whole', async () => {
    const waits = [0, 0.5].map(async (fraction) => {
      const own = new Redial({
        clock,
        random: { bytes: (count) => new Uint8Array(count), fraction: () => fraction },
        logger: silentLogger,
        members: () => members,
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
        members: () => members,
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

  it('does nothing after stop', async () => {
    await start();
    await redial.stop();
    const before = dials.length;
    redial.poke();
    await clock.advance(60_000);
    expect(dials.length).toBe(before);
  });
});
