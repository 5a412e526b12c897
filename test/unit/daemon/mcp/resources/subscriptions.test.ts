import { describe, expect, it, vi } from 'vitest';
import { EventHub } from '../../../../../daemon/mcp/event-hub.ts';
import { Subscriptions } from '../../../../../daemon/mcp/resources/subscriptions.ts';
import { LIMITS } from '../../../../../protocols/interface/index.ts';
import { FakeWatch } from '../fixture.ts';

// Goal: a client hears of every change of what it subscribed to, and a slow one costs no more than
// a place for each subscription.

const ONE = 'ucxl://bob@shop:cart/#/one';
const TWO = 'ucxl://bob@shop:cart/#/two';

function start(notify: (uri: string) => Promise<void>) {
  const source = new FakeWatch();
  const events = new EventHub({ watch: source.watch, log: () => undefined, retryMs: 1 });
  const canonical = async (address: string) => (address === 'ucxl://agentid:458RV' ? ONE : address);
  const subscriptions = new Subscriptions({ events, canonical, notify, openTimeoutMs: 5_000 });
  return { source, subscriptions };
}

function noting() {
  const told: string[] = [];
  return { told, ...start(async (uri) => void told.push(uri)) };
}

describe('Subscriptions', () => {
  it('tell by the URI that the client knows, whichever way it names the record', async () => {
    const { told, source, subscriptions } = noting();
    const uris = [
      'ucxl:///bob@shop:cart/%23/one',
      'ucxl://bob@shop:cart/*~2/one',
      'ucxl://agentid:458RV',
    ];
    for (const uri of uris) await subscriptions.add(uri);
    await subscriptions.add(TWO);
    source.event(ONE);
    await vi.waitFor(() => expect(told).toEqual(uris));
    subscriptions.close();
  });

  it('tell of all after a gap', async () => {
    const { told, source, subscriptions } = noting();
    await subscriptions.add(ONE);
    await subscriptions.add(TWO);
    source.push({ kind: 'gap', reason: 'restart' });
    await vi.waitFor(() => expect(told).toEqual([ONE, TWO]));
    subscriptions.close();
  });

  it('tell nothing any more of what is unsubscribed; without any there is no stream', async () => {
    const { told, source, subscriptions } = noting();
    await subscriptions.add(ONE);
    await subscriptions.add(TWO);
    subscriptions.delete(ONE);
    subscriptions.delete('ucxl://never@was:there/#/x');
    source.event(ONE);
    source.event(TWO);
    await vi.waitFor(() => expect(told).toEqual([TWO]));
    subscriptions.delete(TWO);
    await vi.waitFor(() => expect(source.open).toBe(0));
  });

  it('keep one notification for each while the client does not read', async () => {
    const told: string[] = [];
    let room = Promise.withResolvers<void>();
    const { source, subscriptions } = start((uri) => {
      told.push(uri);
      return room.promise;
    });
    await subscriptions.add(ONE);
    await subscriptions.add(TWO);
    source.event(ONE);
    await vi.waitFor(() => expect(told).toEqual([ONE]));
    for (let n = 0; n < 1_000; n += 1) source.event(n % 2 === 0 ? ONE : TWO);
    source.event('ucxl://bob@shop:cart/#/last');
    await new Promise((done) => setImmediate(done));
    const full = room;
    room = Promise.withResolvers<void>();
    room.resolve();
    full.resolve();
    await vi.waitFor(() => expect(told).toHaveLength(3));
    expect(told).toEqual([ONE, ONE, TWO]);
    subscriptions.close();
  });

  it('survive a client that cannot be told', async () => {
    let tries = 0;
    const { source, subscriptions } = start(async () => {
      tries += 1;
      throw new Error('gone');
    });
    await subscriptions.add(ONE);
    source.event(ONE);
    await vi.waitFor(() => expect(tries).toBe(1));
    source.event(ONE);
    await vi.waitFor(() => expect(tries).toBe(2));
    subscriptions.close();
  });

  it('are bounded', async () => {
    const { subscriptions } = noting();
    const uri = (n: number) => `ucxl://bob@shop:cart/#/${n}`;
    for (let n = 0; n < LIMITS.mcpSubscriptionsMax; n += 1) await subscriptions.add(uri(n));
    await subscriptions.add(uri(0));
    await expect(subscriptions.add(uri(9_999))).rejects.toMatchObject({
      code: 'ERR_MCP_SUBSCRIPTIONS',
    });
    subscriptions.delete(uri(0));
    await subscriptions.add(uri(9_999));
    subscriptions.close();
  });
});
