import { describe, expect, it } from 'vitest';
import { LIMITS, type TopicName } from '../../../protocols/interface/index.ts';
import { topicName } from '../../../protocols/wire/gossip.ts';
import { GossipBench, MESH } from './gossip-fixture.ts';

const body = (number: number): Uint8Array => Uint8Array.of(number);

describe('GossipService publishes', () => {
  it('on the topics of its mesh, all of which it subscribes and validates', async () => {
    const bench = await new GossipBench().start();
    const topics: TopicName[] = ['capability', 'submission', 'help', 'enrol', 'slurp'];
    const names = topics.map((topic) => topicName(MESH, topic));
    expect(bench.pubsub.subscribed).toEqual(names);
    expect([...bench.pubsub.validators.keys()]).toEqual(names);
    expect(names[0]).toBe(`/cooee/${MESH}/capability/1`);
  });

  it('the first at once and at most five a second', async () => {
    const bench = await new GossipBench().start();
    for (let i = 1; i <= 12; i++) bench.gossip.publish('capability', body(i));
    expect(bench.published().map(({ seq }) => seq)).toEqual([1]);
    await bench.clock.advance(3_000);
    const times = bench.published().map(({ timeMs }) => timeMs - 1000);
    expect(times).toEqual([0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000, 2200]);
    expect(bench.published().map(({ body: sent }) => sent[0])).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ]);
  });

  it('at once again after a pause, without a burst', async () => {
    const bench = await new GossipBench().start();
    bench.gossip.publish('capability', body(1));
    await bench.clock.advance(60_000);
    for (let i = 2; i <= 4; i++) bench.gossip.publish('capability', body(i));
    expect(bench.pubsub.sent).toHaveLength(2);
    await bench.clock.advance(200);
    expect(bench.pubsub.sent).toHaveLength(3);
  });

  it('nothing while it is muted, and again afterwards, counted', async () => {
    const bench = await new GossipBench().start();
    bench.gossip.mute(true);
    bench.gossip.publish('capability', body(1));
    bench.gossip.publish('enrol', body(2));
    await bench.clock.advance(5_000);
    expect(bench.pubsub.sent).toEqual([]);
    bench.gossip.mute(false);
    bench.gossip.publish('capability', body(3));
    expect(bench.published().map(({ body: sent }) => sent[0])).toEqual([3]);
  });

  it('each topic at its own pace, with one row of numbers', async () => {
    const bench = await new GossipBench().start();
    bench.gossip.publish('capability', body(1));
    bench.gossip.publish('help', body(2));
    bench.gossip.publish('enrol', body(3));
    expect(bench.published().map(({ topic, seq }) => [topic, seq])).toEqual([
      ['capability', 1],
      ['help', 2],
      ['enrol', 3],
    ]);
  });

  it('the latest of those that wait with one key, in the place of the first', async () => {
    const bench = await new GossipBench().start();
    bench.gossip.publish('capability', body(0));
    bench.gossip.publish('capability', body(1), 'beat');
    bench.gossip.publish('capability', body(2), 'other');
    for (let i = 3; i < 200; i++) bench.gossip.publish('capability', body(i), 'beat');
    await bench.clock.advance(2_000);
    expect(bench.published().map(({ body: sent }) => sent[0])).toEqual([0, 199, 2]);
  });

  it('a message with a key that went out already once more', async () => {
    const bench = await new GossipBench().start();
    bench.gossip.publish('capability', body(1), 'beat');
    bench.gossip.publish('capability', body(2), 'beat');
    await bench.clock.advance(200);
    expect(bench.pubsub.sent).toHaveLength(2);
  });

  it('no more than 64 waiting on a topic, and says so', async () => {
    const bench = await new GossipBench().start();
    for (let i = 0; i <= 64; i++) bench.gossip.publish('capability', body(i));
    expect(() => bench.gossip.publish('capability', body(65))).toThrow(
      expect.objectContaining({ code: 'ERR_WIRE_RATE' }),
    );
    expect(() => bench.gossip.publish('help', body(65))).not.toThrow();
    await bench.clock.advance(200);
    expect(() => bench.gossip.publish('capability', body(65))).not.toThrow();
  });

  it('nothing that does not fit into a message, and everything that does', async () => {
    const bench = await new GossipBench(Number.MAX_SAFE_INTEGER).start();
    const most = LIMITS.gossipMessageBytesMax - 512;
    expect(() => bench.gossip.publish('submission', new Uint8Array(most + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_WIRE_TOO_LARGE' }),
    );
    bench.gossip.publish('submission', new Uint8Array(most));
    const [sent] = bench.pubsub.sent;
    expect(sent?.data.length).toBeLessThanOrEqual(LIMITS.gossipMessageBytesMax);
    const other = await new GossipBench().start();
    other.members.add(bench.me.peer);
    expect(other.gossip.open(sent?.data as Uint8Array).body).toHaveLength(most);
  });

  it('to nobody without a fuss', async () => {
    const bench = await new GossipBench().start();
    bench.pubsub.fails = true;
    bench.gossip.publish('capability', body(1));
    await bench.clock.advance(200);
    bench.pubsub.fails = false;
    bench.gossip.publish('capability', body(2));
    expect(bench.published().map(({ seq }) => seq)).toEqual([2]);
  });

  it('what another node accepts', async () => {
    const bench = await new GossipBench().start();
    bench.gossip.publish('capability', body(1));
    const other = await new GossipBench().start();
    // The bench always is signer 1; to the friend's ears it must come from somebody else.
    const [sent] = bench.pubsub.sent;
    expect(other.gossip.open(sent?.data as Uint8Array)).toMatchObject({
      origin: bench.me.peer,
      boot: 1,
      seq: 1,
      topic: 'capability',
    });
  });

  it('nothing any more once it has stopped, and leaves no timer', async () => {
    const bench = await new GossipBench().start();
    for (let i = 0; i < 5; i++) bench.gossip.publish('capability', body(i));
    await bench.gossip.stop();
    bench.gossip.publish('capability', body(9));
    await bench.clock.advance(120_000);
    expect(bench.pubsub.sent).toHaveLength(1);
  });
});
