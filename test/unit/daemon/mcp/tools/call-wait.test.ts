import { describe, expect, it, vi } from 'vitest';
import { waitForCall } from '../../../../../daemon/mcp/tools/call-wait.ts';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { callAddress } from '../../../../../protocols/ucxl/index.ts';
import { fakeClient, fakeContext } from '../fixture.ts';

// Goal: a wait ends when the call is settled or the time is over, whatever the daemon does
// meanwhile, and its id is never lost.

const DOWN = () => new CooeeError('ERR_API_DAEMON_NOT_RUNNING');
const ID = 'bafyreiaaaa';
const wait = { id: ID, lengthMs: 30_000 };

function start(states: (string | Error)[]) {
  let reads = 0;
  const getCall = () => {
    const state = states[Math.min(reads, states.length - 1)];
    reads += 1;
    return state instanceof Error ? state : { id: ID, state };
  };
  const fake = fakeClient({ getCall });
  return { ...fake, reads: () => reads, context: fakeContext(fake.client) };
}

describe('waitForCall', () => {
  it('answers at once what is settled, and without a stream what is not waited for', async () => {
    for (const state of ['answered', 'expired', 'withdrawn']) {
      expect(await waitForCall(start([state]).context, wait)).toMatchObject({ state });
    }
    const { context, watch } = start(['open']);
    const call = await waitForCall(context, { id: ID, lengthMs: 0 });
    expect([call.state, watch.opened.length]).toEqual(['open', 0]);
  });

  it('looks again at events of this call alone, and tells how it stands', async () => {
    const { context, watch, reads } = start(['open', 'claimed', 'answered']);
    const waiting = waitForCall(context, wait);
    await vi.waitFor(() => expect(context.told).toEqual([`Call ${ID} is open.`]));
    watch.event('ucxl://any:human@COOEE:help/#/call/other');
    watch.event(callAddress(ID));
    await vi.waitFor(() => expect(context.told).toHaveLength(2));
    expect(reads()).toBe(2);
    watch.push({ kind: 'gap', reason: 'slow' });
    expect(await waiting).toMatchObject({ state: 'answered' });
    await vi.waitFor(() => expect(watch.open).toBe(0));
  });

  it('answers the call as it is when the time is over', async () => {
    const { context } = start(['open']);
    expect(await waitForCall(context, { id: ID, lengthMs: 20 })).toMatchObject({ state: 'open' });
  });

  it('waits for a daemon that goes away', async () => {
    const { context, watch } = start(['open', DOWN(), 'answered']);
    const waiting = waitForCall(context, wait);
    await vi.waitFor(() => expect(context.told).toHaveLength(1));
    watch.event(callAddress(ID));
    await vi.waitFor(() => expect(context.told).toHaveLength(2));
    watch.event(callAddress(ID));
    expect(await waiting).toMatchObject({ state: 'answered' });
  });

  it('waits for a daemon that went away right after the call was opened', async () => {
    const { context, watch } = start([DOWN(), 'answered']);
    const waiting = waitForCall(context, { ...wait, isNew: true });
    await vi.waitFor(() => expect(context.told).toHaveLength(1));
    watch.event(callAddress(ID));
    expect(await waiting).toMatchObject({ state: 'answered' });
  });

  it('names the call when it cannot be read', async () => {
    const away = waitForCall(start([DOWN()]).context, wait);
    await expect(away).rejects.toMatchObject({
      code: 'ERR_API_DAEMON_NOT_RUNNING',
      message: expect.stringContaining(ID),
      details: { id: ID },
    });
    const none = waitForCall(start([new CooeeError('ERR_API_NOT_FOUND')]).context, wait);
    await expect(none).rejects.toMatchObject({ code: 'ERR_API_NOT_FOUND', details: { id: ID } });
  });

  it('ends when it is taken back', async () => {
    const abort = new AbortController();
    const { client } = start(['open']);
    const context = fakeContext(client, { signal: abort.signal });
    const waiting = waitForCall(context, wait);
    abort.abort();
    expect(await waiting).toMatchObject({ state: 'open' });
  });
});
