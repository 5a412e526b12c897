import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Signer } from '../../protocols/interface/index.ts';
import { encodeSigned, topicName } from '../../protocols/wire/index.ts';
import { Rogue } from '../../test/hostile/rogue.ts';
import { type TestHost, TestMesh, until } from '../../test/mesh/harness.ts';
import type { Figure } from '../lib/figure.ts';
import { WriterProcess } from '../slurp/writer-process.ts';

const TOPICS = ['capability', 'submission', 'help', 'enrol', 'slurp'] as const;

/**
 * Writes of the others, before and while a member publishes as much as it can, first notices that
 * are well signed, then junk of 64 KiB on every topic. The member is a process of this bench's, so
 * its own work is on the same cores.
 */
export async function benchFloods(isShort: boolean): Promise<readonly Figure[]> {
  const mesh = new TestMesh();
  const writer = new WriterProcess();
  let rogue: Rogue | undefined;
  try {
    const [alpha, beta] = await mesh.start('alpha', 'beta');
    if (alpha === undefined || beta === undefined) throw new Error('no hosts');
    await alpha.votesAlone();
    const meshId = (await alpha.client.call('getStatus')).mesh.id;
    rogue = await Rogue.create({ mesh: meshId });
    await rogue.becomeMember(alpha);
    await heardByBoth(rogue, beta);
    const durationMs = isShort ? 1_000 : 6_000;
    const targets = [{ api: 'ours' as const, socketPath: join(beta.home, 'cooee.sock') }];
    const measure = () => writer.loop({ targets, connections: 1, warmUpMs: 500, durationMs });
    const before = await measure();
    const notices = new Flood(rogue, (topic, seq) => notice(rogue as Rogue, topic, seq));
    const beside = await measure();
    const sent = await notices.stop();
    const junk = new Flood(rogue, () => randomBytes(64 * 1024));
    const besideJunk = await measure();
    const junkSent = await junk.stop();
    const { health } = await beta.client.call('getStatus');
    const named = health.conditions.filter(({ code }) => code === `flood-by-${rogue?.peer}`);
    const perSecond = (count: number): string => `${Math.round(count / (durationMs / 1_000))}/s`;
    return [
      { name: 'a write of others, p50', value: before.p50Ms, unit: 'ms', note: 'at rest' },
      { name: 'a write of others, p99', value: before.p99Ms, unit: 'ms', note: 'at rest' },
      ...figures('beside notices', beside, `${perSecond(sent)} sent, failed ${beside.failed}`),
      ...figures('beside junk', besideJunk, `${perSecond(junkSent)} sent of 64 KiB`),
      { name: 'culprits named', value: named.length, unit: '', wanted: { atLeast: 1 } },
    ];
  } finally {
    await rogue?.stop();
    await writer.close();
    await mesh.close();
  }
}

/** Until gossipsub has both daemons for listeners. */
async function heardByBoth(rogue: Rogue, host: TestHost): Promise<void> {
  const { peer } = (await host.client.call('getStatus')).node;
  const topic = topicName(rogue.mesh, 'slurp');
  await until('both listen to it', async () => {
    if (!rogue.isConnected(peer)) await rogue.connect(host);
    return rogue.node.services.pubsub.getSubscribers(topic).length >= 2;
  });
}

function figures(
  when: string,
  { p50Ms, p99Ms }: { readonly p50Ms: number; readonly p99Ms: number },
  note: string,
): readonly Figure[] {
  return [
    { name: `${when}, p50`, value: p50Ms, unit: 'ms', note },
    { name: `${when}, p99`, value: p99Ms, unit: 'ms', note },
  ];
}

/** A member that publishes as fast as its process can. */
class Flood {
  readonly #rogue: Rogue;
  readonly #make: (topic: string, seq: number) => Uint8Array;
  readonly #running: Promise<number>;
  #isOver = false;

  constructor(rogue: Rogue, make: (topic: string, seq: number) => Uint8Array) {
    this.#rogue = rogue;
    this.#make = make;
    this.#running = this.#run();
  }

  /** How many messages were sent. */
  async stop(): Promise<number> {
    this.#isOver = true;
    return await this.#running;
  }

  async #run(): Promise<number> {
    const { node, mesh } = this.#rogue;
    let sent = 0;
    while (!this.#isOver) {
      const burst = Array.from({ length: 25 }, () => {
        sent += 1;
        const topic = TOPICS[sent % TOPICS.length] ?? 'help';
        return node.services.pubsub.publish(topicName(mesh, topic), this.#make(topic, sent));
      });
      await Promise.allSettled(burst);
      await new Promise((wake) => setImmediate(wake));
    }
    return sent;
  }
}

function notice({ signer, peer, mesh }: Rogue, topic: string, seq: number): Uint8Array {
  const envelope = {
    ...{ v: 1, mesh, topic, origin: peer, boot: 1, seq },
    timeMs: Date.now(),
    body: randomBytes(64),
  };
  return encodeSigned(signer as Signer, 'gossip', envelope);
}
