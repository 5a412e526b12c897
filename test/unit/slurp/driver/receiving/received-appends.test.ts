import { beforeEach, describe, expect, it } from 'vitest';
import type { MeshRecord, Signer } from '../../../../../protocols/interface/index.ts';
import { encodeRaft } from '../../../../../protocols/slurp/driver/raft-codec.ts';
import { encodeEntry } from '../../../../../protocols/slurp/index.ts';
import { encodeSigned } from '../../../../../protocols/wire/index.ts';
import { MESH, rename } from '../../mesh-world.ts';
import { batchOf, founder, type RaftNode, RaftWorld, second } from '../raft-world.ts';

// Goal: what a leader sends is in the log of no voter unless its origins have signed it, however it
// is sent: a leader may be any member with a seat. Method: a leader of three, whose messages are
// made here; it calls everything committed that it sends.

let world: RaftWorld;
let leader: RaftNode;
let voter: RaftNode;

beforeEach(async () => {
  world = await RaftWorld.start();
  leader = await world.leader();
  // The founder is an admin, in whose name it pays to write.
  const isOther = (it: RaftNode): boolean => it !== leader && it.signer !== founder;
  voter = [...world.nodes.values()].find(isOther) ?? leader;
  await world.pass(100);
});

/** Sends these batches behind an entry, unless told otherwise the last, as the leader does. */
function send(batches: readonly Uint8Array[], prevIndex = voter.machine.log.lastIndex): void {
  const { log, meshLog } = voter.machine;
  const { term } = leader.consensus;
  const place = { prevIndex, prevTerm: log.termOf(prevIndex) ?? term };
  const entries = batches.map((batch, i) =>
    encodeEntry({ index: prevIndex + 1 + i, term, timeMs: meshLog.appliedTimeMs, batch }),
  );
  const ends = { from: leader.signer.peer, to: voter.signer.peer, term };
  const commit = prevIndex + batches.length;
  const rest = { ...place, count: batches.length, commit, acknowledged: 0 };
  const bytes = encodeRaft({ type: 'append', ...ends, ...rest }, entries, world.clock.nowMs());
  voter.receive(leader.signer.peer, bytes);
}

const nameHere = (): string => (voter.machine.meshLog.state.get('mesh', 'mesh') as MeshRecord).name;
const refused = (): string[] =>
  voter.machine.counted.filter((it) => it.startsWith('cooee_slurp_appends_refused_total'));
const thief: Signer = { peer: founder.peer, sign: second.sign };
const signed = (seq: number) => batchOf(founder, { boot: 60, seq }, [rename(`name ${seq}`)]);
const forged = (seq: number) => batchOf(thief, { boot: 60, seq }, [rename('forged')]);

describe('the entries of a leader', () => {
  it('are taken when their origins signed them', async () => {
    send([signed(1), signed(2)]);
    await world.pass(1);
    expect(nameHere()).toBe('name 2');
  });

  it.each([
    ['one that its origin did not sign', () => forged(2)],
    ['one that was signed for another mesh', () => signedElsewhere()],
    ['one in which its origin speaks for another', () => inTheNameOf()],
    ['no batch at all', () => new Uint8Array([0xa0])],
  ])('are not taken with %s among them', async (_, other) => {
    const { lastIndex } = voter.machine.log;
    const before = nameHere();
    send([signed(1), other()]);
    await world.pass(1);
    expect([nameHere(), voter.machine.log.lastIndex]).toEqual([before, lastIndex]);
    expect(refused()).toHaveLength(1);
    // It listens on: the next may be of an honest one.
    send([signed(3)]);
    await world.pass(1);
    expect(nameHere()).toBe('name 3');
  });

  it('are looked at in slices when there are many, in the order in which they came', async () => {
    const { lastIndex } = voter.machine.log;
    const many = Array.from({ length: 100 }, (_, i) => signed(1 + i));
    send(many);
    // It must not come to the core before those that it follows.
    send([signed(101)], lastIndex + 100);
    expect(voter.machine.log.lastIndex).toBe(lastIndex);
    await world.pass(20);
    expect([nameHere(), voter.machine.log.lastIndex]).toEqual(['name 101', lastIndex + 101]);
    send([...many.map((_, i) => signed(200 + i)), forged(300)]);
    await world.pass(20);
    expect([nameHere(), voter.machine.log.lastIndex]).toEqual(['name 101', lastIndex + 101]);
    expect(refused()).toHaveLength(1);
  });
});

describe('what must not overtake the entries of a leader', () => {
  it('is the loss of its connection: they would be taken for a sign that it lives', async () => {
    const third = [...world.nodes.values()].find((it) => it !== leader && it !== voter)!;
    send(Array.from({ length: 300 }, (_, i) => signed(1 + i)));
    world.cut(leader, voter);
    world.cut(leader, third);
    // Less than the time after which a leader that is not heard is given up.
    await world.pass(200);
    expect(voter.machine.log.lastIndex).toBeGreaterThan(300);
    expect([voter, third].filter(({ consensus }) => consensus.isLeader)).toHaveLength(1);
  });
});

function signedElsewhere(): Uint8Array {
  const mesh = MESH.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'));
  return batchOf(founder, { boot: 60, seq: 2, mesh }, [rename('elsewhere')]);
}

/** Signed by who it says it is of, and with commands of another. */
function inTheNameOf(): Uint8Array {
  const command = { id: MESH, kind: 'mesh.settings', actor: { peer: founder.peer }, timeMs: 1 };
  const commands = [{ ...command, body: { name: 'for another' } }];
  return encodeSigned(second, 'batch', {
    ...{ v: 1, mesh: MESH, origin: second.peer, boot: 60, seq: 2, commands },
  });
}
