import { generateKeyPair } from '@libp2p/crypto/keys';
import { multiaddr } from '@multiformats/multiaddr';
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto, nodeSigner } from '../../daemon/system/crypto.ts';
import { tinyHashOf } from '../../protocols/agent-id/index.ts';
import {
  type ClaimedAgent,
  countStanzas,
  decodeMessage,
  type EnrolAnswer,
  type EnrolRequest,
  encodeAnswer,
  encodeClaim,
  encodePlaintext,
  encodeRequest,
  enrolAddress,
} from '../../protocols/enrolment/index.ts';
import {
  type ErrorCode,
  isCooeeError,
  LIMITS,
  type Signer,
} from '../../protocols/interface/index.ts';
import { encodeSigned, topicName } from '../../protocols/wire/index.ts';
import { startGossiper } from './gossiper.ts';
import { type TestHost, TestMesh, until } from './harness.ts';
import { type InnerNode, startInnerNode } from './inner-node.ts';
import { claimed, SECRET, secretsIn } from './secrets.ts';

// Goal: an enrolment is opaque to everybody but the leader until it is granted, also to the node
// that carries it; and nothing that a hostile member puts on the topic gets it, or takes another, a
// token.

const REFUSALS = 'cooee_enrolment_refusals_total';
const DROPPED = 'cooee_wire_gossip_dropped_total';

const mesh = new TestMesh();
let leader: TestHost;
let leaderPeer = '';
let meshId = '';
let relay: InnerNode;
let publisher: InnerNode;
let hostile: InnerNode;
const answers: EnrolAnswer[] = [];

beforeAll(async () => {
  const [first, ...others] = ['lead', 'relay', 'quiet', 'hostile'].map((name) => mesh.host(name));
  leader = first as TestHost;
  await leader.up();
  await leader.votesAlone();
  for (const host of others) {
    await host.up('--join', await leader.invite());
    await host.end();
  }
  const { node, mesh: of } = await leader.client.call('getStatus', {});
  [leaderPeer, meshId] = [node.peer, of.id];
  const [relayHost, quietHost, hostileHost] = others as [TestHost, TestHost, TestHost];
  relay = await startInnerNode(relayHost);
  publisher = await startInnerNode(quietHost, { only: [relay.signer.peer] });
  hostile = await startInnerNode(hostileHost);
  // It looks at the answers itself.
  hostile.node.parts.gossip.handle('enrol', ({ origin, body }) => {
    const message = decodeMessage(body);
    if (message.kind === 'answer' && origin === leaderPeer) answers.push(message);
    return 'accept';
  });
  for (const inner of [relay, hostile]) {
    await until('the leader is connected', () => inner.node.parts.view.isConnected(leaderPeer));
  }
  await until('the way over the relay is there', () =>
    publisher.node.parts.view.isConnected(relay.signer.peer),
  );
  for (const inner of [relay, publisher, hostile]) {
    await until('the log is there', () => {
      const { state, meshLog } = inner.node.parts;
      const applied = relay.node.parts.meshLog.appliedIndex;
      return state.get('mesh', 'leader') !== undefined && meshLog.appliedIndex >= applied;
    });
  }
});

afterAll(async () => {
  leader?.signal('SIGCONT');
  for (const inner of [publisher, hostile, relay]) await inner?.stop();
  await mesh.close();
});

/** Requests of a node that the relay has carried, with the raw message around each. */
function carried(origin: string) {
  const { gossip } = relay.node.parts;
  return relay.overheard
    .filter(({ topic }) => topic === topicName(meshId, 'enrol'))
    .flatMap(({ bytes }) => {
      try {
        const message = gossip.open(bytes);
        const decoded = decodeMessage(message.body);
        if (message.origin !== origin || decoded.kind !== 'request') return [];
        const { address, id, sealed } = decoded;
        return [{ bytes, request: { address, id, sealed } satisfies EnrolRequest }];
      } catch {
        // What the hostile tests sent.
        return [];
      }
    });
}

async function agentOf(inner: InnerNode, token: string) {
  return await until('the agent is known', () => inner.node.parts.state.get('agent', token));
}

describe('a relaying node', () => {
  it('carries, logs and stores nothing that it could read until the grant', async () => {
    leader.signal('SIGSTOP');
    const accepted = await publisher.node.parts.enrolment.publisher.enrol([
      {
        ...{ model: SECRET.model, hostname: SECRET.hostname, mac: SECRET.mac, gpu_id: 0 },
        gpuInfo: SECRET.gpu,
      },
    ]);
    expect(accepted.state).toBe('accepted');
    const [first] = await until('the relay has it', () => {
      const found = carried(publisher.signer.peer);
      return found.length > 0 && found;
    });
    expect(countStanzas(first!.request.sealed)).toBe(1);
    await expect(relay.sealer.open(first!.request.sealed)).rejects.toSatisfy((error) =>
      isCooeeError(error, 'ERR_ENROLMENT_CIPHERTEXT'),
    );
    for (const { bytes } of relay.overheard) expect(secretsIn(bytes)).toEqual([]);
    expect(secretsIn(relay.log())).toEqual([]);
    expect(secretsIn(relay.disk())).toEqual([]);
    // The publisher itself has it on its disk: the search finds what is there.
    expect(secretsIn(publisher.disk())).toContain(SECRET.model);

    leader.signal('SIGCONT');
    const { agents } = await publisher.node.parts.enrolment.publisher.wait(accepted.id, 20_000);
    const token = agents[0]?.token ?? '';
    expect(await agentOf(relay, token)).toMatchObject({ model: SECRET.model, mac: SECRET.mac });
    // Now every member sees the tuple, in the log; what the GPU is stays with the leader.
    expect(secretsIn(relay.disk())).toEqual(
      ['hash', SECRET.mac, SECRET.hostname, SECRET.model].sort(),
    );
    expect(secretsIn(relay.log())).toEqual([]);
    for (const { topic, bytes } of relay.overheard) {
      // An agent's announcement names its model.
      const isOpen = topic === topicName(meshId, 'capability');
      expect(secretsIn(bytes).filter((it) => !isOpen || it !== SECRET.model)).toEqual([]);
    }
    expect([...publisher.met]).toEqual([relay.signer.peer]);
  });
});

describe('a hostile member', () => {
  let seq = 1_000;
  let recipient = '';

  beforeAll(() => {
    recipient = hostile.node.parts.view.leaderRecord()?.recipient ?? '';
  });

  interface ClaimParts {
    readonly signer?: Signer;
    readonly mesh?: string;
    readonly timeMs?: number;
    readonly agents?: ClaimedAgent[];
  }

  function makeClaim({ signer = hostile.signer, ...parts }: ClaimParts = {}): Uint8Array {
    seq += 1;
    const { boot } = hostile.node.init.boot;
    const agents = [claimed()];
    return encodeClaim(signer, { mesh: meshId, boot, seq, timeMs: Date.now(), agents, ...parts });
  }

  async function request(
    claim: Uint8Array,
    more: { readonly id?: Uint8Array; readonly sealed?: Uint8Array } = {},
  ): Promise<EnrolRequest> {
    const plaintext = encodePlaintext({ claim, gpuInfo: [''] });
    return {
      address: enrolAddress(tinyHashOf('00'.repeat(32))),
      id: more.id ?? nodeCrypto.sha256(claim),
      sealed: more.sealed ?? (await hostile.sealer.seal(recipient, plaintext)),
    };
  }

  const refusals = (code: string): Promise<number> => leader.counter(REFUSALS, `"${code}"`);

  /** Sends it, and waits until it is counted, logged and answered with that code. */
  async function expectRefusal(sent: EnrolRequest, code: ErrorCode, reason?: string) {
    const before = await refusals(code);
    const mark = leader.stderr.length;
    hostile.node.parts.gossip.publish('enrol', encodeRequest(sent));
    await until(`${code} is counted`, async () => (await refusals(code)) === before + 1);
    const line = await until(`${code} is logged`, () =>
      leader.stderr
        .slice(mark)
        .split('\n')
        .find((it) => it.includes('an enrolment was refused')),
    );
    expect(JSON.parse(line)).toMatchObject({
      ...{ level: 40, origin: hostile.signer.peer, code, reason: reason ?? null },
    });
    const answer = await until(`${code} is answered`, () =>
      answers.find(({ id }) => Buffer.from(id).equals(sent.id)),
    );
    expect(answer).toMatchObject({ to: hostile.signer.peer, code });
    answers.length = 0;
  }

  it('is refused whatever it seals, each time counted, logged and answered', async () => {
    const agents = relay.node.parts.state.size('agent');
    const stranger = nodeSigner(await generateKeyPair('Ed25519'));
    const forged = { peer: hostile.signer.peer, sign: stranger.sign };
    const own = await identityToRecipient(await generateX25519Identity());
    const twice = new Encrypter();
    twice.addRecipient(recipient);
    twice.addRecipient(recipient);
    const good = makeClaim();
    const plaintext = encodePlaintext({ claim: good, gpuInfo: [''] });
    const sealed = {
      garbage: new Uint8Array(500).fill(7),
      elsewhere: await hostile.sealer.seal(own, plaintext),
      twice: await twice.encrypt(plaintext),
      large: await hostile.sealer.seal(recipient, new Uint8Array(LIMITS.enrolmentBytesMax + 1)),
      huge: new Uint8Array(LIMITS.enrolmentSealedBytesMax + 1),
    };
    const wrong = { ...claimed(), hash: new Uint8Array(32) };
    const hosts = [claimed(), claimed({ hostname: 'b' })];
    const cases: [EnrolRequest, ErrorCode, string?][] = [
      [await request(makeClaim({ signer: forged })), 'ERR_SLURP_SIGNATURE'],
      [await request(makeClaim({ signer: publisher.signer })), 'ERR_ENROLMENT_ORIGIN'],
      [await request(makeClaim({ signer: stranger })), 'ERR_ENROLMENT_ORIGIN'],
      [
        await request(makeClaim({ agents: [claimed({ model: 'LLaMA' })] })),
        ...(['ERR_ENROLMENT_MALFORMED', 'tuple'] as const),
      ],
      [await request(makeClaim({ agents: [wrong] })), 'ERR_ENROLMENT_MALFORMED', 'hash'],
      [await request(makeClaim({ agents: hosts })), 'ERR_ENROLMENT_MIXED_HOSTS'],
      [await request(makeClaim({ mesh: `bafyrei${'a'.repeat(52)}` })), 'ERR_ENROLMENT_MESH'],
      [
        await request(makeClaim({ timeMs: Date.now() - LIMITS.timeWindowMs - 60_000 })),
        'ERR_ENROLMENT_TIME',
      ],
      [
        await request(good, { id: nodeCrypto.sha256(makeClaim()) }),
        ...(['ERR_ENROLMENT_MALFORMED', 'id'] as const),
      ],
      [await request(good, { sealed: sealed.garbage }), 'ERR_ENROLMENT_CIPHERTEXT'],
      [await request(good, { sealed: sealed.elsewhere }), 'ERR_ENROLMENT_CIPHERTEXT'],
      [await request(good, { sealed: sealed.twice }), 'ERR_ENROLMENT_RECIPIENTS'],
      [await request(makeClaim(), { sealed: sealed.large }), 'ERR_ENROLMENT_TOO_LARGE'],
      [await request(makeClaim(), { sealed: sealed.huge }), 'ERR_ENROLMENT_TOO_LARGE'],
    ];
    for (const [sent, code, reason] of cases) await expectRefusal(sent, code, reason);
    expect(relay.node.parts.state.size('agent')).toBe(agents);
  });

  it('cannot take the hostname and MAC of another', async () => {
    const before = await refusals('ERR_ENROLMENT_HOST_BOUND');
    const { publisher: own } = hostile.node.parts.enrolment;
    const { id } = await own.enrol([
      { model: 'mine', hostname: SECRET.hostname, mac: SECRET.mac, gpu_id: 0 },
    ]);
    await expect(own.wait(id, 10_000)).rejects.toSatisfy((error) =>
      isCooeeError(error, 'ERR_ENROLMENT_HOST_BOUND'),
    );
    expect(await refusals('ERR_ENROLMENT_HOST_BOUND')).toBe(before + 1);
  });

  it('cannot spoil the enrolment of another: not by a copy, not by a lie', async () => {
    leader.signal('SIGSTOP');
    const seen = carried(publisher.signer.peer).length;
    const { publisher: victim } = publisher.node.parts.enrolment;
    const { id } = await victim.enrol([
      { model: 'wanted', hostname: SECRET.hostname, mac: SECRET.mac, gpu_id: 1 },
    ]);
    const copy = await until('it is on the way', () => carried(publisher.signer.peer)[seen]);
    const { gossip } = hostile.node.parts;
    gossip.publish('enrol', encodeRequest(copy.request));
    const lie = { to: publisher.signer.peer, id: copy.request.id, code: 'ERR_ENROLMENT_FULL' };
    gossip.publish('enrol', encodeAnswer(lie));
    await until('the lie came through', () =>
      publisher.overheard.some(({ bytes }) => Buffer.from(bytes).includes(lie.code)),
    );
    leader.signal('SIGCONT');
    const { agents } = await victim.wait(id, 20_000);
    const token = agents[0]?.token ?? '';
    expect(await agentOf(hostile, token)).toMatchObject({ peer: publisher.signer.peer });
  });

  it('cannot replay a request, nor bring a retired agent back with it', async () => {
    // Through the gates of the honest publisher, and then again by hand.
    const { enrolment, writer, gossip } = hostile.node.parts;
    const agent = { model: 'old', hostname: 'hostile-host', mac: '0badc0de0001', gpu_id: 0 };
    const { id } = await enrolment.publisher.enrol([agent]);
    const { agents } = await enrolment.publisher.wait(id, 10_000);
    const token = agents[0]?.token ?? '';
    const captured = await until('it was carried', () => carried(hostile.signer.peer).at(-1));
    await writer.write('agent.retire', { token }, { timeoutMs: 5_000 });

    const dropped = () => leader.counter(DROPPED, 'reason="replay"');
    const before = await dropped();
    await relay.send('enrol', captured.bytes);
    await until('the raw replay is counted', async () => (await dropped()) > before);

    answers.length = 0;
    await expectRefusal(captured.request, 'ERR_ENROLMENT_REPLAY');
    await leader.end('SIGKILL');
    await leader.up();
    for (const inner of [relay, hostile]) {
      await until('connected again', () => inner.node.parts.view.isConnected(leaderPeer));
    }
    // The leader remembers nothing of it but what the log says.
    const mark = leader.stderr.length;
    await until('the replay is refused again', async () => {
      gossip.publish('enrol', encodeRequest(captured.request), 'replay');
      return (await refusals('ERR_ENROLMENT_REPLAY')) > 0;
    });
    expect(leader.stderr.slice(mark)).toContain('ERR_ENROLMENT_REPLAY');
    expect(await leader.json('resolve', token)).toMatchObject({ status: 'retired' });
  });

  it('is not heard with the name of another, nor for a stranger', async () => {
    const stranger = nodeSigner(await generateKeyPair('Ed25519'));
    const sent = await request(makeClaim());
    const envelope = (origin: string, signer: Pick<Signer, 'sign'>): Uint8Array => {
      const head = { v: 1, mesh: meshId, topic: 'enrol', origin, boot: 1_000, seq: 1 };
      const body = encodeRequest(sent);
      return encodeSigned(signer, 'gossip', { ...head, timeMs: Date.now(), body });
    };
    const counts = async (reason: string): Promise<number> =>
      await leader.counter(DROPPED, `reason="${reason}",topic="enrol"`);
    const cases: [string, Uint8Array][] = [
      ['origin', envelope(stranger.peer, stranger)],
      ['signature', envelope(publisher.signer.peer, hostile.signer)],
      ['malformed', new Uint8Array([0xa1, 0x61])],
    ];
    for (const [reason, bytes] of cases) {
      const before = await counts(reason);
      await hostile.send('enrol', bytes);
      await until(`${reason} is counted`, async () => (await counts(reason)) > before);
    }
  });

  it('that sends what no honest node would is not read any more; the others are', async () => {
    const metric = 'cooee_enrolment_messages_refused_total';
    const before = await leader.counter(metric);
    const { gossip, network } = hostile.node.parts;
    await until('it is counted', async () => {
      gossip.publish('enrol', new Uint8Array([0xa1, 0x61, 0x76, 0x01]), 'nonsense');
      return (await leader.counter(metric, 'ERR_WIRE_MALFORMED')) > before;
    });
    expect(network.isConnected(leaderPeer)).toBe(true);
    const { publisher: honest } = publisher.node.parts.enrolment;
    const { id } = await honest.enrol([
      { model: 'served', hostname: SECRET.hostname, mac: SECRET.mac, gpu_id: 2 },
    ]);
    expect(await honest.wait(id, 20_000)).toMatchObject({ state: 'committed' });
  });

  it('that is removed is heard neither by itself nor through another', async () => {
    const { gossip, view } = hostile.node.parts;
    const own = gossip.sign('enrol', encodeRequest(await request(makeClaim()))).original;
    expect((await leader.cli('members', 'remove', hostile.signer.peer)).code).toBe(0);
    await until('nobody talks to it', () => view.connected().length === 0);
    const dropped = () => leader.counter(DROPPED, 'reason="origin",topic="enrol"');
    const before = await dropped();
    await relay.send('enrol', own);
    await until('it is counted', async () => (await dropped()) > before);
  });
});

describe('a stranger', () => {
  it('is turned away at the door with all that it publishes', async () => {
    const node = await startGossiper();
    const requests = await leader.counter('cooee_enrolment_requests_total');
    const refused = () =>
      leader.counter('cooee_membership_refusals_total', 'reason="stream-not-member"');
    const before = await refused();
    const heard: string[] = [];
    try {
      const topic = topicName(meshId, 'enrol');
      node.services.pubsub.subscribe(topic);
      node.services.pubsub.addEventListener('message', ({ detail }) => heard.push(detail.topic));
      const address = multiaddr(`/ip4/127.0.0.1/tcp/${leader.port}/p2p/${leaderPeer}`);
      const connection = await node.dial(address);
      await node.services.pubsub.publish(topic, new Uint8Array(100));
      await connection.newStream('/meshsub/1.1.0').catch(() => undefined);
      await until('it is counted', async () => (await refused()) > before);
      expect(node.services.pubsub.getSubscribers(topic)).toEqual([]);
    } finally {
      await node.stop();
    }
    expect(heard).toEqual([]);
    expect(await leader.counter('cooee_enrolment_requests_total')).toBe(requests);
    expect((await leader.client.call('getStatus', {})).health.ok).toBe(true);
  });
});
