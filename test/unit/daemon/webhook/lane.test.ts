/**
 * One webhook and its troubles: it is slow, fails, asks for patience or for no more; and each
 * trouble is bounded and named. Method: calls, receiver and clock are the test's.
 */
import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../../../daemon/webhook/rules.ts';
import { LIMITS } from '../../../../protocols/interface/index.ts';
import { CALL_A, CALL_B, CALL_C, endpointOf, plainMessage } from './fixture.ts';
import { BROKEN, OK, World } from './world.ts';

describe('Lane', () => {
  it('has so many attempts at once and no more', async () => {
    const world = new World();
    const { webhookParallelMax } = LIMITS;
    world.sender.answer = () => new Promise(() => undefined);
    const webhooks = await world.start();
    const ids = 'defghjkm'.split('').map((it) => `bafyrei${it.repeat(52)}`);
    for (const id of ids) await world.happen(webhooks, id, 'call:open');
    expect(world.sender.sent).toHaveLength(webhookParallelMax);
  });

  it('lets a slow webhook hold up nobody but itself', async () => {
    const world = new World();
    world.endpoints = [endpointOf({ name: 'slow', url: 'https://slow.test/' }), endpointOf()];
    world.sender.answer = ({ url }) =>
      url.hostname === 'slow.test' ? new Promise(() => undefined) : OK;
    const webhooks = await world.start();
    for (const id of [CALL_A, CALL_B, CALL_C]) await world.happen(webhooks, id, 'call:open');
    const fast = world.sender.sent.filter(({ url }) => url.hostname !== 'slow.test');
    expect(fast).toHaveLength(3);
    await webhooks.stop();
  });

  it('names a webhook that keeps failing, until it is well', async () => {
    const world = new World();
    world.sender.answer = () => BROKEN;
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    expect(world.codes()).toEqual([]);
    await world.clock.advance(10_000);
    expect(world.health.list()).toMatchObject([
      {
        code: 'webhook-failing',
        severity: 'warn',
        text: expect.stringContaining('ops: status 500'),
      },
    ]);
    world.sender.answer = () => OK;
    await world.clock.advance(20_000);
    expect(world.codes()).toEqual([]);
    expect(world.metrics.read('cooee_webhook_waiting')).toBe(0);
  });

  it('gives up after a day, says so for a day, and goes on with the next event', async () => {
    const world = new World();
    world.sender.answer = () => BROKEN;
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.clock.advance(LIMITS.webhookDeliveryMsMax + 600_000);
    expect(world.codes()).toEqual(['webhook-failing', 'webhook-lost']);
    expect(await world.rows()).toBe(0);
    expect(world.metrics.read('cooee_webhook_lost_total', { reason: 'expired' })).toBe(1);
    world.sender.answer = () => OK;
    await world.happen(webhooks, CALL_A, 'call:claim');
    expect(world.sender.told.at(-1)).toBe('a call:claim');
    await world.clock.advance(LIMITS.webhookDeliveryMsMax);
    expect(world.codes()).toEqual([]);
  });

  it('lets those under way end when the receiver wants no more', async () => {
    const world = new World();
    const answers: ((attempt: Attempt) => void)[] = [];
    world.sender.answer = () => new Promise((resolve) => void answers.push(resolve));
    const webhooks = await world.start();
    for (const id of [CALL_A, CALL_B, CALL_C]) await world.happen(webhooks, id, 'call:open');
    answers[0]?.({ kind: 'status', status: 410 });
    await world.rest();
    answers[1]?.(OK);
    answers[2]?.(BROKEN);
    await world.rest();
    // The one that said 410 and the one that failed; not the one that was taken.
    expect(world.metrics.read('cooee_webhook_lost_total', { reason: 'gone' })).toBe(2);
    expect(await world.rows()).toBe(0);
    await world.clock.advance(60_000);
    expect(world.sender.sent).toHaveLength(3);
  });

  it('queues nothing more for a webhook that is gone', async () => {
    const world = new World();
    world.sender.answer = () => ({ kind: 'status', status: 410 });
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.happen(webhooks, CALL_B, 'call:open');
    expect(world.metrics.read('cooee_webhook_lost_total', { reason: 'gone' })).toBe(1);
  });

  it('gives up an event that cannot be put into a request, and goes on', async () => {
    const world = new World();
    world.message = (event) => {
      if (event.type === 'call:open') throw new RangeError('Invalid time value');
      return plainMessage(event);
    };
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    expect(world.logged).toMatchObject([
      { fields: { webhook: 'ops', call: CALL_A, version: 1, err: expect.any(RangeError) } },
    ]);
    expect(world.metrics.read('cooee_webhook_lost_total', { reason: 'faulty' })).toBe(1);
    expect(world.codes()).toEqual(['webhook-lost']);
    expect(await world.rows()).toBe(0);
    await world.happen(webhooks, CALL_A, 'call:claim');
    expect(world.sender.told).toEqual(['a call:claim']);
  });

  it('ends a webhook that is gone until the next start', async () => {
    const world = new World();
    world.sender.answer = () => ({ kind: 'status', status: 410 });
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.happen(webhooks, CALL_B, 'call:open');
    await world.clock.advance(60_000);
    expect(world.sender.sent).toHaveLength(1);
    expect(world.codes()).toContain('webhook-gone');
    expect(await world.rows()).toBe(0);
    world.sender.answer = () => OK;
    await webhooks.stop();
    const again = await world.start();
    await world.happen(again, CALL_B, 'call:claim');
    expect(world.sender.told.at(-1)).toBe('b call:claim');
  });

  it('waits as long as the receiver asks', async () => {
    const world = new World();
    world.sender.answer = (_, n) =>
      n === 1 ? { kind: 'status', status: 429, retryAfterMs: 90_000 } : OK;
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.clock.advance(89_999);
    expect(world.sender.sent).toHaveLength(1);
    await world.clock.advance(1);
    expect(world.sender.sent).toHaveLength(2);
  });

  it('sends nothing at all while the receiver asks for patience', async () => {
    const world = new World();
    world.sender.answer = (_, n) =>
      n === 1 ? { kind: 'status', status: 429, retryAfterMs: 90_000 } : OK;
    const webhooks = await world.start();
    await world.happen(webhooks, CALL_A, 'call:open');
    await world.happen(webhooks, CALL_B, 'call:open');
    await world.clock.advance(89_999);
    expect(world.sender.told).toEqual(['a call:open']);
    await world.clock.advance(1);
    await world.rest();
    expect(world.sender.told.slice(1).toSorted()).toEqual(['a call:open', 'b call:open']);
  });

  it('drops the oldest when too many wait, and says so', async () => {
    const world = new World();
    world.sender.answer = () => BROKEN;
    const webhooks = await world.start();
    world.calls.happen(CALL_A, 'call:open');
    for (let n = 0; n < LIMITS.webhookWaitingMax + 4; n++) {
      world.calls.happen(CALL_A, n % 2 === 0 ? 'call:claim' : 'call:release');
    }
    await world.happen(webhooks, CALL_A, 'call:claim');
    await world.rest();
    expect(world.metrics.read('cooee_webhook_waiting')).toBe(LIMITS.webhookWaitingMax);
    expect(world.metrics.read('cooee_webhook_lost_total', { reason: 'full' })).toBe(6);
    expect(await world.rows()).toBe(LIMITS.webhookWaitingMax);
    expect(world.codes()).toContain('webhook-lost');
    await webhooks.stop();
  });
});
