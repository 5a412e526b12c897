import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { type Command, decodeBatch } from '../../../../protocols/slurp/index.ts';
import { encodeSigned } from '../../../../protocols/wire/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { LoneLeader } from '../lone-leader.ts';
import {
  add,
  ask,
  batchOf,
  codeOf,
  founder,
  issue,
  Machine,
  recordsOf,
  rename,
  rootOf,
  second,
  stranger,
  third,
} from '../mesh-world.ts';
import { RaftNode, RaftWorld } from './raft-world.ts';

async function lead() {
  const machine = await Machine.open();
  const fatal: CooeeError[] = [];
  const leader = new LoneLeader(machine, (it) => fatal.push(it));
  await leader.ready();
  // What it announced is the second entry.
  await machine.clock.advance(1);
  return { machine, leader, fatal, meshLog: machine.meshLog };
}

const decodeValue = (bytes: Uint8Array) => decodeBatch(bytes).value;
const batch = (seq: number) => batchOf(founder, { seq }, [rename(`name ${seq}`)]);
/** Several origins at once: a group, whose order is that of the calls. */
const origins = [founder, second, third];

async function withMembers() {
  const led = await lead();
  await led.leader.propose(
    batchOf(founder, { seq: 2 }, [issue(20, 9), add(second, 20), add(third, 20)]),
  );
  return led;
}

describe('RaftDriver.propose, of one voter', () => {
  it('ends a row of batches at the one that it refuses: none overtakes another', async () => {
    const { leader, meshLog } = await withMembers();
    const first = meshLog.tailIndex + 1;
    // Of nobody that the mesh knows.
    const forged = batchOf(stranger, { seq: 4 }, [rename('forged')]);
    expect(await leader.propose(batch(3), forged, batch(4))).toBe(first);
    expect(meshLog.tailIndex).toBe(first);
    expect(await codeOf(leader.propose(forged, batch(4)))).toBe('ERR_MEMBERSHIP_NOT_MEMBER');
    expect(meshLog.tailIndex).toBe(first);
    expect(await leader.propose(batch(4))).toBe(first + 1);
  });

  it('puts what comes together into the log in the order of the calls, with one sync', async () => {
    const { machine, leader, meshLog } = await withMembers();
    machine.faults.hits.length = 0;
    const first = meshLog.tailIndex + 1;
    const proposals = Array.from({ length: 30 }, (_, i) => {
      const origin = origins[i % 3] as typeof founder;
      return leader.propose(batchOf(origin, { seq: 3 + Math.floor(i / 3) }, [rename(`n${i}`)]));
    });
    expect(await Promise.all(proposals)).toEqual(proposals.map((_, i) => first + i));
    expect(machine.faults.hits.filter((point) => point === 'log:sync')).toHaveLength(1);
    expect(meshLog.appliedIndex).toBe(first + 29);
    expect(meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'n27' });
  });

  it('lets no group grow beyond what a log takes at once', async () => {
    const { machine, leader } = await lead();
    const appended: number[] = [];
    const append = machine.log.append.bind(machine.log);
    machine.log.append = async (records, state) => {
      appended.push(records.reduce((sum, { bytes }) => sum + bytes.length, 0));
      await append(records, state);
    };
    // 60 KiB each: the names are refused when they are applied, which is all the same to the log.
    const large = (seq: number) =>
      batchOf(founder, { seq }, [
        { kind: 'agent.grant', body: { claim: new Uint8Array(48 * 1024).fill(seq) } },
      ]);
    await Promise.all(Array.from({ length: 60 }, (_, i) => leader.propose(large(2 + i))));
    expect(Math.max(...appended)).toBeLessThan(1024 * 1024 + 64 * 1024);
    expect(appended.length).toBeGreaterThan(2);
  });

  it('answers a batch that was applied before with the present index', async () => {
    const { leader, meshLog } = await lead();
    expect(await leader.propose(batch(2))).toBe(3);
    expect(await leader.propose(batch(3))).toBe(4);
    expect(await leader.propose(batch(2))).toBe(4);
    expect(meshLog.tailIndex).toBe(4);
  });

  it('gives one answer to a batch that is asked for again while it is being written', async () => {
    const { leader, meshLog } = await lead();
    const answers = await Promise.all([1, 2, 3].map(() => leader.propose(batch(2))));
    expect(answers).toEqual([3, 3, 3]);
    expect(meshLog.tailIndex).toBe(3);
  });

  it('lets both through when two starts use one number: applying tells them apart', async () => {
    const { leader, meshLog } = await lead();
    const other = batchOf(founder, { seq: 2 }, [rename('other')]);
    expect(await Promise.all([leader.propose(batch(2)), leader.propose(other)])).toEqual([3, 4]);
    expect(meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'name 2' });
  });

  it('never lets the time of an entry go back', async () => {
    const { machine, leader, meshLog } = await lead();
    expect(machine.clock.nowMs()).toBeLessThan(meshLog.appliedTimeMs);
    const before = meshLog.appliedTimeMs;
    await leader.propose(batch(2));
    expect(meshLog.appliedTimeMs).toBe(before);
  });

  it('dates nothing by entries that came from somebody who does not lead', async () => {
    const { machine, leader, meshLog } = await withMembers();
    const before = meshLog.appliedTimeMs;
    const prevIndex = meshLog.tailIndex;
    const term = leader.driver.status?.term ?? 0;
    const late = recordsOf([batchOf(second, { seq: 1 }, [rename('late')])], prevIndex + 1, {
      ...{ term, timeMs: 8_000_000_000_000 },
    });
    leader.driver.onMessage(second.peer, {
      kind: 'raft',
      message: {
        ...{ type: 'append', from: second.peer, to: founder.peer, term },
        ...{ prevIndex, prevTerm: term, count: 1, commit: 0 },
      },
      entries: late.map(({ bytes }) => bytes),
      timeMs: machine.clock.nowMs(),
    });
    await leader.propose(batch(3));
    expect(meshLog.appliedTimeMs).toBeLessThan(before + 60_000);
  });

  const forged = () => {
    const mine = batchOf(second, { seq: 1 }, [rename('x')]);
    const value = { ...decodeValue(mine), origin: founder.peer };
    return encodeSigned(second, 'batch', {
      ...value,
      commands: value.commands.map((it) => ({ ...it, actor: { peer: founder.peer } })),
    });
  };
  it.each([
    ['garbage', () => new Uint8Array(40), 'ERR_SLURP_COMMAND'],
    ['more than 64 KiB', () => new Uint8Array(64 * 1024 + 1), 'ERR_SLURP_COMMAND'],
    [
      'a later version',
      () => encodeSigned(founder, 'batch', { ...decodeValue(batch(2)), v: 2 }),
      'ERR_WIRE_VERSION',
    ],
    [
      'a batch of another mesh',
      () => batchOf(founder, { seq: 2, mesh: `bafyrei${'b'.repeat(52)}` }, [rename('x')]),
      'ERR_SLURP_COMMAND',
    ],
    ['a stranger', () => batchOf(stranger, { seq: 1 }, [rename('x')]), 'ERR_MEMBERSHIP_NOT_MEMBER'],
    ['somebody else’s signature', forged, 'ERR_SLURP_SIGNATURE'],
    [
      'a body of the wrong form',
      () => batchOf(founder, { seq: 2 }, [{ kind: 'mesh.settings', body: { name: 7 } }]),
      'ERR_SLURP_COMMAND',
    ],
    [
      'a kind of a newer program',
      () => batchOf(founder, { seq: 2 }, [{ kind: 'room.open', body: {} }]),
      'ERR_SLURP_LEVEL',
    ],
  ])('refuses %s before the log', async (_name, make, code) => {
    const { leader, meshLog } = await lead();
    expect(await codeOf(leader.propose(make()))).toBe(code);
    expect(meshLog.tailIndex).toBe(2);
  });

  it('refuses who would be first with the id of a call that it saw on its way', async () => {
    const { leader, meshLog } = await withMembers();
    const before = meshLog.tailIndex;
    const onItsWay = batchOf(second, { seq: 1 }, [ask(second, 1)]);
    const [{ made: _, ...unsaid }] = decodeValue(onItsWay).commands as [Command];
    const { id } = unsaid;
    for (const theft of [ask(second, 1, 'Mine?'), unsaid, { ...ask(third, 1), id }]) {
      const hurried = leader.propose(batchOf(third, { seq: 1 }, [theft]));
      expect(await codeOf(hurried)).toBe('ERR_SLURP_COMMAND');
    }
    expect(meshLog.tailIndex).toBe(before);
    expect(await leader.propose(onItsWay)).toBe(before + 1);
    const asker = { peer: second.peer };
    expect(meshLog.state.get('call', id)).toMatchObject({ asker, state: 'open' });
  });

  it('refuses a removed member before the log', async () => {
    const { leader, meshLog } = await withMembers();
    const remove = { kind: 'member.remove', body: { peer: second.peer } };
    await leader.propose(batchOf(founder, { seq: 3 }, [remove]));
    const late = leader.propose(batchOf(second, { seq: 1 }, [rename('x')]));
    expect(await codeOf(late)).toBe('ERR_MEMBERSHIP_REMOVED');
    expect(meshLog.tailIndex).toBe(4);
  });

  it('takes 1,024 batches and tells the next to wait', async () => {
    const { leader } = await lead();
    const taken = Array.from({ length: 1_100 }, (_, i) => codeOf(leader.propose(batch(2 + i))));
    const codes = await Promise.all(taken);
    expect(codes.filter((code) => code === 'ok').length).toBeGreaterThanOrEqual(1_024);
    expect(codes).toContain('ERR_API_BUSY');
  });
});

describe('a leader whose disk fails', () => {
  it.each(['log:write', 'log:synced'])(
    'after %s acknowledges nothing, opens again, goes on, and misses nothing',
    async (point) => {
      const { machine, leader, meshLog, fatal } = await lead();
      await leader.propose(batch(2));
      machine.faults.fail(point, systemError('ENOSPC'));
      expect(await codeOf(leader.propose(batch(3)))).toBe('ERR_STORAGE_DISK_FULL');
      await machine.clock.advance(400);
      expect(await codeOf(leader.propose(batch(4)))).toBe('ERR_SLURP_NO_LEADER');
      expect(machine.health.list().map(({ code }) => code)).toEqual(['log-failed']);
      machine.faults.mend();
      await machine.clock.advance(1_000);
      expect(await codeOf(leader.propose(batch(4)))).toBe('ok');
      expect(machine.health.list()).toEqual([]);
      expect(await leader.propose(batch(5))).toBe(meshLog.tailIndex);
      expect(fatal).toEqual([]);
      await machine.restart({ log: 'lost' });
      // What was committed last is known by the next term.
      const again = new LoneLeader(machine);
      await again.ready();
      await machine.clock.advance(10);
      expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'name 5' });
      expect(machine.meshLog.appliedRoot()).toEqual(rootOf(await machine.records()));
    },
  );

  it('ends the process after a failed sync and writes nothing more', async () => {
    const { machine, leader, fatal, meshLog } = await lead();
    machine.faults.fail('log:sync', systemError('EIO'));
    const [one, two] = [codeOf(leader.propose(batch(2))), codeOf(leader.propose(batch(3)))];
    expect([await one, await two]).toEqual(['ERR_STORAGE_IO', 'ERR_STORAGE_IO']);
    expect(fatal.map(({ code }) => code)).toEqual(['ERR_STORAGE_IO']);
    machine.faults.mend();
    expect(await codeOf(leader.propose(batch(4)))).toBe('ERR_STORAGE_IO');
    await machine.clock.advance(5_000);
    expect(machine.log.status).toBe('failed');
    expect(meshLog.tailIndex).toBe(2);
    await leader.stop();
  });

  it('refuses nothing for good, and does not let the log grow, when it cannot apply', async () => {
    const machine = await Machine.open();
    const future = batchOf(founder, { seq: 2 }, [{ kind: 'room.open', body: {} }]);
    await machine.meshLog.append(recordsOf([future]), 2);
    const leader = new LoneLeader(machine);
    await machine.clock.advance(1_000);
    const before = machine.meshLog.tailIndex;
    for (const seq of [3, 4, 5]) {
      // An origin drops a batch that is refused for good, and this one may be in the log already.
      expect(await codeOf(leader.driver.propose([batch(seq)], false))).toBe('ERR_SLURP_NO_LEADER');
      await machine.clock.advance(2_000);
    }
    expect(machine.meshLog.tailIndex).toBe(before);
    expect(machine.health.list().map(({ code }) => code)).toEqual(['upgrade-needed']);
    await leader.stop();
  });
});

describe('a leader that cannot read what it has committed', () => {
  it('keeps its seat, and applies it when it can', async () => {
    const machine = await Machine.open();
    await machine.meshLog.append(recordsOf([batch(2), batch(3)]), 1);
    // Nothing of it is in memory then.
    await machine.restart();
    const read = machine.log.read.bind(machine.log);
    let isFailing = true;
    const leader = new LoneLeader(machine);
    machine.log.read = async (...args) => {
      if (isFailing && leader.driver.isLeader) throw new CooeeError('ERR_STORAGE_IO');
      return await read(...args);
    };
    await machine.clock.advance(1_200);
    expect(machine.meshLog.appliedIndex).toBe(1);
    isFailing = false;
    await machine.clock.advance(600);
    expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'name 3' });
    expect(machine.meshLog.appliedIndex).toBe(machine.meshLog.tailIndex);
    expect(await codeOf(leader.propose(batch(4)))).toBe('ok');
    await leader.stop();
  });
});

describe('a leader whose log has forgotten entries', () => {
  it('asks who needs them to fetch the state, before the files are gone', async () => {
    const world = new RaftWorld();
    const signers = [founder, second, third];
    for (const signer of signers) {
      const node = new RaftNode(world, signer);
      world.nodes.set(signer.peer, node);
      await node.boot(signers);
      if (signer === third) continue;
      const { log, meshLog } = node.machine;
      const records = recordsOf(Array(20).fill(batch(50)), log.lastIndex + 1);
      await log.append(records, { term: 2, vote: null, commit: log.lastIndex + 20 });
      await meshLog.reopenLog();
    }
    for (const node of world.nodes.values()) {
      await node.start();
      // The core begins with what is there.
      if (node.signer !== third) await node.machine.log.compactBefore(15);
    }
    await world.leader();
    await world.pass(1_000);
    const said = world.nodes.get(third.peer)?.machine.logger.lines.map(({ message }) => message);
    expect(said).toContain('no snapshot yet');
    await world.stop();
  });
});

describe('RaftDriver.stop', () => {
  it('finishes what is being appended and rejects what waits', async () => {
    const { leader, meshLog } = await lead();
    const first = codeOf(leader.propose(batch(2)));
    const others = [3, 4].map((seq) => codeOf(leader.propose(batch(seq))));
    const stopping = leader.stop();
    const late = codeOf(leader.propose(batch(5)));
    await stopping;
    expect(await late).toBe('ERR_SLURP_NO_LEADER');
    const codes = await Promise.all([first, ...others]);
    for (const code of codes) expect(['ok', 'ERR_SLURP_NO_LEADER']).toContain(code);
    // What is in the log is whole: everything acknowledged is there.
    expect(meshLog.tailIndex).toBeGreaterThanOrEqual(1 + codes.filter((it) => it === 'ok').length);
  });

  it('is not undone by a log that is being opened again', async () => {
    const { machine, leader, meshLog } = await lead();
    machine.faults.fail('log:write', systemError('ENOSPC'));
    expect(await codeOf(leader.propose(batch(2)))).toBe('ERR_STORAGE_DISK_FULL');
    machine.faults.mend();
    const open = machine.log.open.bind(machine.log);
    let goOn = (): void => undefined;
    const opening = new Promise<void>((begun) => {
      machine.log.open = async () => {
        begun();
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        return await open();
      };
    });
    await machine.clock.advance(600);
    await opening;
    const stopped = leader.driver.stop({ handsOver: false });
    goOn();
    await stopped;
    const { term, tailIndex } = meshLog;
    await machine.clock.advance(5_000);
    expect(leader.driver.status).toBeUndefined();
    expect({ term: meshLog.term, tailIndex: meshLog.tailIndex }).toEqual({ term, tailIndex });
    expect(term).toBe(2);
  });

  it('does not hang on a store that fails, nor on a log that fails', async () => {
    for (const point of ['store:write', 'log:write']) {
      const { machine, leader } = await lead();
      machine.faults.fail(point, systemError('ENOSPC'));
      // The first one is applied all the same: the log has it, and the store is to have it soon.
      if (point === 'store:write') await leader.propose(batch(2));
      const proposed = codeOf(leader.propose(batch(3)));
      await machine.clock.advance(700);
      await leader.stop();
      expect(await proposed).toMatch(/ERR_SLURP_NO_LEADER|ERR_STORAGE_DISK_FULL/);
      await machine.meshLog.close();
    }
  });
});
