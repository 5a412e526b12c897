import { describe, expect, it } from 'vitest';
import type { RequestHandler } from '../../../../protocols/interface/index.ts';
import { serveReplica } from '../../../../protocols/slurp/index.ts';
import { pullRequest, pullResponse } from '../../../../protocols/slurp/protocol.ts';
import { encodeCanonical } from '../../../../protocols/wire/index.ts';
import { batchOf, codeOf, founder, headOf, Machine } from '../mesh-world.ts';
import { batch, bookWith, Follower, logOf } from './follower.ts';

describe('serveReplica', () => {
  it('serves no entries beyond the head, none without a head, and none of nonsense', async () => {
    const source = await Machine.open();
    await source.take([batch(2), batch(3)]);
    let head: Uint8Array | undefined;
    let serve: RequestHandler | undefined;
    await serveReplica({
      meshLog: source.meshLog,
      responder: {
        handle: async (_protocol, handler) => {
          serve = handler;
        },
        unhandle: async () => undefined,
      },
      trust: bookWith(() => head),
    });
    const ask = async (body: Uint8Array) =>
      await (serve as RequestHandler)('me', body, new AbortController().signal);
    expect(await codeOf(ask(pullRequest.encode(1)))).toBe('ERR_SLURP_NO_LEADER');
    head = headOf(logOf(2));
    expect(pullResponse.decode(await ask(pullRequest.encode(1))).entries).toHaveLength(2);
    expect(pullResponse.decode(await ask(pullRequest.encode(2))).entries).toHaveLength(1);
    expect(pullResponse.decode(await ask(pullRequest.encode(3))).entries).toHaveLength(0);
    expect(pullResponse.decode(await ask(pullRequest.encode(2 ** 50))).entries).toHaveLength(0);
    expect(await codeOf(ask(encodeCanonical({ v: 1, from: 0, chain: 0, mark: 0 })))).toBe(
      'ERR_WIRE_MALFORMED',
    );
  });

  it('fills an answer with large entries no further than a frame', async () => {
    const source = await Machine.open();
    const large = Array.from({ length: 40 }, (_, i) =>
      batchOf(founder, { seq: 2 + i }, [
        { kind: 'agent.grant', body: { claim: new Uint8Array(48 * 1024).fill(i) } },
      ]),
    );
    await source.take(large);
    const bytes = headOf(await source.records());
    let serve: RequestHandler | undefined;
    await serveReplica({
      meshLog: source.meshLog,
      responder: {
        handle: async (_protocol, handler) => {
          serve = handler;
        },
        unhandle: async () => undefined,
      },
      trust: bookWith(() => bytes),
    });
    const sizes: number[] = [];
    const follower = await Follower.open([
      async (from) => {
        const body = pullRequest.encode(from);
        const out = await (serve as RequestHandler)('me', body, new AbortController().signal);
        sizes.push(out.length);
        return out;
      },
    ]);
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(41);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024);
  });
});
