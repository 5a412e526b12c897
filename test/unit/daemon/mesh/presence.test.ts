import { describe, expect, it } from 'vitest';
import { Presence } from '../../../../daemon/mesh/presence.ts';
import { MeshState } from '../../../../protocols/slurp/machine/state.ts';
import { ManualClock } from '../../wire/manual-clock.ts';

// Goal: a member is unreachable after a while without a connection, not at once; strangers leave
// nothing behind.

function make() {
  const clock = new ManualClock();
  const open = new Set<string>();
  const changes: string[] = [];
  const isConnected = (peer: string): boolean => open.has(peer);
  const presence = new Presence({ clock, state: new MeshState(), self: 'me', isConnected });
  presence.onChange((peer) => changes.push(`${peer} ${presence.isReachable(peer)}`));
  const connect = (peer: string): void => {
    open.add(peer);
    presence.connected(peer);
  };
  const disconnect = (peer: string): void => {
    open.delete(peer);
    presence.disconnected(peer);
  };
  return { clock, presence, changes, connect, disconnect };
}

describe('Presence', () => {
  it('shows who lost its connection as suspect, after a while as unreachable', async () => {
    const { clock, presence, changes, connect, disconnect } = make();
    connect('a');
    expect(presence.stateOf('a')).toBe('alive');
    disconnect('a');
    await clock.advance(2_900);
    expect(presence.stateOf('a')).toBe('suspect');
    await clock.advance(200);
    expect(presence.stateOf('a')).toBe('unreachable');
    expect(changes).toEqual(['a true', 'a false']);
  });

  it('says nothing of one that is back in time', async () => {
    const { clock, changes, connect, disconnect } = make();
    connect('a');
    disconnect('a');
    await clock.advance(1_000);
    connect('a');
    await clock.advance(60_000);
    expect(changes).toEqual(['a true']);
  });

  it('keeps nothing of a peer that was never a member', async () => {
    const { clock, presence, changes, disconnect } = make();
    disconnect('stranger');
    expect(presence.lastSeenMs('stranger')).toBeNull();
    await clock.advance(60_000);
    expect(changes).toEqual([]);
  });
});
