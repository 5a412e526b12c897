import { describe, expect, it } from 'vitest';
import { CooeeError, type RequestHandler } from '../../../../protocols/interface/index.ts';
import { LeaderAsks } from '../../../../protocols/slurp/index.ts';
import { codeOf, MESH } from '../mesh-world.ts';

/** Members in one process, all connected; one of them leads, or none. */
class Net {
  readonly handlers = new Map<string, RequestHandler>();
  readonly asked: string[] = [];
  readonly handedTo: (string | undefined)[] = [];
  readonly vacated: string[] = [];
  leader: string | undefined = 'L';
  /** They have not heard yet who is an admin. */
  readonly lagging = new Set<string>();
  /** Whether a majority confirms that it leads. */
  isConfirmed = true;

  async join(name: string, knows?: string): Promise<LeaderAsks> {
    const asks = new LeaderAsks({
      meshId: MESH,
      self: name,
      requester: {
        request: async (peer, protocol, body) => {
          this.asked.push(`${name}>${peer}`);
          const handler = this.handlers.get(`${peer}${protocol}`);
          if (handler === undefined) throw new CooeeError('ERR_WIRE_STREAM');
          return await handler(name, body, new AbortController().signal);
        },
      },
      responder: {
        handle: async (protocol, handler) => void this.handlers.set(name + protocol, handler),
        unhandle: async () => undefined,
      },
      leader: () => knows,
      voters: () => ['A', 'B', 'L'],
      isLeader: () => this.leader === name,
      isAdmin: (peer) => peer !== 'guest' && !this.lagging.has(name),
      readIndex: async () => {
        if (this.leader === name && this.isConfirmed) return 42;
        throw new CooeeError('ERR_SLURP_NO_LEADER');
      },
      transfer: async (to) => void this.handedTo.push(to),
      vacate: (peer) => void this.vacated.push(peer),
    });
    await asks.start();
    return asks;
  }
}

async function world(): Promise<{ net: Net; a: LeaderAsks; leads: LeaderAsks }> {
  const net = new Net();
  const leads = await net.join('L', 'L');
  await net.join('B', 'L');
  return { net, leads, a: await net.join('A', 'L') };
}

describe('a read index', () => {
  it('is asked of the leader, and of nobody when this node leads', async () => {
    const { net, a, leads } = await world();
    expect(await leads.readIndex()).toBe(42);
    expect(net.asked).toEqual([]);
    expect(await a.readIndex()).toBe(42);
    expect(net.asked).toEqual(['A>L']);
  });

  it('is found at the next leader while this node takes another for it', async () => {
    const { net, a } = await world();
    net.leader = 'B';
    expect(await a.readIndex()).toBe(42);
    expect(net.asked).toEqual(['A>L', 'A>B']);
    const lost = await net.join('C');
    expect(await lost.readIndex()).toBe(42);
  });

  it('is refused without a leader, or when no majority confirms it', async () => {
    const { net, a, leads } = await world();
    net.isConfirmed = false;
    expect(await codeOf(a.readIndex())).toBe('ERR_SLURP_NO_LEADER');
    expect(await codeOf(leads.readIndex())).toBe('ERR_SLURP_NO_LEADER');
    net.leader = undefined;
    expect(await codeOf(a.readIndex())).toBe('ERR_SLURP_NO_LEADER');
  });
});

describe('a transfer', () => {
  it('reaches the leader from any admin', async () => {
    const { net, a, leads } = await world();
    await a.transfer('B');
    await a.transfer();
    await leads.transfer('A');
    expect(net.handedTo).toEqual(['B', undefined, 'A']);
  });

  it('is refused to a member that is no admin, by the leader itself', async () => {
    const { net } = await world();
    const guest = await net.join('guest', 'L');
    expect(await codeOf(guest.transfer())).toBe('ERR_MEMBERSHIP_FORBIDDEN');
    expect(net.handedTo).toEqual([]);
    // The leader's word is final: nobody else is asked.
    expect(net.asked).toEqual(['guest>L']);
  });

  it('is refused by no word but that of the leader', async () => {
    const { net } = await world();
    net.lagging.add('A');
    // It knows of no leader, and asks every voter.
    const other = await net.join('C');
    await other.transfer('B');
    await other.vacate('B');
    expect(net.handedTo).toEqual(['B']);
    expect(net.vacated).toEqual(['B']);
  });

  it('to the one that leads is done already', async () => {
    const { net, a } = await world();
    await a.transfer('L');
    expect(net.handedTo).toEqual([]);
  });

  it('that is malformed is refused', async () => {
    const { net } = await world();
    const handler = net.handlers.get(`L/cooee/${MESH}/transfer/1`);
    const send = (body: Uint8Array) => handler?.('A', body, new AbortController().signal);
    expect(await codeOf(Promise.resolve(send(new Uint8Array(300))))).toMatch(/^ERR_WIRE_/);
    expect(net.handedTo).toEqual([]);
  });

  it('tells the leader who is about to leave: for oneself, or as an admin', async () => {
    const { net, a, leads } = await world();
    await a.vacate('B');
    await leads.vacate('L');
    const guest = await net.join('guest', 'L');
    await guest.vacate('guest');
    expect(net.vacated).toEqual(['B', 'L', 'guest']);
    expect(await codeOf(guest.vacate('A'))).toBe('ERR_MEMBERSHIP_FORBIDDEN');
    net.leader = undefined;
    expect(await codeOf(a.vacate('A'))).toBe('ERR_SLURP_NO_LEADER');
  });
});
