import { Decrypter, generateHybridIdentity, identityToRecipient } from 'age-encryption';
import { afterEach, describe, expect, it } from 'vitest';
import { createSealer } from '../../../../daemon/sealer/index.ts';
import { systemClock } from '../../../../daemon/system/clock.ts';
import {
  type AgentToEnrol,
  claimId,
  decodeMessage,
  decodePlaintext,
} from '../../../../protocols/enrolment/index.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { alice, bob, crypto, tuple } from '../fixtures.ts';
import { Bench } from './bench.ts';

// Goal: what was accepted is granted or refused once, whatever happens to leader, network and
// publisher meanwhile. Method: one publisher (alice) on a manual clock; the test plays network,
// leader (bob) and log.

const agent = (model: string, gpu = '0'): AgentToEnrol => {
  const { hostname, mac } = tuple(model);
  return { model, hostname, mac, gpu_id: gpu, gpuInfo: `RTX of ${model}` };
};
const benches: Bench[] = [];

async function startBench(prepare: (bench: Bench) => void = (it) => void it.world.lead(bob)) {
  const bench = new Bench();
  benches.push(bench);
  prepare(bench);
  await bench.start();
  return bench;
}

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.node.stop();
});

describe('EnrolmentPublisher', () => {
  it('accepts, publishes sealed to the leader, and ends with the grants in the log', async () => {
    const bench = await startBench();
    const view = await bench.node.publisher.enrol([agent('a'), agent('b', '3')]);
    expect(view).toMatchObject({ state: 'accepted', agents: [{ model: 'a' }, { gpuId: '3' }] });
    await bench.clock.advance(0);
    const [request] = await bench.claims();
    expect(request).toMatchObject({ recipient: 'age11', gpuInfo: ['RTX of a', 'RTX of b'] });
    expect(view.id).toBe(claimId(crypto.sha256, request!.claim));
    const waiting = bench.node.publisher.wait(view.id, 10_000);
    expect(bench.grant(request!.claim).ok).toBe(true);
    expect(await waiting).toEqual({
      id: view.id,
      state: 'committed',
      index: 101,
      agents: [
        { model: 'a', gpuId: '0', token: '4001Y' },
        { model: 'b', gpuId: '3', token: expect.stringMatching(/^[0-9A-Z]{5}$/) },
      ],
    });
    await bench.clock.advance(60_000);
    expect(bench.gossip.sent).toHaveLength(1);
    expect(await bench.store.entries('pending').next()).toMatchObject({ done: true });
  });

  it('answers at the time-out with the state reached, and unknown ids typed', async () => {
    const bench = await startBench();
    const { id } = await bench.node.publisher.enrol([agent('a')]);
    const waiting = bench.node.publisher.wait(id, 5_000);
    await bench.clock.advance(5_000);
    expect(await waiting).toMatchObject({ state: 'accepted' });
    await expect(bench.node.publisher.wait('nothing', 1)).rejects.toMatchObject({
      code: 'ERR_API_NOT_FOUND',
    });
  });

  it('waits for a leader, then for a change of leader, and seals anew to each', async () => {
    const bench = await startBench(() => undefined);
    await bench.node.publisher.enrol([agent('a')]);
    await bench.clock.advance(10_000);
    expect(bench.gossip.sent).toHaveLength(0);
    bench.lead(1);
    await bench.clock.advance(0);
    bench.lead(2);
    await bench.clock.advance(0);
    const requests = await bench.claims();
    expect(requests.map(({ recipient }) => recipient)).toEqual(['age11', 'age12']);
    expect(requests[1]!.claim).toEqual(requests[0]!.claim);
  });

  it('sends again with growing waits, at once when a peer comes', async () => {
    const bench = await startBench();
    await bench.node.publisher.enrol([agent('a')]);
    const sentAt = async (ms: number): Promise<number> => {
      await bench.clock.advance(ms);
      return bench.gossip.sent.length;
    };
    expect(await sentAt(0)).toBe(1);
    expect(await sentAt(999)).toBe(1);
    expect(await sentAt(1)).toBe(2);
    expect(await sentAt(1_999)).toBe(2);
    expect(await sentAt(1)).toBe(3);
    bench.node.onPeer();
    expect(await sentAt(0)).toBe(4);
    const before = await sentAt(600_000);
    expect(await sentAt(60_000)).toBeLessThanOrEqual(before + 3);
  });

  it('signs an old claim anew under the same number, so that it is decided once', async () => {
    const bench = await startBench();
    const { id } = await bench.node.publisher.enrol([agent('a')]);
    await bench.clock.advance(90_000);
    const claims = await bench.claims();
    const [first, last] = [claims[0]!.claim, claims.at(-1)!.claim];
    expect(last).not.toEqual(first);
    expect(bench.grant(last).ok).toBe(true);
    expect(bench.grant(first)).toMatchObject({ code: 'ERR_ENROLMENT_REPLAY' });
    expect(await bench.node.publisher.wait(id, 0)).toMatchObject({ state: 'committed' });
  });

  it('keeps an accepted request over kill -9, with the same number', async () => {
    const bench = await startBench(() => undefined);
    const { id } = await bench.node.publisher.enrol([agent('a'), agent('b')]);
    await bench.kill();
    expect(bench.node.publisher.pendingCount).toBe(1);
    bench.lead(1);
    await bench.clock.advance(0);
    const [request] = await bench.claims();
    expect(claimId(crypto.sha256, request!.claim)).toBe(id);
    expect(bench.grant(request!.claim).ok).toBe(true);
    expect(await bench.node.publisher.wait(id, 0)).toMatchObject({ state: 'committed' });
  });

  it('settles by the state what was decided while it was dead', async () => {
    const bench = await startBench();
    const { id } = await bench.node.publisher.enrol([agent('a')]);
    await bench.clock.advance(0);
    const [request] = await bench.claims();
    bench.world.grant(request!.claim);
    await bench.kill();
    await bench.clock.advance(0);
    expect(bench.gossip.sent).toHaveLength(0);
    expect(await bench.node.publisher.wait(id, 0)).toMatchObject({ state: 'committed' });
    expect(await bench.store.entries('pending').next()).toMatchObject({ done: true });
  });

  it('sends lists one after the other, in the order of their numbers', async () => {
    const bench = await startBench();
    const models = ['a', 'b', 'c'];
    await Promise.all(models.map((model) => bench.node.publisher.enrol([agent(model)])));
    for (const [at, model] of models.entries()) {
      await bench.clock.advance(0);
      const claims = await bench.claims();
      expect(claims).toHaveLength(at + 1);
      expect(claims[at]!.gpuInfo).toEqual([`RTX of ${model}`]);
      expect(bench.grant(claims[at]!.claim).ok).toBe(true);
    }
    expect(bench.node.publisher.pendingCount).toBe(0);
  });

  it('asks for nothing that is granted or asked for already', async () => {
    const bench = await startBench();
    const first = await bench.node.publisher.enrol([agent('a'), agent('b')]);
    const again = await bench.node.publisher.enrol([agent('b')]);
    expect(again.id).toBe(first.id);
    await bench.clock.advance(0);
    bench.grant((await bench.claims())[0]!.claim);
    const known = await bench.node.publisher.enrol([agent('b'), agent('a')]);
    expect(known).toMatchObject({ state: 'committed', agents: [{ model: 'b' }, { model: 'a' }] });
    expect(known.agents.every(({ token }) => token !== undefined)).toBe(true);
    await bench.clock.advance(60_000);
    expect(bench.gossip.sent).toHaveLength(1);
  });

  it('revives a retired agent when asked to, and leaves it alone at a start', async () => {
    const bench = await startBench();
    await bench.node.publisher.enrol([agent('a')]);
    await bench.clock.advance(0);
    bench.grant((await bench.claims())[0]!.claim);
    bench.world.retire('4001Y', alice.peer);
    const found = await bench.node.publisher.enrol([agent('a')], { revive: false });
    expect(found).toMatchObject({ state: 'committed', agents: [{ model: 'a', gpuId: '0' }] });
    expect(found.agents[0]).not.toHaveProperty('token');
    const asked = await bench.node.publisher.enrol([agent('a')]);
    await bench.clock.advance(0);
    bench.grant((await bench.claims())[1]!.claim);
    expect(await bench.node.publisher.wait(asked.id, 0)).toMatchObject({
      agents: [{ token: '4001Y' }],
    });
  });

  it('splits a list that is too large for one request', async () => {
    const bench = await startBench();
    const long = Array.from({ length: 256 }, (_, n) => ({
      ...agent(`${'m'.repeat(200)}-${n}`),
      gpuInfo: 'x'.repeat(255),
    }));
    const { id } = await bench.node.publisher.enrol(long);
    const parts = bench.node.publisher.pendingCount;
    expect(parts).toBeGreaterThan(2);
    for (let part = 0; part < parts; part += 1) {
      await bench.clock.advance(0);
      const claims = await bench.claims();
      expect(claims).toHaveLength(part + 1);
      expect(bench.gossip.sent[part]!.length).toBeLessThan(60 * 1024);
      expect(bench.grant(claims[part]!.claim).ok).toBe(true);
    }
    const view = await bench.node.publisher.wait(id, 0);
    expect(view.state).toBe('committed');
    expect(new Set(view.agents.map(({ token }) => token)).size).toBe(256);
  });

  it.each([
    ['ERR_AGENT_ID_TUPLE', [agent('a|b')]],
    ['ERR_ENROLMENT_MALFORMED', []],
    ['ERR_ENROLMENT_TOO_LARGE', Array.from({ length: 257 }, (_, n) => agent(`m${n}`))],
    ['ERR_ENROLMENT_TOO_LARGE', [{ ...agent('a'), gpuInfo: 'ü'.repeat(128) }]],
    ['ERR_ENROLMENT_MIXED_HOSTS', [agent('a'), { ...agent('b'), hostname: 'elsewhere' }]],
  ])('refuses at once with %s', async (code, agents) => {
    const bench = await startBench();
    await expect(bench.node.publisher.enrol(agents)).rejects.toMatchObject({ code });
    expect(bench.node.publisher.pendingCount).toBe(0);
  });

  it('keeps at most 1,000 requests', async () => {
    const bench = await startBench(() => undefined);
    for (let n = 0; n < 1_000; n += 1) await bench.node.publisher.enrol([agent(`m${n}`)]);
    await expect(bench.node.publisher.enrol([agent('more')])).rejects.toMatchObject({
      code: 'ERR_SLURP_OUTBOX_FULL',
    });
    expect(bench.node.publisher.pendingCount).toBe(1_000);
  });

  it('accepts nothing that did not reach the disk', async () => {
    const bench = await startBench();
    await bench.store.close();
    await expect(bench.node.publisher.enrol([agent('a')])).rejects.toMatchObject({
      code: 'ERR_STORAGE_NOT_OPEN',
    });
    expect(bench.node.publisher.pendingCount).toBe(0);
    await bench.store.open();
  });
});

describe('refusals', () => {
  it('ends with what the log refused', async () => {
    const bench = await startBench();
    bench.world.write((state) => state.put('host', 'alpha-node|aabbccddee01', bob.peer));
    const { id } = await bench.node.publisher.enrol([agent('a')]);
    await bench.clock.advance(0);
    const waiting = bench.node.publisher.wait(id, 1_000);
    bench.grant((await bench.claims())[0]!.claim);
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_ENROLMENT_HOST_BOUND' });
    expect(bench.node.publisher.pendingCount).toBe(0);
    await bench.clock.advance(60_000);
    expect(bench.gossip.sent).toHaveLength(1);
  });

  it('ends with what the leader refused for good, and believes nobody else', async () => {
    const bench = await startBench();
    const { id } = await bench.node.publisher.enrol([agent('a')]);
    await bench.clock.advance(0);
    const { claim } = (await bench.claims())[0]!;
    bench.answer(claim, 'ERR_ENROLMENT_MALFORMED', alice.peer);
    bench.answer(new Uint8Array(3), 'ERR_ENROLMENT_MALFORMED');
    expect(bench.node.publisher.pendingCount).toBe(1);
    bench.answer(claim, 'ERR_ENROLMENT_MALFORMED');
    await expect(bench.node.publisher.wait(id, 0)).rejects.toMatchObject({
      code: 'ERR_ENROLMENT_MALFORMED',
    });
  });

  it('goes on after an answer that speaks of the moment, and says what it waits for', async () => {
    const bench = await startBench();
    const { id } = await bench.node.publisher.enrol([agent('a')]);
    await bench.clock.advance(0);
    const { claim } = (await bench.claims())[0]!;
    bench.answer(claim, 'ERR_ENROLMENT_CIPHERTEXT');
    expect(await bench.node.publisher.wait(id, 0)).toMatchObject({
      state: 'accepted',
      waitsFor: 'ERR_ENROLMENT_CIPHERTEXT',
    });
    // Decided elsewhere, so the leader says; here the log is not that far.
    bench.answer(claim, 'ERR_ENROLMENT_REPLAY');
    expect(bench.node.publisher.pendingCount).toBe(1);
    expect(bench.grant(claim).ok).toBe(true);
    expect(await bench.node.publisher.wait(id, 0)).toMatchObject({ state: 'committed' });
  });

  it('rejects malformed messages on the topic and ignores newer ones', async () => {
    const bench = await startBench();
    expect(bench.gossip.receive(bob.peer, new Uint8Array([1]))).toBe('reject');
    expect(bench.gossip.receive(bob.peer, new Uint8Array(70_000))).toBe('reject');
    const code = { code: 'ERR_WIRE_MALFORMED' };
    expect(bench.metrics.read('cooee_enrolment_messages_refused_total', code)).toBe(1);
  });
});

describe('a leader that enrols its own agents', () => {
  it('takes the sealed path without the network', async () => {
    const bench = await startBench((it) => void it.world.lead(alice));
    const { id } = await bench.node.publisher.enrol([agent('a')]);
    const waiting = bench.node.publisher.wait(id, 1_000);
    await bench.clock.advance(0);
    expect(await waiting).toMatchObject({ state: 'committed', agents: [{ token: '4001Y' }] });
    expect(bench.gossip.sent).toHaveLength(0);
    const { hash } = bench.world.state.get('agent', '4001Y')!;
    expect(await bench.node.intake.gpuInfo(hash)).toBe('RTX of a');
  });
});

describe('on the wire', () => {
  it('shows neither model, host, MAC, GPU nor hash to who relays', async () => {
    const identity = await generateHybridIdentity();
    const recipient = await identityToRecipient(identity);
    const sealer = createSealer({ identities: [], clock: systemClock, logger: silentLogger });
    await sealer.start();
    const bench = await startBench((it) => {
      it.sealer = sealer;
      const leader = { ...it.world.lead(bob), recipient };
      it.world.write((state) => state.put('mesh', 'leader', leader));
    });
    await bench.node.publisher.enrol([agent('llama3-70b')]);
    await expect.poll(() => bench.gossip.sent.length).toBe(1);
    await sealer.stop();
    const body = Buffer.from(bench.gossip.sent[0]!);
    const { hash } = { hash: '9a795cd2ec088c75c010e251827e762c6ff3865d36c66dd9581d8e47a9b4951e' };
    for (const secret of ['llama3', 'alpha-node', 'aabbccddee01', 'RTX of', alice.peer, hash]) {
      expect(body.includes(secret), secret).toBe(false);
    }
    expect(body.includes(Buffer.from(hash, 'hex'))).toBe(false);
    const message = decodeMessage(body);
    if (message.kind !== 'request') throw new Error('no request');
    expect(message.address).toBe('ucxl://any:admin@COOEE:enrol/#/agentid/4TF5ED5V08');
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    expect(decodePlaintext(await decrypter.decrypt(message.sealed)).gpuInfo).toEqual([
      'RTX of llama3-70b',
    ]);
  });
});
