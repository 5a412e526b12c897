import { afterEach, describe, expect, it } from 'vitest';
import { encodeRefused } from '../../../../protocols/slurp/driver/raft-codec.ts';
import type { Recovery } from '../../../../protocols/slurp/recovery/recovery-link.ts';
import { systemError } from '../../../../storage/faults.ts';
import { codeOf, headOf, rename } from '../mesh-world.ts';
import { batchOf, founder, RaftNode, RaftWorld, rootOf, second, third } from './raft-world.ts';

let world: RaftWorld;

afterEach(async () => {
  await world.stop();
});

/** Submits, and lets time pass until it is decided. */
async function commit(node: RaftNode, name: string): Promise<number> {
  let index: number | undefined;
  const done = node.submit(rename(name)).then((it) => {
    index = it;
  });
  done.catch(() => undefined);
  await world.until(() => index !== undefined);
  await done;
  return index ?? 0;
}

const nameOf = (node: RaftNode): unknown => {
  const mesh = node.machine.meshLog.state.get('mesh', 'mesh');
  return mesh !== undefined && 'name' in mesh ? mesh.name : undefined;
};

const others = (node: RaftNode): readonly RaftNode[] =>
  [...world.nodes.values()].filter((it) => it !== node);

describe('a single voter', () => {
  it('leads at once, announces its term first, and commits by itself', async () => {
    world = await RaftWorld.start([founder]);
    const leader = await world.leader();
    expect(leader.applied[0]?.decisions[0]?.command.kind).toBe('leader.announce');
    await commit(leader, 'one');
    expect(nameOf(leader)).toBe('one');
  });

  it('says no more that its log cannot be written once it is recovered with it', async () => {
    world = await RaftWorld.start([founder]);
    const leader = await world.leader();
    leader.machine.faults.fail('log:write', systemError('ENOSPC'));
    expect(await codeOf(leader.submit(rename('lost')))).toBe('ERR_STORAGE_DISK_FULL');
    expect(leader.machine.health.list().map(({ code }) => code)).toEqual(['log-failed']);
    leader.machine.faults.mend();
    // Whoever was to open the log again is stopped.
    await leader.consensus.refound(async () => undefined);
    await commit(await world.leader(), 'on the disk');
    expect(leader.machine.health.list()).toEqual([]);
  });
});

describe('a voter that two recoveries halt', () => {
  const rival = {} as Recovery;

  it('is none, and keeps for the choice what it has acknowledged, over a restart', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    for (const node of others(leader)) world.cut(leader, node);
    const { appliedIndex } = leader.machine.meshLog;
    const lost = codeOf(leader.submit(rename('acknowledged')));
    await world.pass(1_500);
    expect(await lost).toBe('ERR_SLURP_NO_LEADER');
    leader.epochs.rival = rival;
    leader.consensus.onEpoch();
    await world.pass(100);
    expect([leader.consensus.raft, leader.consensus.canVote]).toEqual([undefined, true]);
    leader.kill();
    await leader.revive();
    await world.pass(3_000);
    expect([leader.consensus.raft, leader.consensus.canVote]).toEqual([undefined, true]);
    const found: unknown[] = [];
    await leader.consensus.refound(async (how) => {
      found.push(how, leader.machine.meshLog.tailIndex > appliedIndex);
    });
    expect(found).toEqual([{ hadSeat: true, isLed: false }, true]);
  });

  it('knows whether it was led when its log is begun anew, and hands nothing over', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    const found: unknown[] = [];
    const done = leader.consensus.refound(async (how) => void found.push(how));
    await world.pass(10);
    await done;
    expect(found).toEqual([{ hadSeat: true, isLed: true }]);
    expect(others(leader).some((it) => it.consensus.isLeader)).toBe(false);
  });

  it('keeps what it has acknowledged for a second try, before it has its seat again', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    const found: unknown[] = [];
    const failed = leader.consensus.refound(async () => {
      throw new Error('not this time');
    });
    const again = leader.consensus.refound(async (how) => void found.push(how));
    expect(await codeOf(failed)).toBe('Error: not this time');
    await world.pass(10);
    await again;
    expect(found).toEqual([{ hadSeat: true, isLed: false }]);
  });
});

describe('a voter that is shown that it lost its state', () => {
  const shown = async (): Promise<RaftNode> => {
    const leader = await world.leader();
    const [victim, other] = others(leader) as [RaftNode, RaftNode];
    const records = await victim.machine.records();
    const later = [...records, ...records].map((it, i) => ({ ...it, index: i + 1 }));
    const evidence = headOf(later, victim.signer);
    victim.consensus.onMessage(other.signer.peer, encodeRefused('lost-state', evidence));
    return victim;
  };

  it('follows without a seat, over a restart', async () => {
    world = await RaftWorld.start();
    const victim = await shown();
    await world.until(() => victim.pulls > 0);
    expect([victim.consensus.raft, victim.machine.log.marks.has('lost-state')]).toEqual([
      undefined,
      true,
    ]);
    victim.kill();
    await victim.revive({ log: 'lost' });
    await world.pass(1_000);
    expect([victim.consensus.raft, victim.machine.log.marks.has('lost-state')]).toEqual([
      undefined,
      true,
    ]);
  });

  it('neither votes nor follows before that could be written, and then follows', async () => {
    world = await RaftWorld.start();
    await world.leader();
    const full = systemError('ENOSPC');
    for (const { machine } of others(await world.leader())) machine.faults.fail('log:write', full);
    const victim = await shown();
    await world.pass(5_000);
    expect([victim.consensus.raft, victim.pulls]).toEqual([undefined, 0]);
    for (const { machine } of world.nodes.values()) machine.faults.mend();
    await world.until(() => victim.pulls > 0);
    expect([victim.consensus.raft, victim.machine.log.marks.has('lost-state')]).toEqual([
      undefined,
      true,
    ]);
  });
});

describe('a voter that is greeted by one whose seat it does not know yet', () => {
  it('greets it when it does: the two elect when the third one is gone', async () => {
    world = new RaftWorld();
    const signers = [founder, second, third];
    const nodes = signers.map((signer) => new RaftNode(world, signer));
    const [lead, behind, late] = nodes as [RaftNode, RaftNode, RaftNode];
    for (const node of nodes) {
      world.nodes.set(node.signer.peer, node);
      await node.boot(signers, node === behind ? 2 : 3);
    }
    await lead.start();
    await late.start();
    const first = await world.leader();
    if (first !== lead) await Promise.all([first.consensus.transfer(), world.pass(100)]);
    expect(await world.leader()).toBe(lead);
    world.cut(lead, behind);
    await behind.start();
    await world.pass(50);
    world.cut(lead, behind, false);
    const { tailIndex } = lead.machine.meshLog;
    await world.until(() => behind.machine.meshLog.appliedIndex === tailIndex);
    lead.kill();
    await commit(await world.leader(), 'without it');
  });
});

describe('three voters', () => {
  it('elect one leader, commit, and come to the same', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    const index = await commit(leader, 'agreed');
    await world.until(() => [...world.nodes.values()].every((it) => nameOf(it) === 'agreed'));
    expect(world.leaders).toHaveLength(1);
    const roots = [...world.nodes.values()].map((it) => it.machine.meshLog.appliedRoot());
    expect(roots[1]).toEqual(roots[0]);
    expect(roots[2]).toEqual(roots[0]);
    expect(roots[0]).toEqual(rootOf(await leader.machine.records()));
    expect(leader.machine.meshLog.appliedIndex).toBe(index);
  });

  it('commit nothing without a majority, and what was handed in with one again', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    for (const node of others(leader)) world.cut(leader, node);
    const lost = codeOf(leader.submit(rename('lost')));
    await world.pass(1_500);
    expect(await lost).toBe('ERR_SLURP_NO_LEADER');
    expect(nameOf(leader)).toBe('test mesh');
    expect(leader.consensus.isLeader).toBe(false);
    const [next] = world.leaders;
    expect(next).toBeDefined();
    await commit(next as RaftNode, 'kept');
    for (const node of others(leader)) world.cut(leader, node, false);
    await world.until(() => nameOf(leader) === 'kept');
    const logs = await Promise.all([...world.nodes.values()].map((it) => it.log()));
    expect(logs[1]).toEqual(logs[0]);
    expect(logs[2]).toEqual(logs[0]);
  });

  it('have a new leader within moments of the death of the old one, and lose nothing', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    await commit(leader, 'before');
    const atMs = world.clock.nowMs();
    leader.kill();
    const next = await world.leader();
    expect(next).not.toBe(leader);
    expect(world.clock.nowMs() - atMs).toBeLessThan(200);
    await commit(next, 'after');
    await leader.revive();
    await world.until(() => nameOf(leader) === 'after');
  });

  it('go on without a frozen leader, which does not act as one when it wakes', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    leader.isFrozen = true;
    await world.until(() => world.leaders.some((it) => it !== leader), 3_000);
    leader.thaw();
    await world.pass(500);
    expect(world.leaders).toHaveLength(1);
    expect(leader.consensus.isLeader).toBe(false);
  });

  it('keep what was acknowledged over the death of all', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    await commit(leader, 'durable');
    const all = [...world.nodes.values()];
    for (const node of all) node.kill();
    for (const node of all) await node.revive({ log: 'lost', storeBatches: 0 });
    await world.leader();
    await world.until(() => all.every((node) => nameOf(node) === 'durable'));
    expect(all).toHaveLength(3);
  });

  it('answer a proposal to who does not lead with where to try again', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    const [follower] = others(leader);
    expect(await codeOf(follower?.submit(rename('x')) ?? Promise.resolve())).toBe(
      'ERR_SLURP_NO_LEADER',
    );
    expect(follower?.consensus.leader).toBe(leader.signer.peer);
  });

  it('apply a batch once, however often it is handed in', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    const batch = batchOf(second, { boot: 9, seq: 1 }, [rename('nobody may')]);
    const tasks = [1, 2, 3].map(() => leader.consensus.propose([batch], false));
    await world.pass(100);
    const indices = await Promise.all(tasks);
    expect(new Set(indices).size).toBe(1);
    const before = leader.machine.meshLog.appliedIndex;
    expect(await leader.consensus.propose([batch], false)).toBe(before);
  });

  it('refuse a forged batch and the leader’s own kinds before the log', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    const good = batchOf(second, { boot: 9, seq: 1 }, [rename('x')]);
    const forged = good.slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(await codeOf(leader.consensus.propose([forged], false))).toMatch(
      /ERR_SLURP_(SIGNATURE|COMMAND)/,
    );
    const announce = { kind: 'leader.announce', body: { term: 3, recipient: 'age1aaa' } };
    const own = batchOf(second, { boot: 9, seq: 2 }, [announce]);
    expect(await codeOf(leader.consensus.propose([own], false))).toBe('ERR_SLURP_COMMAND');
    const before = leader.machine.meshLog.tailIndex;
    await world.pass(200);
    expect(leader.machine.meshLog.tailIndex).toBe(before);
  });

  it('are in no term that is not on their disk: they would sign in it, and forget it', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    const [voter] = others(leader) as [RaftNode];
    const before = voter.consensus.term;
    let write: () => void = () => undefined;
    const isSlow = new Promise<void>((resolve) => {
      write = resolve;
    });
    const { log } = voter.machine;
    const append = log.append.bind(log);
    log.append = async (...args) => {
      await isSlow;
      await append(...args);
    };
    leader.kill();
    await world.until(() => (voter.consensus.raft?.term ?? 0) > before);
    expect(voter.consensus.term).toBe(before);
    write();
    await world.leader();
    await world.until(() => voter.consensus.term === voter.consensus.raft?.term);
    expect(voter.consensus.term).toBeGreaterThan(before);
  });

  it('step back when the disk is full, and return', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    leader.machine.faults.fail('log:write', full);
    const refused = codeOf(leader.submit(rename('lost')));
    // Sooner than by an election: it asks the one that is furthest to stand.
    await world.until(() => world.leaders.some((it) => it !== leader), 200);
    expect(await refused).toBe('ERR_STORAGE_DISK_FULL');
    expect(leader.machine.health.list().map(({ code }) => code)).toContain('log-failed');
    await commit(world.leaders.find((it) => it !== leader) as RaftNode, 'without it');
    leader.machine.faults.mend();
    await world.until(() => nameOf(leader) === 'without it');
    expect(leader.machine.health.list().map(({ code }) => code)).not.toContain('log-failed');
  });

  it('hand over to another one each time: the one before may be no better', async () => {
    world = await RaftWorld.start();
    const led = new Set<RaftNode>();
    for (let i = 0; i < 3; i++) {
      const leader = await world.leader();
      led.add(leader);
      leader.consensus.handOver();
      await world.until(() => world.leaders.some((it) => it !== leader), 200);
    }
    led.add(await world.leader());
    expect(led.size).toBe(3);
  });

  it('keep what nobody else can take', async () => {
    world = await RaftWorld.start([founder]);
    const leader = await world.leader();
    const before = leader.machine.logger.lines.length;
    leader.consensus.handOver();
    await world.pass(3_000);
    expect(leader.consensus.isLeader).toBe(true);
    expect(leader.machine.logger.lines.slice(before)).toEqual([]);
  });

  it('end the process after a failed sync, and acknowledge nothing', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    leader.machine.faults.fail('log:sync', Object.assign(new Error('io'), { code: 'EIO' }));
    const refused = codeOf(leader.submit(rename('lost')));
    await world.until(() => leader.fatal.length > 0);
    expect(await refused).not.toBe('ok');
  });

  it('end it too when the sync fails by which one gives up its seat', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    for (const node of others(leader)) world.cut(leader, node);
    const lost = codeOf(leader.submit(rename('held, not committed')));
    await world.pass(1_500);
    expect(await lost).toBe('ERR_SLURP_NO_LEADER');
    leader.machine.faults.fail('log:sync', systemError('EIO'));
    leader.epochs.isBehind = true;
    leader.consensus.onEpoch();
    await world.pass(3_000);
    expect(leader.fatal).toMatchObject([{ code: 'ERR_STORAGE_IO' }]);
  });

  it('hand leadership over when the leader stops', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    const stopped = leader.consensus.stop();
    // It is asked to stand: an election would take half a second at least.
    await world.until(() => world.leaders.some((it) => it !== leader), 200);
    await Promise.all([stopped, world.pass(100)]);
    leader.kill();
    expect(world.leaders).toHaveLength(1);
  });

  it('confirm a read by a majority, and refuse it without one', async () => {
    world = await RaftWorld.start();
    const leader = await world.leader();
    const index = await commit(leader, 'read me');
    const read = leader.consensus.readIndex();
    await world.pass(100);
    expect(await read).toBeGreaterThanOrEqual(index);
    for (const node of others(leader)) world.cut(leader, node);
    const refused = codeOf(leader.consensus.readIndex());
    await world.pass(6_000);
    expect(await refused).toBe('ERR_SLURP_NO_LEADER');
  });
});
