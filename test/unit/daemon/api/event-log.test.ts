// Goal: a reader of events gets all of them in order, or an explicit gap; never a silent hole,
// never growing memory.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventSubscription } from '../../../../daemon/api/services.ts';
import { newEventLog, standingClock, TIME } from './fixture.ts';

const drain = (subscription: EventSubscription): string[] => {
  const out: string[] = [];
  for (let item = subscription.take(); item !== undefined; item = subscription.take()) {
    out.push(item.kind === 'gap' ? `gap ${item.reason} ${item.id}` : item.id);
  }
  return out;
};

const publish = (log: ReturnType<typeof newEventLog>, count: number, fromIndex?: number): void => {
  for (let i = 0; i < count; i += 1) {
    const index = fromIndex === undefined ? {} : { index: fromIndex + i };
    log.publish({ type: 'agent:grant', data: i, ...index });
  }
};

describe('EventLog', () => {
  it('gives id, type, time, index, address and data', () => {
    const log = newEventLog({}, standingClock());
    const reader = log.subscribe({});
    const address = 'ucxl://agentid:458RV';
    expect(log.publish({ type: 'agent:grant', index: 8, address, data: { token: '458RV' } })).toBe(
      '3-1',
    );
    const item = reader.take();
    expect(item).toMatchObject({ kind: 'event', id: '3-1' });
    expect(JSON.parse((item as { json: string }).json)).toEqual({
      id: '3-1',
      type: 'agent:grant',
      time: TIME,
      index: 8,
      address,
      data: { token: '458RV' },
    });
  });

  it('leaves out what JSON cannot say, at any depth', () => {
    const log = newEventLog();
    const reader = log.subscribe({});
    const bytes = new Uint8Array([1, 2, 3]);
    log.publish({ type: 'a:b', data: { name: 'x', bytes, deep: [{ bytes, n: 1 }], none: null } });
    log.publish({ type: 'a:b', data: bytes });
    const [first, second] = [reader.take(), reader.take()].map((item) =>
      JSON.parse((item as { json: string }).json),
    );
    expect(first.data).toEqual({ name: 'x', deep: [{ n: 1 }], none: null });
    expect(Object.keys(second)).toEqual(['id', 'type', 'time']);
  });

  it('says the same to who reads later, of the moment when it was published', () => {
    const clock = standingClock();
    const log = newEventLog({}, clock);
    const [early, late] = [log.subscribe({}), log.subscribe({})];
    let made = 0;
    const data = {
      get n() {
        return ++made;
      },
    };
    log.publish({ type: 'a:b', data });
    expect(made).toBe(0);
    clock.advance(5_000);
    const first = early.take();
    const again = late.take();
    expect(again).toEqual(first);
    expect(JSON.parse((first as { json: string }).json)).toMatchObject({
      time: TIME,
      data: { n: 1 },
    });
    expect(made).toBe(1);
  });

  it.each([
    ['nothing given: from now on', {}, []],
    ['its own id', { sinceId: '3-4' }, ['3-5', '3-6']],
    ['the newest id', { sinceId: '3-6' }, []],
    ['before the first event', { sinceId: '3-0' }, ['gap expired 3-2', '3-3', '3-4', '3-5', '3-6']],
    ['the id just before the oldest', { sinceId: '3-2' }, ['3-3', '3-4', '3-5', '3-6']],
    ['an id not given yet', { sinceId: '3-7' }, ['gap restart 3-2', '3-3', '3-4', '3-5', '3-6']],
    ['an id of another boot', { sinceId: '2-5' }, ['gap restart 3-2', '3-3', '3-4', '3-5', '3-6']],
    ['no id at all', { sinceId: 'x' }, ['gap restart 3-2', '3-3', '3-4', '3-5', '3-6']],
  ])('resumes after %s', (_what, init, expected) => {
    const log = newEventLog({ keptMax: 4 });
    publish(log, 6);
    expect(drain(log.subscribe(init))).toEqual(expected);
  });

  it.each([
    ['what this boot began with', 7, 100, ['3-1', '3-2', '3-3']],
    ['the middle', 9, 100, ['3-3']],
    ['less than this boot began with', 6, 100, ['gap restart 3-0', '3-1', '3-2', '3-3']],
    ['what is no longer held', 7, 2, ['gap expired 3-1', '3-2', '3-3']],
  ])('resumes over a restart by index: %s', (_what, sinceIndex, keptMax, expected) => {
    const log = newEventLog({ keptMax, startIndex: 7 });
    publish(log, 3, 8);
    expect(drain(log.subscribe({ sinceId: '2-99', sinceIndex }))).toEqual(expected);
  });

  it('tells a slow reader of the hole, once', () => {
    const log = newEventLog({ keptMax: 3 });
    const reader = log.subscribe({});
    publish(log, 2);
    expect(reader.take()).toMatchObject({ id: '3-1' });
    publish(log, 5);
    expect(drain(reader)).toEqual(['gap slow 3-4', '3-5', '3-6', '3-7']);
    publish(log, 1);
    expect(drain(reader)).toEqual(['3-8']);
  });

  it('wakes a reader once when there is something, also when it is there already', () => {
    const log = newEventLog();
    const reader = log.subscribe({});
    let woken = 0;
    reader.onReady(() => (woken += 1));
    publish(log, 2);
    expect(woken).toBe(1);
    reader.onReady(() => (woken += 1));
    expect(woken).toBe(2);
    drain(reader);
    reader.onReady(() => (woken += 1));
    reader.close();
    publish(log, 1);
    expect([woken, log.readerCount]).toEqual([2, 0]);
  });

  it('shows how far a filter has looked', () => {
    const log = newEventLog();
    const reader = log.subscribe({ match: 'member:*' });
    publish(log, 5);
    expect(drain(reader)).toEqual([]);
    expect(reader.position).toBe('3-5');
  });

  it('gives every event once and in order, or a gap (property)', () => {
    const step = fc.oneof(fc.constant('publish'), fc.constant('take'));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step), (keptMax, steps) => {
        const log = newEventLog({ keptMax });
        const reader = log.subscribe({});
        let expected = 1;
        for (const what of steps) {
          if (what === 'publish') publish(log, 1);
          else {
            const item = reader.take();
            if (item === undefined) expect(expected).toBe(log.lastSeq + 1);
            else if (item.kind === 'gap') expected = Number(item.id.split('-')[1]) + 1;
            else expect(item.id).toBe(`3-${expected++}`);
          }
        }
      }),
    );
  });
});
