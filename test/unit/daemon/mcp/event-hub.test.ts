import { describe, expect, it, vi } from 'vitest';
import { EventHub } from '../../../../daemon/mcp/event-hub.ts';
import { FakeWatch } from './fixture.ts';

// Goal: one stream for all who listen; whoever listens hears every event, or that it missed some.

function start() {
  const source = new FakeWatch();
  const logged: string[] = [];
  const log = (text: string): void => void logged.push(text);
  const hub = new EventHub({ watch: source.watch, log, retryMs: 1 });
  const listen = () => {
    const heard: string[] = [];
    const stop = hub.listen({
      event: ({ address = '' }) => void heard.push(address),
      missed: () => void heard.push('missed'),
    });
    return { heard, stop };
  };
  return { source, logged, hub, listen };
}

describe('EventHub', () => {
  it('has one stream for all, and none when nobody listens', async () => {
    const { source, hub, listen } = start();
    expect(source.open).toBe(0);
    const one = listen();
    const other = listen();
    await hub.opened(5_000);
    source.event('a');
    await vi.waitFor(() => expect([one.heard, other.heard]).toEqual([['a'], ['a']]));
    one.stop();
    source.event('b');
    await vi.waitFor(() => expect(other.heard).toEqual(['a', 'b']));
    expect([one.heard, source.opened.length]).toEqual([['a'], 1]);
    other.stop();
    await vi.waitFor(() => expect(source.open).toBe(0));
    const again = listen();
    await hub.opened(5_000);
    expect(source.opened).toHaveLength(2);
    again.stop();
  });

  it('goes on where it was, and says when events are missing', async () => {
    const { source, hub, logged, listen } = start();
    const { heard, stop } = listen();
    await hub.opened(5_000);
    source.event('a', 7);
    source.push({ kind: 'gap', reason: 'slow' });
    source.push(new Error('cut'));
    await vi.waitFor(() => expect(heard).toEqual(['a', 'missed', 'missed']));
    expect(source.opened[1]).toMatchObject({ sinceId: '1-7', sinceIndex: 7 });
    expect(logged).toEqual(['no events: cut; trying again', 'events are back']);
    stop();
  });

  it('waits for a daemon that is away, and has the state read anew when it comes', async () => {
    const { source, hub, logged, listen } = start();
    source.isDown = true;
    const { heard, stop } = listen();
    await hub.opened(5);
    await vi.waitFor(() => expect(source.opened.length).toBeGreaterThan(2));
    expect([heard, logged]).toEqual([[], ['no events: no daemon; trying again']]);
    source.isDown = false;
    await hub.opened(5_000);
    expect(heard).toEqual(['missed']);
    stop();
  });
});
