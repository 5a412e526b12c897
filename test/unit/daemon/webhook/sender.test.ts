import { expect, it } from 'vitest';
import {
  HttpSender,
  type ResolvedAddress,
  type WebhookRequest,
} from '../../../../daemon/webhook/sender.ts';

// Goal: attempts that wait for names pile nothing up. What goes over a connection is tested in
// test/hostile/webhook.test.ts.

const requestTo = (name: string): WebhookRequest => ({
  ...{ url: new URL(`http://${name}/`), headers: {}, body: '{}', turn: 0, allowPrivate: false },
});

it('has one look-up of a name under way, however many attempts give up on it', async () => {
  const asked: string[] = [];
  const { promise, resolve: answer } = Promise.withResolvers<readonly ResolvedAddress[]>();
  let look = () => promise;
  const resolve = (name: string) => {
    asked.push(name);
    return look();
  };
  const sender = new HttpSender(
    { resolve, nowMs: () => 0 },
    { userAgent: 'cooee/test', timeoutMs: 20 },
  );
  const { signal } = new AbortController();
  const send = (name: string) => sender.send(requestTo(name), signal);
  for (let round = 0; round < 3; round += 1) {
    const attempts = await Promise.all([send('a.test'), send('a.test'), send('b.test')]);
    expect(attempts).toEqual(Array(3).fill({ kind: 'failed', reason: 'timeout' }));
  }
  expect(asked).toEqual(['a.test', 'b.test']);
  // It came too late for those; the next attempt asks anew, and is told anew.
  answer([{ address: '127.0.0.1', family: 4 }]);
  await new Promise((resolved) => setImmediate(resolved));
  look = () => Promise.reject(new Error('no such name'));
  expect(await send('a.test')).toEqual({ kind: 'failed', reason: 'name' });
  expect(asked).toEqual(['a.test', 'b.test', 'a.test']);
});
