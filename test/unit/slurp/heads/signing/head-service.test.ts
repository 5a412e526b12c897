import { describe, expect, it } from 'vitest';
import { assertHead, decodeHead } from '../../../../../protocols/slurp/index.ts';
import { batchOf, crypto, founder, MESH, rename, rootOf, START_MS } from '../../mesh-world.ts';
import { applyRecovery, recoveryAt } from '../../recovery/recovery-world.ts';
import { expectNoUnhandled } from '../../unhandled.ts';
import { batchesWith, headBy, logWith, names, nodes, some } from '../voters.ts';
import { SigningMesh, type SigningNode } from './signers.ts';

expectNoUnhandled();

const three = some(1, 2, 3);
const changes = new Map([
  [4, some(1, 2)],
  [5, three],
  [30, some(1, 2, 3, 4)],
]);
const batches = batchesWith(changes, 60);
const records = logWith(changes, 60);
const [one, two, third] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
const indexOf = ({ bytes }: { bytes: Uint8Array }) => decodeHead(bytes).head.index;
const shownBy = (node: SigningNode) => node.shown.map((it) => [it.key, indexOf(it)]);

/** A mesh whose first node leads at that length, with the links that were made before. */
async function led(length: number, linked = true) {
  const mesh = await SigningMesh.of(some(1, 2, 3, 4), batches.slice(0, length - 1));
  if (linked) {
    const links = [
      headBy(some(1), { index: 4, root: rootOf(records.slice(0, 4)), by: some(1, 2) }),
      headBy(some(1, 2), { index: 5, root: rootOf(records.slice(0, 5)), by: three }),
    ];
    for (const { book } of mesh.nodes.values()) await book.learn(links);
  }
  const leader = mesh.lead(one);
  return { mesh, leader };
}

describe('HeadService', () => {
  it('has a head signed by a majority at once, and shows it', async () => {
    const { mesh, leader } = await led(10);
    leader.service.start();
    await mesh.advance(0);
    const { bytes } = leader.shown[0] as { bytes: Uint8Array };
    const signed = decodeHead(bytes);
    expect(signed.head).toMatchObject({ index: 10, term: 2, voters: names(three), epoch: 0 });
    expect(signed.head.root).toEqual(rootOf(records.slice(0, 10)));
    expect(signed.signatures).toHaveLength(2);
    assertHead(crypto, signed, { mesh: MESH, voters: names(three) });
    expect(leader.service.current()).toEqual({ bytes, index: 10 });
    expect(leader.book.highest()?.bytes).toEqual(bytes);
    await leader.service.stop();
  });

  it('signs five a second at most while the log grows, and none twice', async () => {
    const { mesh, leader } = await led(6);
    leader.service.start();
    await mesh.advance(0);
    for (let i = 5; i < 25; i++) {
      await mesh.take(batches.slice(i, i + 1));
      leader.service.changed();
      await mesh.advance(50);
    }
    await mesh.advance(400);
    const indices = leader.shown.map(indexOf);
    expect(indices.length).toBeLessThanOrEqual(7);
    expect(indices.at(-1)).toBe(26);
    expect(new Set(indices).size).toBe(indices.length);
    await leader.service.stop();
  });

  it('signs one a second while many entries come, and one at once for who asks', async () => {
    const { mesh, leader } = await led(6);
    leader.service.start();
    await mesh.advance(0);
    let seq = 1_000;
    const more = (count: number) => {
      const from = seq;
      seq += count;
      return Array.from({ length: count }, (_, i) =>
        batchOf(founder, { seq: from + i }, [rename(`name ${from + i}`)]),
      );
    };
    const grow = async (times: number, count: number) => {
      const before = leader.shown.length;
      for (let i = 0; i < times; i++) {
        await mesh.take(more(count));
        leader.service.changed();
        await mesh.advance(100);
      }
      return leader.shown.length - before;
    };
    // The first head finds out that it is a rush.
    expect(await grow(2, 40)).toBe(1);
    const perSecond = [await grow(10, 40), await grow(10, 40)];
    expect(perSecond).toEqual([1, 1]);
    await mesh.take(more(1));
    const asked = leader.service.refresh();
    await mesh.advance(25);
    await asked;
    expect(leader.book.highest()?.signed.head.index).toBe(leader.machine.meshLog.appliedIndex);
    // Two seconds after the rush they are five a second again.
    await grow(20, 1);
    expect(await grow(10, 1)).toBeGreaterThanOrEqual(4);
    await leader.service.stop();
  });

  it('shows its head again every five seconds when nothing happens', async () => {
    const { mesh, leader } = await led(10);
    leader.service.start();
    await mesh.advance(15_100);
    expect(shownBy(leader)).toEqual([10, 10, 10, 10].map((index) => ['head', index]));
    expect(leader.shown[3]?.bytes).toEqual(leader.shown[0]?.bytes);
    await leader.service.stop();
  });

  it('has one signed sooner for a member that asks', async () => {
    const { mesh, leader } = await led(10);
    leader.service.start();
    await mesh.advance(0);
    await mesh.take(batches.slice(9, 10));
    const asked = leader.service.refresh();
    await mesh.advance(25);
    await asked;
    expect(leader.book.highest()?.signed.head.index).toBe(11);
    const { asked: before } = mesh.node(two);
    await leader.service.refresh();
    expect(mesh.node(two).asked).toBe(before);
    await leader.service.stop();
  });

  it('goes on without a minority, and waits for a majority', async () => {
    const { mesh, leader } = await led(10);
    mesh.node(two).isAway = true;
    leader.service.start();
    await mesh.advance(0);
    expect(leader.shown.map(indexOf)).toEqual([10]);
    mesh.node(third).isAway = true;
    await mesh.take(batches.slice(9, 10));
    leader.service.changed();
    await mesh.advance(3_000);
    expect(leader.shown.map(indexOf)).toEqual([10]);
    mesh.node(two).isAway = false;
    await mesh.advance(1_000);
    expect(leader.shown.map(indexOf)).toContain(11);
    await leader.service.stop();
  });

  it('makes the link of a change before any later head', async () => {
    const { mesh, leader } = await led(29);
    leader.service.start();
    await mesh.advance(0);
    await mesh.take(batches.slice(28, 33));
    leader.service.changed();
    await mesh.advance(300);
    expect(shownBy(leader)).toEqual([
      ['head', 29],
      ['link 30', 30],
      ['head', 34],
    ]);
    const link = decodeHead(leader.shown[1]?.bytes as Uint8Array);
    expect(link.head.voters).toEqual(names(some(1, 2, 3, 4)));
    assertHead(crypto, link, { mesh: MESH, voters: names(three) });
    expect(decodeHead(leader.shown[2]?.bytes as Uint8Array).signatures).toHaveLength(3);
    expect(leader.book.missingLinks()).toEqual([]);
    await leader.service.stop();
  });

  it('a new leader makes up for links that the last one did not', async () => {
    const { mesh, leader } = await led(20, false);
    leader.service.start();
    await mesh.advance(100);
    expect(shownBy(leader)).toEqual([
      ['link 4', 4],
      ['link 5', 5],
      ['head', 20],
    ]);
    await leader.service.stop();
  });

  it('fetches a link whose signers are gone, and says when nobody has it', async () => {
    const { mesh } = await led(20, false);
    const leader = mesh.lead(third);
    mesh.node(one).isAway = true;
    leader.service.start();
    await mesh.advance(9_000);
    expect(leader.machine.health.list()).toEqual([]);
    await mesh.advance(2_000);
    expect(leader.shown).toEqual([]);
    expect(leader.machine.health.list().map(({ code }) => code)).toContain('voters-unproved');
    expect(leader.service.unproved(10_000)).toEqual(names(some(1)));
    expect(leader.service.unproved(30_000)).toEqual([]);
    await mesh
      .node(two)
      .book.learn([
        headBy(some(1), { index: 4, root: rootOf(records.slice(0, 4)), by: some(1, 2) }),
        headBy(some(1, 2), { index: 5, root: rootOf(records.slice(0, 5)), by: three }),
      ]);
    await mesh.advance(1_000);
    expect(leader.shown.map(indexOf)).toEqual([20]);
    expect(leader.machine.health.list()).toEqual([]);
    expect(leader.service.unproved(0)).toEqual([]);
    await leader.service.stop();
  });

  it('is not held up by an old link that nobody has, once a head has passed it', async () => {
    const { mesh } = await led(20, false);
    const leader = mesh.lead(third);
    mesh.node(one).isAway = true;
    const passed = headBy(three, { index: 20, root: rootOf(records.slice(0, 20)), by: three });
    await leader.book.accept(passed);
    await mesh.take(batches.slice(19, 20));
    leader.service.start();
    await mesh.advance(1_000);
    expect(leader.shown.map(indexOf)).toEqual([21]);
    expect(leader.book.missingLinks().map(({ set }) => set.index)).toEqual([4, 5]);
    expect(leader.machine.health.list()).toEqual([]);
    await leader.service.stop();
  });

  it('signs no mark behind a change that came meanwhile, before that has its link', async () => {
    const { mesh, leader } = await led(29);
    const goOn = async () => {
      await mesh.take(batches.slice(28, 30));
      const stateCid = `bafyrei${'d'.repeat(52)}`;
      const mark = { index: 31, stateCid, root: rootOf(records.slice(0, 31)), timeMs: START_MS };
      for (const { marks } of mesh.nodes.values()) marks.set(mark);
    };
    const ask = mesh.request.bind(mesh);
    let meanwhile: Promise<void> | undefined;
    mesh.request = async (...parameters) => {
      meanwhile ??= goOn();
      await meanwhile;
      return await ask(...parameters);
    };
    leader.service.start();
    await mesh.advance(50);
    // Before the next head is due.
    expect(shownBy(leader)).toEqual([
      ['head', 29],
      ['link 30', 30],
      ['head', 31],
      ['mark', 31],
    ]);
    expect(leader.book.missingLinks()).toEqual([]);
    // And nothing is left to look for.
    const looks = leader.marks.looks;
    await mesh.advance(4_000);
    expect(leader.marks.looks - looks).toBeLessThanOrEqual(1);
    await leader.service.stop();
  });

  it('asks nobody for a mark of an epoch that is over', async () => {
    const { mesh, leader } = await led(20);
    const link = recoveryAt({ index: 20, term: 3, voters: [one] });
    for (const { machine, book } of mesh.nodes.values()) {
      await applyRecovery(machine, { signer: one, link, term: 3 });
      await book.recover(link);
    }
    const stateCid = `bafyrei${'d'.repeat(52)}`;
    const mark = { index: 16, stateCid, root: rootOf(records.slice(0, 16)), timeMs: START_MS };
    for (const { marks } of mesh.nodes.values()) marks.set(mark);
    mesh.lead(one, 3);
    leader.service.start();
    await mesh.advance(3_000);
    expect(shownBy(leader)).toEqual([['head', 21]]);
    expect([mesh.node(two).asked, mesh.node(third).asked]).toEqual([0, 0]);
    await leader.service.stop();
  });

  it('has the state at a mark signed, once', async () => {
    const { mesh, leader } = await led(20);
    leader.service.start();
    await mesh.advance(0);
    const stateCid = `bafyrei${'a'.repeat(52)}`;
    const mark = { index: 16, stateCid, root: rootOf(records.slice(0, 16)), timeMs: START_MS };
    for (const { marks } of mesh.nodes.values()) marks.set(mark);
    await mesh.advance(500);
    expect(shownBy(leader)).toEqual([
      ['head', 20],
      ['mark', 16],
    ]);
    expect(leader.book.mark()?.signed.head).toMatchObject({ index: 16, stateCid });
    expect(leader.book.highest()?.signed.head.index).toBe(20);
    await mesh.advance(1_000);
    expect(shownBy(leader)).toHaveLength(2);
    await leader.service.stop();
  });

  it('has the mark before signed when the others have no state of the newest', async () => {
    const { mesh, leader } = await led(29);
    leader.service.start();
    await mesh.advance(0);
    const markAt = (index: number, fill: string) => {
      const stateCid = `bafyrei${fill.repeat(52)}`;
      return { index, stateCid, root: rootOf(records.slice(0, index)), timeMs: START_MS };
    };
    for (const { marks } of mesh.nodes.values()) marks.set(markAt(16, 'a'));
    leader.marks.set(markAt(24, 'b'));
    await mesh.advance(500);
    expect(shownBy(leader)).toEqual([
      ['head', 29],
      ['mark', 16],
    ]);
    // They go on with the newest once they have it, and never back.
    for (const peer of [two, third]) mesh.node(peer).marks.set(markAt(24, 'b'));
    await mesh.advance(1_000);
    expect(shownBy(leader).slice(2)).toEqual([['mark', 24]]);
    await leader.service.stop();
  });

  it('uses the agreed time when the voters find its clock wrong', async () => {
    const { mesh, leader } = await led(10);
    const { clock } = leader.machine;
    Object.defineProperty(clock, 'nowMs', { value: () => START_MS * 2 });
    leader.service.start();
    await mesh.advance(1_000);
    expect(decodeHead(leader.shown[0]?.bytes as Uint8Array).head).toMatchObject({
      index: 10,
      timeMs: leader.machine.meshLog.appliedTimeMs,
    });
    await leader.service.stop();
  });

  it('signs nothing as a follower, and nothing more after a stop', async () => {
    const { mesh, leader } = await led(10);
    const follower = mesh.node(two);
    follower.service.start();
    await mesh.advance(6_000);
    await follower.service.refresh();
    expect(follower.shown).toEqual([]);
    leader.service.start();
    await leader.service.stop();
    await mesh.advance(6_000);
    expect(leader.shown.length).toBeLessThanOrEqual(1);
  });

  it('a voter that answers with another’s signature counts for nothing', async () => {
    const { mesh, leader } = await led(10);
    const bad = mesh.node(two);
    const good = mesh.node(third);
    bad.heads = good.heads;
    mesh.node(third).isAway = true;
    leader.service.start();
    await mesh.advance(1_000);
    expect(leader.shown).toEqual([]);
    await leader.service.stop();
  });
});
