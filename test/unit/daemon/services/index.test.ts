import { expect, it } from 'vitest';
import { createServices, type ServicesInit } from '../../../../daemon/services/index.ts';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { codeOf, ManualClock } from '../../slurp/mesh-world.ts';

/** Services of a daemon in that phase, whose log answers who waits as told. */
function servicesIn(phase: string, until: (index: number, wait: unknown) => Promise<void>) {
  const parts = { meshLog: { appliedIndex: 4 }, consensus: { waiters: { until } } };
  const daemon = { phase, node: { parts }, components: {} };
  const init = { daemon, clock: new ManualClock(), crypto: {}, metrics: {}, events: {} };
  return createServices(init as unknown as ServicesInit);
}

it('a read waits for its index at the log, as long as it was told', async () => {
  const asked: unknown[] = [];
  const services = servicesIn('member', async (...args) => void asked.push(args));
  await services.waitForIndex(9, 250);
  expect(asked).toEqual([[9, { timeoutMs: 250 }]]);
  expect(services.appliedIndex()).toBe(4);
});

it('a read that waits too long, or while there is no log, is told so', async () => {
  const refusing = (code: 'ERR_WIRE_TIMEOUT' | 'ERR_API_STARTING') => async () => {
    throw new CooeeError(code);
  };
  const late = servicesIn('joining', refusing('ERR_WIRE_TIMEOUT'));
  expect(await codeOf(late.waitForIndex(9, 1))).toBe('ERR_API_TIMEOUT');
  const stopping = servicesIn('member', refusing('ERR_API_STARTING'));
  expect(await codeOf(stopping.waitForIndex(9, 1))).toBe('ERR_API_STARTING');
  const changing = servicesIn('changing', async () => undefined);
  expect(changing.appliedIndex()).toBe(0);
  expect(await codeOf(changing.waitForIndex(9, 1))).toBe('ERR_API_STARTING');
});

/** Who leads, where the log announced that record last. */
function leaderWith(record: object | undefined, leaderNow: string | undefined, term = 0) {
  const view = { leaderRecord: () => record, leaderNow: () => leaderNow };
  const daemon = { node: { parts: { view, consensus: { term } } }, components: {} };
  const init = { daemon, clock: new ManualClock(), crypto: {}, metrics: {}, events: {} };
  return createServices(init as unknown as ServicesInit).leader();
}

it('who led last is not the leader: it is named as the last one', () => {
  const record = { peer: 'old', term: 4, recipient: 'age1old' };
  expect(leaderWith(record, 'old', 4)).toEqual(record);
  const none = { peer: null, term: 5, recipient: null, last: { peer: 'old', term: 4 } };
  expect(leaderWith(record, undefined, 5)).toEqual(none);
  expect(leaderWith(undefined, undefined)).toEqual({ peer: null, term: 0, recipient: null });
});

it('a leader that has not announced itself has no recipient yet', () => {
  const record = { peer: 'old', term: 4, recipient: 'age1old' };
  expect(leaderWith(record, 'new', 5)).toEqual({ peer: 'new', term: 5, recipient: null });
});
