import { afterEach, describe, expect, it } from 'vitest';
import {
  byeStatement,
  livenessAnswer,
  livenessRequest,
} from '../../../protocols/liveness/index.ts';
import { ImaginedMesh, type ImaginedNode, MESH_ID } from './imagined-mesh.ts';

// Goal: who is gone is found out within five seconds by all, nobody else ever is, and nobody can
// talk a third one dead. Method: whole services on imagined time, over links that lose and delay as
// TCP makes that felt: late, and in order.

let mesh: ImaginedMesh;
afterEach(() => mesh.stop());

async function meshOf(count: number, seed?: number): Promise<ImaginedNode[]> {
  mesh = new ImaginedMesh(count, seed);
  await mesh.start();
  return mesh.nodes;
}

/** Goes on until it holds; how long that took. */
async function within(ms: number, holds: () => boolean): Promise<number> {
  for (let passedMs = 0; passedMs <= ms; passedMs += 50) {
    if (holds()) return passedMs;
    await mesh.clock.advance(50);
  }
  throw new Error(`not within ${ms} ms`);
}

/** Names what is not alive in the eyes of whom, at every tenth of a second. */
async function watchFor(ms: number, nodes: readonly ImaginedNode[]): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let passedMs = 0; passedMs < ms; passedMs += 100) {
    await mesh.clock.advance(100);
    for (const node of nodes) {
      for (const other of nodes) {
        if (node.stateOf(other) !== 'alive') seen.add(node.stateOf(other));
      }
    }
  }
  return seen;
}

describe('LivenessService', () => {
  it('has all alive in a mesh that is well', async () => {
    const nodes = await meshOf(4);
    expect(await watchFor(60_000, nodes)).toEqual(new Set());
  });

  it('has one that was killed unreachable everywhere within five seconds', async () => {
    const [victim, ...others] = (await meshOf(5)) as [ImaginedNode, ...ImaginedNode[]];
    mesh.kill(victim);
    expect(others.map((it) => it.stateOf(victim))).toEqual(others.map(() => 'suspect'));
    expect(others.every((it) => it.service.isReachable(victim.peer))).toBe(true);
    const tookMs = await within(5_000, () =>
      others.every((it) => it.stateOf(victim) === 'unreachable'),
    );
    expect(tookMs).toBeGreaterThan(1_000);
    expect(others.some((it) => it.service.isReachable(victim.peer))).toBe(false);
  });

  it.each([2, 5, 20])('has one that froze suspect, unreachable in 5 s, and back: %i', async (n) => {
    const [victim, ...others] = (await meshOf(n)) as [ImaginedNode, ...ImaginedNode[]];
    victim.freeze();
    await within(3_000, () => others.some((it) => it.stateOf(victim) === 'suspect'));
    await within(5_000, () => others.every((it) => it.stateOf(victim) === 'unreachable'));
    expect(others.every((it) => !mesh.isConnected(it.peer, victim.peer))).toBe(true);
    await mesh.clock.advance(8_000);
    victim.wake();
    await within(1_500, () => others.every((it) => it.stateOf(victim) === 'alive'));
    // Whoever wakes does not take the others for gone.
    expect(others.map((it) => victim.stateOf(it))).toEqual(others.map(() => 'alive'));
  });

  it('has members that started together ping one at different times', async () => {
    const [victim, ...others] = (await meshOf(40)) as [ImaginedNode, ...ImaginedNode[]];
    const { request } = mesh;
    let atMs = 0;
    mesh.request = (way, ...rest) => {
      if (way.to === victim.peer) atMs = mesh.clock.monotonicMs();
      return request.call(mesh, way, ...rest);
    };
    // The worst moment is right after it was pinged: each comes to it again after 1.3 s.
    await within(3_000, () => atMs !== 0);
    await mesh.clock.advance(20);
    victim.freeze();
    expect(
      await within(5_000, () => others.some((it) => it.stateOf(victim) === 'suspect')),
    ).toBeLessThan(1_400);
    await within(3_900, () => others.every((it) => it.stateOf(victim) === 'unreachable'));
  });

  it('lets a suspect refute by an answer of its own', async () => {
    const [victim, other] = (await meshOf(4)) as [ImaginedNode, ImaginedNode];
    victim.freeze();
    await within(3_000, () => other.stateOf(victim) === 'suspect');
    victim.wake();
    await within(500, () => other.stateOf(victim) === 'alive');
    expect(other.metrics.read('cooee_liveness_changes_total', { state: 'unreachable' })).toBe(0);
  });

  it.each([1, 2, 3])(
    'has nobody falsely unreachable where 3 of 10 are lost: seed %i',
    async (seed) => {
      mesh = new ImaginedMesh(5, seed);
      const { nodes } = mesh;
      mesh.link(nodes[0] as ImaginedNode, { delayMs: 100, loss: 0.3 });
      await mesh.start();
      const seen = await watchFor(600_000, nodes);
      expect(seen).not.toContain('unreachable');
      expect(nodes.every((it) => !it.conditions.has('clock-skew'))).toBe(true);
    },
  );

  it('still finds out that one behind such a link is gone', async () => {
    const [victim, ...others] = (await meshOf(5, 7)) as [ImaginedNode, ...ImaginedNode[]];
    mesh.link(victim, { delayMs: 100, loss: 0.3 });
    await mesh.clock.advance(120_000);
    victim.freeze();
    await within(75_000, () => others.every((it) => it.stateOf(victim) === 'unreachable'));
    expect(others).toHaveLength(4);
  });

  it('keeps one as a suspect that others reach, and says who does', async () => {
    const [a, b] = (await meshOf(4)) as [ImaginedNode, ImaginedNode];
    mesh.cut(a, b);
    await within(5_000, () => a.stateOf(b) === 'suspect');
    const seen = await watchFor(30_000, [a, b]);
    expect([...seen]).toEqual(['suspect']);
    expect(a.service.isReachable(b.peer)).toBe(true);
    expect(a.service.explain(b.peer)?.asked.map(({ answer }) => answer)).toContain('reached');
    expect(a.conditions.get('partition')?.text).toMatch(/ reaches n\d\d .*, this node does not/);
    mesh.cut(a, b, false);
    await within(5_000, () => a.stateOf(b) === 'alive' && !a.conditions.has('partition'));
  });

  it('names members that follow another leader', async () => {
    const [a, b, c] = (await meshOf(3)) as [ImaginedNode, ImaginedNode, ImaginedNode];
    for (const node of [a, b, c]) node.leader = a.peer;
    await mesh.clock.advance(15_000);
    expect(a.conditions.has('partition')).toBe(false);
    c.leader = c.peer;
    await mesh.clock.advance(8_000);
    expect(a.conditions.has('partition')).toBe(false);
    await mesh.clock.advance(5_000);
    expect(a.conditions.get('partition')?.text).toContain('this node leads');
    expect(b.conditions.get('partition')?.text).toContain('this node follows');
    c.leader = a.peer;
    await within(2_000, () => !a.conditions.has('partition'));
  });

  it('slows down when it hears nobody: it may be the sick one', async () => {
    const [deaf, ...others] = (await meshOf(5)) as [ImaginedNode, ...ImaginedNode[]];
    for (const other of others) mesh.cut(deaf, other);
    await within(5_000, () => others.every((it) => it.stateOf(deaf) === 'unreachable'));
    await mesh.clock.advance(500);
    expect(others.map((it) => deaf.service.explain(it.peer)?.unreachableAfterMs)).toEqual(
      others.map(() => 6_024),
    );
  });

  it('takes a goodbye for what it is, also when another brings it', async () => {
    const [quitter, near, far] = (await meshOf(3)) as [ImaginedNode, ImaginedNode, ImaginedNode];
    mesh.cut(quitter, far);
    await within(5_000, () => far.stateOf(quitter) === 'suspect');
    await mesh.end(quitter);
    expect(near.stateOf(quitter)).toBe('left');
    expect(near.service.isReachable(quitter.peer)).toBe(false);
    await within(5_000, () => far.stateOf(quitter) === 'left');
    mesh.cut(quitter, far, false);
    const back = await mesh.restart(quitter, 2);
    await within(1_000, () => near.stateOf(back) === 'alive');
    await mesh.clock.advance(100);
    mesh.kill(back);
    await within(5_000, () => near.stateOf(back) === 'unreachable');
  });

  it('says what it knows of a member', async () => {
    const [a, b] = (await meshOf(3)) as [ImaginedNode, ImaginedNode];
    expect(a.service.explain(a.peer)).toBeUndefined();
    expect(a.service.explain('nobody')).toBeUndefined();
    expect(a.service.explain(b.peer)).toMatchObject({
      ...{ peer: b.peer, state: 'alive', reason: 'it is connected', rttMs: 3, clockOffsetMs: -0.5 },
      ...{ suspectAfterMs: 812, unreachableAfterMs: 2_024, asked: [] },
    });
    expect(a.service.lastSeenMs(b.peer)).toBeGreaterThan(mesh.clock.nowMs() - 1_500);
    expect(a.service.lastSeenMs('nobody')).toBeNull();
    expect(a.service.stateOf('nobody')).toBe('unreachable');
  });

  it('tells of a change of reach once', async () => {
    const [a, b] = (await meshOf(3)) as [ImaginedNode, ImaginedNode];
    const told: string[] = [];
    a.service.onChange((peer) => told.push(`${peer === b.peer} ${a.service.isReachable(peer)}`));
    mesh.kill(b);
    await mesh.clock.advance(10_000);
    await mesh.restart(b, 2);
    await mesh.clock.advance(2_000);
    expect(told).toEqual(['true false', 'true true']);
  });
});

describe('a member that means no good', () => {
  it('talks nobody dead: it says that it reaches none', async () => {
    const [a, b, liar, honest] = (await meshOf(4)) as [
      ImaginedNode,
      ImaginedNode,
      ImaginedNode,
      ImaginedNode,
    ];
    const { handler } = liar;
    liar.handler = async (peer, body, signal) =>
      livenessRequest.decode(body).kind === 'ask'
        ? livenessAnswer.encode({ v: 1, kind: 'silent' })
        : ((await handler?.(peer, body, signal)) ?? new Uint8Array());
    // It also names everybody as a suspect in each of its answers and pings.
    const hints = [a, b, honest].map(({ peer }) => peer);
    for (const at of [a, b, honest]) {
      const ping = livenessRequest.encode({ v: 1, kind: 'ping', boot: 1, hints });
      await at.handler?.(liar.peer, ping, new AbortController().signal);
    }
    expect([...(await watchFor(5_000, [a, b, honest]))]).toEqual([]);
    mesh.cut(a, b);
    expect(await watchFor(60_000, [a, b])).not.toContain('unreachable');
  });

  it('keeps no dead one alive: a proof for another question counts for nothing', async () => {
    const [a, b, liar] = (await meshOf(3)) as [ImaginedNode, ImaginedNode, ImaginedNode];
    const { handler } = liar;
    const old = await b.handler?.(
      liar.peer,
      livenessRequest.encode({ v: 1, kind: 'prove', nonce: new Uint8Array(16) }),
      new AbortController().signal,
    );
    liar.handler = async (peer, body, signal) =>
      livenessRequest.decode(body).kind === 'ask'
        ? (old as Uint8Array)
        : ((await handler?.(peer, body, signal)) ?? new Uint8Array());
    mesh.kill(b);
    await within(5_000, () => a.stateOf(b) === 'unreachable');
    expect(a.stateOf(liar)).toBe('alive');
  });

  it('says goodbye for nobody else', async () => {
    const [a, b, liar] = (await meshOf(3)) as [ImaginedNode, ImaginedNode, ImaginedNode];
    const key = { sign: (): Uint8Array => new Uint8Array(64) };
    const bye = { v: 1, kind: 'bye', mesh: MESH_ID, boot: 9 } as const;
    const statement = byeStatement.encode(key, bye);
    const body = livenessRequest.encode({ v: 1, kind: 'bye', statement });
    const { signal } = new AbortController();
    await expect(a.handler?.(liar.peer, body, signal)).rejects.toMatchObject({
      code: 'ERR_SLURP_SIGNATURE',
    });
    expect(a.stateOf(b)).toBe('alive');
    expect(a.stateOf(liar)).toBe('alive');
  });

  it('is refused when it sends garbage or too much, and is named', async () => {
    const [a, liar] = (await meshOf(3)) as [ImaginedNode, ImaginedNode];
    const { signal } = new AbortController();
    for (const bytes of [new Uint8Array(), new Uint8Array(4096), Uint8Array.of(0xa0)]) {
      await expect(a.handler?.(liar.peer, bytes, signal)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_WIRE_/),
      });
    }
    const stranger = livenessRequest.encode({
      ...{ v: 1, kind: 'ask', peer: `12D3KooW${'B'.repeat(44)}`, nonce: new Uint8Array(16) },
    } as never);
    await expect(a.handler?.(liar.peer, stranger, signal)).rejects.toMatchObject({
      code: 'ERR_MEMBERSHIP_UNKNOWN_PEER',
    });
    const ping = livenessRequest.encode({ v: 1, kind: 'ping', boot: 1, hints: [] });
    const flood = Array.from({ length: 200 }, () => a.handler?.(liar.peer, ping, signal));
    const refused = (await Promise.allSettled(flood)).filter(
      ({ status }) => status !== 'fulfilled',
    );
    expect(refused.length).toBeGreaterThan(100);
    expect(new Set(a.floods)).toEqual(new Set([liar.peer]));
  });
});

describe('clocks', () => {
  it('tells of a clock that is off by more than two seconds, with the number', async () => {
    const [a, b, c] = (await meshOf(3)) as [ImaginedNode, ImaginedNode, ImaginedNode];
    c.clockOffMs = 1_500;
    await mesh.clock.advance(5_000);
    expect(c.conditions.has('clock-skew')).toBe(false);
    c.clockOffMs = -2_600;
    await mesh.clock.advance(5_000);
    expect(c.conditions.get('clock-skew')?.text).toContain('2.6 s behind');
    expect(c.conditions.get('clock-skew')?.severity).toBe('warn');
    expect(a.conditions.has('clock-skew') || b.conditions.has('clock-skew')).toBe(false);
    expect(a.service.explain(c.peer)?.clockOffsetMs).toBeCloseTo(-2_600, -1);
    expect(c.mutes).not.toContain(true);
    c.clockOffMs = 0;
    await mesh.clock.advance(5_000);
    expect(c.conditions.has('clock-skew')).toBe(false);
  });

  it('stops the gossip of a node that is off by more than five minutes, and says why', async () => {
    const [a, , c] = (await meshOf(3)) as [ImaginedNode, ImaginedNode, ImaginedNode];
    c.clockOffMs = 310_000;
    await mesh.clock.advance(5_000);
    expect(c.mutes.at(-1)).toBe(true);
    expect(c.conditions.get('clock-skew')).toMatchObject({
      severity: 'error',
      text: expect.stringContaining('310 s ahead of'),
    });
    expect(c.conditions.get('clock-skew')?.text).toContain('sends no beats');
    expect(a.mutes).not.toContain(true);
    c.clockOffMs = 0;
    await mesh.clock.advance(5_000);
    expect(c.mutes.at(-1)).toBe(false);
  });
});
