import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { LIMITS, type Signer } from '../../protocols/interface/index.ts';
import { encodeSigned, topicName } from '../../protocols/wire/index.ts';
import { until } from '../mesh/harness.ts';
import { Stopwatch } from '../mesh/stopwatch.ts';
import { encodeHead } from '../unit/slurp/heads/sign-head.ts';
import {
  alpha,
  alphaPeer,
  beta,
  expectAtWork,
  indices,
  inTheNameOf,
  member,
  meshId,
  useAttackedMesh,
} from './attacked-mesh.ts';
import type { Rogue } from './rogue.ts';

// Goal: a member that means no good on gossip is ignored or rejected, is counted, and the others go
// on. Method: real daemons, and an admitted peer that is plain libp2p and says what it likes.

const DROPPED = 'cooee_wire_gossip_dropped_total';

useAttackedMesh();

describe('a member on gossip', () => {
  const publish = async (
    rogue: Rogue,
    topic: Parameters<typeof topicName>[1],
    data: Uint8Array,
  ) => {
    await rogue.node.services.pubsub.publish(topicName(meshId, topic), data);
  };

  let seq = 0;
  const envelope = (
    rogue: Rogue & { readonly signer: Signer },
    topic: string,
    change: Record<string, unknown> = {},
  ): Uint8Array =>
    encodeSigned(rogue.signer, 'gossip', {
      v: 1,
      mesh: meshId,
      topic,
      origin: rogue.peer,
      boot: 1,
      seq: ++seq,
      timeMs: Date.now(),
      body: randomBytes(16),
      ...change,
    });

  /** Waits until gossipsub has both daemons for listeners. */
  const heardBy = async (rogue: Rogue): Promise<void> => {
    const topic = topicName(meshId, 'slurp');
    await until(
      'both daemons listen to it',
      () => rogue.node.services.pubsub.getSubscribers(topic).length >= 2,
    );
  };

  /** Waits until a daemon's status names it, for that. */
  const named = async (rogue: Rogue, what: string): Promise<void> => {
    await until('the status names the culprit', async () => {
      const { health } = await alpha.client.call('getStatus', {});
      const condition = health.conditions.find(({ code }) => code === `flood-by-${rogue.peer}`);
      expect(condition?.text).toContain(what);
      expect(condition?.remedy).toContain(`members remove ${rogue.peer}`);
      return true;
    });
  };

  it('cannot show a head that the voters did not sign', async () => {
    const rogue = await member();
    await heardBy(rogue);
    const { commitIndex } = await indices(alpha);
    const before = await Promise.all([alpha, beta].map((host) => host.counter(DROPPED, 'slurp')));
    const forged = (signer: Signer, index: number): Uint8Array =>
      encodeHead(signer, {
        mesh: meshId,
        epoch: 0,
        term: 1_000,
        index,
        root: randomBytes(32),
        voters: [signer.peer],
        timeMs: Date.now(),
      });
    const heads = [
      forged(rogue.signer, commitIndex + 1_000),
      forged(rogue.signer, commitIndex),
      forged(inTheNameOf(alphaPeer, rogue.signer), commitIndex + 1_000),
      forged(inTheNameOf(alphaPeer, rogue.signer), Number.MAX_SAFE_INTEGER),
    ];
    for (const body of heads) await publish(rogue, 'slurp', envelope(rogue, 'slurp', { body }));
    for (const [i, host] of [alpha, beta].entries()) {
      await until(
        `${host.name} has counted them`,
        async () => (await host.counter(DROPPED, 'slurp')) >= before[i]! + heads.length,
      );
    }
    await expectAtWork();
    expect((await indices(beta)).appliedIndex).toBeLessThan(commitIndex + 1_000);
  });

  it('is dropped and counted for garbage, for the name of another and for a replay', async () => {
    const rogue = await member();
    await heardBy(rogue);
    const reason = async (name: string): Promise<number> =>
      await alpha.counter(DROPPED, `reason="${name}"`);
    const original = envelope(rogue, 'help');
    await publish(rogue, 'help', original);
    const cases: readonly (readonly [string, Uint8Array])[] = [
      ['replay', original],
      ['time', envelope(rogue, 'help', { timeMs: Date.now() - LIMITS.timeWindowMs - 5_000 })],
      ['topic', envelope(rogue, 'enrol')],
      ['mesh', envelope(rogue, 'help', { mesh: `bafyrei${'a'.repeat(52)}` })],
      ['version', envelope(rogue, 'help', { v: 2 })],
      ['own', envelope(rogue, 'help', { origin: alphaPeer })],
      // In the name of beta: as new as anything can be.
      ['signature', envelope(rogue, 'help', { origin: await beta.peer(), boot: 1_000_000 })],
      ['malformed', randomBytes(200)],
    ];
    for (const [name, data] of cases) {
      const before = await reason(name);
      await publish(rogue, 'help', data);
      await until(`counted as ${name}`, async () => (await reason(name)) > before);
    }
    await expectAtWork();
  });

  it('cannot drown the others: a flood is dropped, a write takes no longer', async () => {
    const rogue = await member();
    await heardBy(rogue);
    const before = await alpha.counter(DROPPED);
    const watch = new Stopwatch();
    const startMs = performance.now();
    const slow: number[] = [];
    let sent = 0;
    let dropped = 0;
    // On for longer where that is not enough of anything, but not for ever.
    const isOn = (): boolean => {
      const tookMs = performance.now() - startMs;
      const isEnough = sent > 500 && slow.length > 3 && dropped > 50;
      return tookMs < 4_000 || (tookMs < 30_000 && !isEnough);
    };
    const flood = async (): Promise<void> => {
      while (isOn()) {
        const burst = Array.from({ length: 25 }, () =>
          publish(rogue, 'capability', envelope(rogue, 'capability')),
        );
        await Promise.allSettled(burst);
        sent += burst.length;
        await new Promise((wake) => setImmediate(wake));
      }
    };
    const others = async (): Promise<void> => {
      while (isOn()) {
        slow.push(await expectAtWork());
        dropped = (await alpha.counter(DROPPED)) - before;
      }
    };
    await Promise.all([flood(), others()]);
    expect(sent).toBeGreaterThan(500);
    expect(dropped).toBeGreaterThan(50);
    expect(slow.length).toBeGreaterThan(3);
    await watch.expectTook(Math.max(...slow), 2_000, 'a write beside a flood');
    await named(rogue, 'gossip');
  });

  it('is named for junk of 64 KiB on every topic, and nobody forwards it', async () => {
    const rogue = await member();
    await heardBy(rogue);
    const before = await Promise.all([alpha, beta].map((host) => host.counter(DROPPED)));
    const junk = randomBytes(LIMITS.gossipMessageBytesMax);
    const topics = ['capability', 'submission', 'help', 'enrol', 'slurp'] as const;
    for (let round = 0; round < 10; round += 1) {
      for (const topic of topics) {
        junk[0] = round;
        await publish(rogue, topic, junk);
      }
      await expectAtWork();
    }
    await named(rogue, 'junk');
    const after = await Promise.all([alpha, beta].map((host) => host.counter(DROPPED)));
    // At most what came from its maker: each node took in no more than was made.
    for (const [i, count] of after.entries()) {
      expect(count - before[i]!).toBeLessThanOrEqual(10 * topics.length);
    }
  });
});
