import { type AddressInfo, connect as connectTo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../../daemon/system/clock.ts';
import { silentLogger } from '../../../../../protocols/interface/index.ts';
import { encodeCanonical } from '../../../../../protocols/wire/index.ts';
import { type StreamRegistrar, serveRequests } from '../../../../../protocols/wire/stream.ts';
import {
  admit,
  connect,
  MESH,
  startMember,
  startStranger,
  stopAll,
} from '../../../membership/door/mesh-nodes.ts';
import { until } from './until.ts';

const HOP = '/libp2p/circuit/relay/0.2.0/hop';
const logger = silentLogger;
const servers: Server[] = [];

afterEach(async () => {
  await stopAll();
  for (const server of servers.splice(0)) server.close();
});

/** What a router does that forwards a port: 127.0.0.1 to 127.0.0.2. @returns the port */
async function forward(): Promise<number> {
  const server = createServer((outer) => {
    const inner = connectTo((server.address() as AddressInfo).port, '127.0.0.2');
    for (const socket of [outer, inner]) {
      socket.on('error', () => [outer, inner].forEach((it) => void it.destroy()));
    }
    outer.pipe(inner).pipe(outer);
  });
  servers.push(server);
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(0, '127.0.0.1', done);
  });
  return (server.address() as AddressInfo).port;
}

describe('a member that is asked to dial back', () => {
  it('reaches who can be reached, three times at once at the most', async () => {
    const [a, b] = [await startMember(), await startMember()];
    admit(a, b);
    await connect(a, b);
    for (let count = 0; count < 3; count++) expect(await a.net.reach.ask(b.peer)).toBe('reached');
    expect(await a.net.reach.ask(b.peer)).toBe('refused');
    expect([a.net.isConnected(b.peer), b.net.isConnected(a.peer)]).toEqual([true, true]);
  });

  it('does not reach who listens elsewhere than it is seen, or nowhere', async () => {
    const b = await startMember();
    const elsewhere = await startMember({ listen: ['/ip4/127.0.0.2/tcp/0'] });
    const nowhere = await startMember({ listen: [] });
    admit(b, elsewhere, nowhere);
    await connect(elsewhere, b);
    await connect(nowhere, b);
    expect(await elsewhere.net.reach.ask(b.peer)).toBe('unreachable');
    expect(await nowhere.net.reach.ask(b.peer)).toBe('unreachable');
  });

  it('does not answer who is no member', async () => {
    const [a, b] = [await startMember(), await startMember()];
    a.standing.set(b.peer, 'member');
    await connect(a, b);
    await expect(a.net.reach.ask(b.peer)).rejects.toThrow();
    expect(b.net.node.getConnections().filter((it) => it.direction === 'outbound')).toEqual([]);
  });

  it('finds a port that is forwarded, and the node tells it to the others', async () => {
    const port = await forward();
    const a = await startMember({ listen: [`/ip4/127.0.0.2/tcp/${port}`] });
    const relay = await startMember({ relay: true });
    admit(a, relay);
    await connect(a, relay);
    await until('the forwarded port is told', () =>
      a.net.node.getMultiaddrs().some((it) => `${it}`.startsWith(`/ip4/127.0.0.1/tcp/${port}/p2p`)),
    );
  });

  it('does not take back what another relay has found', async () => {
    const port = await forward();
    const a = await startMember({ listen: [`/ip4/127.0.0.2/tcp/${port}`] });
    const [relay, other] = [await startMember({ relay: true }), await startStranger([HOP])];
    let asked = 0;
    await serveRequests(
      { registrar: other.node as unknown as StreamRegistrar, clock: systemClock, logger },
      `/cooee/${MESH}/reach/1`,
      {
        handler: async () => {
          asked++;
          const answer = { v: 1, kind: 'dialled', outcome: 'unreachable', port: null, host: null };
          return encodeCanonical(answer);
        },
      },
    );
    const isTold = () =>
      a.net.node.getMultiaddrs().some((it) => `${it}`.startsWith(`/ip4/127.0.0.1/tcp/${port}/p2p`));
    admit(a, relay);
    await connect(a, relay);
    await until('the forwarded port is told', isTold);
    a.standing.set(other.peer, 'member');
    await other.node.dial(a.net.node.getMultiaddrs());
    await until('the other one is asked too', () => asked === 1);
    expect(await a.net.reach.ask(other.peer)).toBe('unreachable');
    expect(isTold()).toBe(true);
  });

  it('cannot have the node tell others of a port that it did not ask about', async () => {
    const a = await startMember();
    const liar = await startStranger([]);
    a.standing.set(liar.peer, 'member');
    const lie = { v: 1, kind: 'dialled', outcome: 'reached', port: 25, host: '203.0.113.7' };
    await serveRequests(
      {
        registrar: liar.node as unknown as StreamRegistrar,
        clock: systemClock,
        logger,
      },
      `/cooee/${MESH}/reach/1`,
      { handler: async () => encodeCanonical(lie) },
    );
    await liar.node.dial(a.net.node.getMultiaddrs());
    await until('A has it', () => a.net.isConnected(liar.peer));
    await expect(a.net.reach.askWhere(liar.peer)).rejects.toThrow('not asked for');
  });
});
