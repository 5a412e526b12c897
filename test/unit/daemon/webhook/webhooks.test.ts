/**
 * Deliveries as a whole: at least once, in the order of each call, never again after a 2xx. Method:
 * calls, receiver and clock are the test's; a restart is a new object on the same store.
 */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../../protocols/interface/index.ts';
import { CALL_A, CALL_B, endpointOf } from './fixture.ts';
import { BROKEN, OK, World } from './world.ts';

describe('Webhooks', () => {
  it('sends what happens once, signed under an id of its own, and forgets it', async () => {
    const world = new World();
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.happen(webhooks, CALL_A, 'call:answer');
    expect(world.sender.told).toEqual(['a call:open', 'a call:answer']);
    const [first, second] = world.sender.sent;
    expect(first?.headers['webhook-id']).toBe('msg_a1');
    expect(second?.headers['webhook-id']).toBe('msg_a2');
    expect(await world.rows()).toBe(0);
    await webhooks.stop();
    await world.start();
    await world.clock.advance(LIMITS.webhookDeliveryMsMax);
    expect(world.sender.sent).toHaveLength(2);
  });

  it('tries again under the same id with a new time, later each time', async () => {
    const world = new World();
    world.sender.answer = (_, n) => (n < 4 ? BROKEN : OK);
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    const times = [world.clock.nowMs()];
    for (let n = 2; n <= 4; n++) {
      while (world.sender.sent.length < n) await world.clock.advance(100);
      times.push(world.clock.nowMs());
    }
    const pauses = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    expect(pauses).toEqual([1_000, 2_000, 4_000]);
    const heads = world.sender.sent.map(({ headers }) => headers);
    expect(new Set(heads.map((it) => it['webhook-id'])).size).toBe(1);
    expect(new Set(heads.map((it) => it['webhook-timestamp'])).size).toBe(4);
    expect(new Set(heads.map((it) => it['webhook-signature'])).size).toBe(4);
    expect(await world.rows()).toBe(0);
  });

  it('tries again also when time goes on between two looks at the clock', async () => {
    const world = new World();
    world.sender.answer = (_, n) => (n === 1 ? BROKEN : OK);
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    // A timer that fires a moment early, and a clock that moves with each look at it.
    const monotonicMs = world.clock.monotonicMs.bind(world.clock);
    let looks = 0;
    world.clock.monotonicMs = () => monotonicMs() - 0.5 + 0.3 * looks++;
    await world.clock.advance(5_000);
    await world.rest();
    expect(world.sender.sent).toHaveLength(2);
  });

  it('goes on after a restart with what was not taken', async () => {
    const world = new World();
    world.sender.answer = () => BROKEN;
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    await webhooks.stop();
    world.sender.answer = () => OK;
    await world.start();
    expect(world.sender.told).toEqual(['a call:open', 'a call:open']);
    expect(world.sender.sent[1]?.headers['webhook-id']).toBe('msg_a1');
    await world.start();
    expect(world.sender.sent).toHaveLength(2);
  });

  it('sends again what a stop cut off: whether it arrived is not known', async () => {
    const world = new World();
    world.sender.answer = () => new Promise(() => undefined);
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    await webhooks.stop();
    expect(await world.rows()).toBe(1);
    world.sender.answer = () => OK;
    await world.start();
    expect(world.sender.told).toEqual(['a call:open', 'a call:open']);
  });

  it('never sends again after a 2xx while the disk is full', async () => {
    const world = new World();
    const webhooks = await world.start();
    world.sender.answer = () => {
      world.isDiskFull = true;
      return OK;
    };
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.clock.advance(60_000);
    expect(world.sender.sent).toHaveLength(1);
    world.isDiskFull = false;
    await world.store.open();
    await world.clock.advance(2_000);
    expect(await world.rows()).toBe(0);
    expect(world.sender.sent).toHaveLength(1);
  });

  it('keeps the order of a call; another call does not wait for it', async () => {
    const world = new World();
    world.sender.answer = ({ body }) => (body.includes(CALL_A) ? BROKEN : OK);
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.happen(webhooks, CALL_A, 'call:claim');
    await world.happen(webhooks, CALL_B, 'call:open');
    expect(world.sender.told).toEqual(['a call:open', 'b call:open']);
    world.sender.answer = () => OK;
    await world.clock.advance(1_000);
    await world.rest();
    expect(world.sender.told.slice(2)).toEqual(['a call:open', 'a call:claim']);
  });

  it('tells a joiner of no history, but of the calls that are open when it is in', async () => {
    const world = new World();
    const webhooks = await world.start(Infinity);
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.happen(webhooks, CALL_A, 'call:answer');
    await world.happen(webhooks, CALL_B, 'call:open');
    expect(world.sender.sent).toHaveLength(0);
    webhooks.admitted(200);
    await world.rest();
    expect(world.sender.told).toEqual(['b call:open']);
  });

  it('shows nothing of a state that is not sound, and goes on when it is', async () => {
    const world = new World();
    const webhooks = await world.start();
    world.calls.sound = false;
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.clock.advance(5_000);
    expect(world.sender.sent).toHaveLength(0);
    world.calls.sound = true;
    await world.clock.advance(1_000);
    expect(world.sender.told).toEqual(['a call:open']);
  });

  it.each([
    ['renamed', ['other']],
    ['removed', []],
  ])('forgets what waits for a webhook that was %s, and says so', async (_what, names) => {
    const world = new World();
    world.sender.answer = () => BROKEN;
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.happen(webhooks, CALL_A, 'call:claim');
    await webhooks.stop();
    world.endpoints = names.map((name) => endpointOf({ name }));
    await world.start();
    expect(await world.rows()).toBe(0);
    expect(world.sender.sent).toHaveLength(1);
    expect(world.logged).toMatchObject([{ fields: { webhook: 'ops', events: 2 } }]);
  });

  it('reports a damaged row once, removes it and goes on', async () => {
    const world = new World();
    const key = 'due/ops/000000000007';
    await world.store.open();
    await world.store.batch([{ namespace: 'webhook', key, value: Uint8Array.of(255) }]);
    await (await world.start()).stop();
    expect(world.logged).toMatchObject([{ fields: { key } }]);
    expect(await world.rows()).toBe(0);
    await world.start();
    expect(world.logged).toHaveLength(1);
  });

  it('does nothing at all without webhooks', async () => {
    const world = new World();
    world.endpoints = [];
    const webhooks = await world.start();
    expect(webhooks.writesFor({ index: 101, calls: [CALL_A] })).toEqual([]);
    await world.happen(webhooks, CALL_A, 'call:open');
    const keys: string[] = [];
    for await (const [key] of world.store.entries('webhook')) keys.push(key);
    expect(keys).toEqual([]);
    await webhooks.stop();
  });
});
