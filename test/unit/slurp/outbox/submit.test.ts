import { describe, expect, it } from 'vitest';
import { CooeeError, type RequestHandler } from '../../../../protocols/interface/index.ts';
import {
  HOPS_MAX,
  Submit,
  submitProtocol,
  submitRequest,
} from '../../../../protocols/slurp/index.ts';
import { encodeCanonical } from '../../../../protocols/wire/index.ts';
import { batchOf, codeOf, founder, MESH, rename } from '../mesh-world.ts';

const BATCH = batchOf(founder, { seq: 2 }, [rename('x')]);

/** Members in one process: who is connected to whom, whom each takes for the leader, who leads. */
class Net {
  readonly links = new Map<string, string[]>();
  readonly handlers = new Map<string, RequestHandler>();
  readonly hops: string[] = [];
  readonly proposed: Uint8Array[] = [];
  refusal: CooeeError | undefined;
  /** Who knows who leads, when nobody else does. */
  readonly voters = new Set<string>();

  async join(name: string, options: { links: string[]; leader?: string; leads?: boolean }) {
    this.links.set(name, options.links);
    const submit = new Submit({
      meshId: MESH,
      self: name,
      requester: {
        request: async (peer, protocol, body) => {
          this.hops.push(`${name}>${peer}`);
          expect(protocol).toBe(submitProtocol(MESH));
          const handler = this.handlers.get(peer);
          if (handler === undefined || !this.links.get(name)?.includes(peer)) {
            throw new CooeeError('ERR_WIRE_STREAM');
          }
          return await handler(name, body, new AbortController().signal);
        },
      },
      responder: {
        handle: async (_protocol, handler) => void this.handlers.set(name, handler),
        unhandle: async () => undefined,
      },
      leader: () => options.leader,
      connected: () => this.links.get(name) ?? [],
      voters: () => (this.links.get(name) ?? []).filter((peer) => this.voters.has(peer)),
      isLeader: () => options.leads === true,
      propose: async (batches) => {
        if (this.refusal !== undefined) throw this.refusal;
        this.proposed.push(...batches);
        return 41 + this.proposed.length;
      },
    });
    await submit.start();
    return submit;
  }
}

describe('Submit', () => {
  it('hands its own batches to itself when it leads', async () => {
    const net = new Net();
    const leader = await net.join('L', { links: [], leader: 'L', leads: true });
    expect(await leader.deliver([BATCH])).toBe(42);
    expect(net.hops).toEqual([]);
  });

  it('asks the leader alone when that is connected', async () => {
    const net = new Net();
    await net.join('L', { links: ['A'], leader: 'L', leads: true });
    const a = await net.join('A', { links: ['B', 'L'], leader: 'L' });
    await net.join('B', { links: ['A', 'L'], leader: 'L' });
    expect(await a.deliver([BATCH])).toBe(42);
    expect(net.hops).toEqual(['A>L']);
    expect(net.proposed[0]).toEqual(BATCH);
  });

  it('goes through others when it is not, three hops at the most', async () => {
    const net = new Net();
    await net.join('L', { links: [], leader: 'L', leads: true });
    const d = await net.join('D', { links: ['A'], leader: 'L' });
    const a = await net.join('A', { links: ['D', 'B'], leader: 'L' });
    const b = await net.join('B', { links: ['A', 'C'], leader: 'L' });
    await net.join('C', { links: ['B', 'L'], leader: 'L' });
    expect(await b.deliver([BATCH])).toBe(42);
    net.hops.length = 0;
    expect(await a.deliver([BATCH])).toBe(43);
    expect(net.hops.at(-1)).toBe('C>L');
    net.hops.length = 0;
    expect(await codeOf(d.deliver([BATCH]))).toBe('ERR_SLURP_NO_LEADER');
    expect(net.hops).toEqual(['D>A', 'A>B', 'B>C']);
    expect(HOPS_MAX).toBe(3);
  });

  it('runs in no circle: neither back to whom it came from nor to who made it', async () => {
    const net = new Net();
    const origin = founder.peer;
    const all = [origin, 'B', 'C', 'D', 'E', 'F'];
    const nodes = await Promise.all(
      all.map((name) => net.join(name, { links: all.filter((it) => it !== name), leader: 'L' })),
    );
    expect(await codeOf((nodes[0] as Submit).deliver([BATCH]))).toBe('ERR_SLURP_NO_LEADER');
    // Three detours, each of them two hops further.
    expect(net.hops.filter((hop) => hop.startsWith(origin))).toEqual(
      ['B', 'C', 'D'].map((name) => `${origin}>${name}`),
    );
    expect(net.hops).toHaveLength(9);
    expect(net.hops.filter((hop) => hop.endsWith(origin))).toEqual([]);
  });

  it('hands nothing on that is no batch', async () => {
    const net = new Net();
    await net.join('A', { links: ['B', 'C'], leader: 'L' });
    const handler = net.handlers.get('A') as RequestHandler;
    const body = submitRequest.encode(1, [new Uint8Array(100)]);
    const given = new AbortController();
    expect(await codeOf(handler('B', body, given.signal))).toBe('ERR_WIRE_MALFORMED');
    expect(net.hops).toEqual([]);
  });

  it('stops between two members that take each other for the leader', async () => {
    const net = new Net();
    const a = await net.join('A', { links: ['B'], leader: 'B' });
    await net.join('B', { links: ['A'], leader: 'A' });
    expect(await codeOf(a.deliver([BATCH]))).toBe('ERR_SLURP_NO_LEADER');
    expect(net.hops).toEqual(['A>B']);
  });

  it('knows no way without a leader, or when it would be itself', async () => {
    const net = new Net();
    const a = await net.join('A', { links: ['B'] });
    const b = await net.join('B', { links: ['A'], leader: 'B' });
    expect(await codeOf(a.deliver([BATCH]))).toBe('ERR_SLURP_NO_LEADER');
    expect(await codeOf(b.deliver([BATCH]))).toBe('ERR_SLURP_NO_LEADER');
    expect(net.hops).toEqual([]);
  });

  it('passes on the word of the leader, and takes that of a relay for no refusal', async () => {
    const net = new Net();
    net.refusal = new CooeeError('ERR_SLURP_SIGNATURE');
    await net.join('L', { links: ['A'], leader: 'L', leads: true });
    const a = await net.join('A', { links: ['L'], leader: 'L' });
    expect(await codeOf(a.deliver([BATCH]))).toBe('ERR_SLURP_SIGNATURE');
    const far = await net.join('F', { links: ['A'], leader: 'L' });
    await expect(far.deliver([BATCH])).rejects.toMatchObject({
      code: 'ERR_SLURP_NO_LEADER',
      details: { relay: expect.any(String) },
    });
    // One that refuses whatever it is given does not keep the others from being asked.
    net.refusal = undefined;
    net.handlers.set('liar', async () => {
      throw new CooeeError('ERR_SLURP_COMMAND');
    });
    const near = await net.join('N', { links: ['liar', 'A'], leader: 'L' });
    expect(await near.deliver([BATCH])).toBe(42);
  });

  it('takes an answer that cannot be read for a broken way', async () => {
    const net = new Net();
    const a = await net.join('A', { links: ['L'], leader: 'L' });
    for (const answer of [new Uint8Array(3), encodeCanonical({ v: 2, index: 1 })]) {
      net.handlers.set('L', async () => answer);
      expect(await codeOf(a.deliver([BATCH]))).toBe('ERR_WIRE_STREAM');
    }
  });

  it.each([
    ['garbage', new Uint8Array(9), 'ERR_WIRE_MALFORMED'],
    ['too many hops', submitRequest.encode(HOPS_MAX + 1, [BATCH]), 'ERR_WIRE_MALFORMED'],
    ['fewer hops than none', submitRequest.encode(-1, [BATCH]), 'ERR_WIRE_MALFORMED'],
    ['a large batch', submitRequest.encode(1, [new Uint8Array(65 * 1024)]), 'ERR_WIRE_MALFORMED'],
    [
      'much in all',
      submitRequest.encode(1, new Array(9).fill(new Uint8Array(64 * 1024))),
      'ERR_WIRE_TOO_LARGE',
    ],
    ['many batches', submitRequest.encode(1, new Array(17).fill(BATCH)), 'ERR_WIRE_MALFORMED'],
    ['no batch', submitRequest.encode(1, []), 'ERR_WIRE_MALFORMED'],
    ['a later version', encodeCanonical({ v: 2, hops: 1, batches: [BATCH] }), 'ERR_WIRE_VERSION'],
  ])('refuses a request with %s', async (_name, body, code) => {
    const net = new Net();
    await net.join('L', { links: [], leader: 'L', leads: true });
    const handler = net.handlers.get('L') as RequestHandler;
    expect(await codeOf(handler('A', body, new AbortController().signal))).toBe(code);
    expect(net.proposed).toEqual([]);
  });
});
