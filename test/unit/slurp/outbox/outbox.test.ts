import { describe, expect, it } from 'vitest';
import { CooeeError, LIMITS } from '../../../../protocols/interface/index.ts';
import {
  type AppliedEntry,
  type Command,
  decodeBatch,
  encodeBatch,
  MeshState,
} from '../../../../protocols/slurp/index.ts';
import { assertOwnId } from '../../../../protocols/slurp/machine/kinds.ts';
import { systemError } from '../../../../storage/faults.ts';
import { LoneLeader } from '../lone-leader.ts';
import {
  ask,
  batchOf,
  boot,
  codeOf,
  crypto,
  founder,
  MESH,
  rename,
  second,
} from '../mesh-world.ts';
import { commandsOf, join, name, newOutbox, start, stored } from './outbox-fixture.ts';

describe('Outbox.submit', () => {
  it('accepts only what is on the disk', async () => {
    const { machine, outbox } = await start();
    const { accepted, id } = outbox.submit('mesh.settings', name('a'));
    let isAccepted = false;
    void accepted.then(() => {
      isAccepted = true;
    });
    expect(outbox.first()).toBeUndefined();
    expect(isAccepted).toBe(false);
    await accepted;
    await machine.restart();
    const again = await newOutbox(machine, 2, 0);
    expect(commandsOf(again.first()?.bytes).map((it) => it.id)).toEqual([id]);
  });

  it('puts what comes together into one batch, within its limits', async () => {
    const { machine, outbox } = await start();
    const many = Array.from({ length: 100 }, (_, i) =>
      outbox.submit('mesh.settings', name(`${i}`)),
    );
    await Promise.all(many.map((it) => it.accepted));
    const sizes: number[] = [];
    for await (const [, bytes] of machine.store.entries('outbox')) {
      sizes.push(commandsOf(bytes).length);
    }
    expect(sizes).toEqual([LIMITS.batchCommandsMax, 100 - LIMITS.batchCommandsMax]);
    const claim = new Uint8Array(30 * 1024);
    const large = [1, 2, 3, 4].map(() => outbox.submit('agent.grant', { claim }));
    await Promise.all(large.map((it) => it.accepted));
    for await (const [, bytes] of machine.store.entries('outbox')) {
      expect(bytes.length).toBeLessThanOrEqual(LIMITS.batchBytesMax);
    }
    expect(await stored(machine)).toHaveLength(4);
  });

  it('keeps alone what must travel alone', async () => {
    const { machine, outbox } = await start();
    const body = { boot: 1, bootNonce: 'a'.repeat(32), name: 'h', addresses: [] };
    const items = [
      outbox.submit('mesh.settings', name('a')),
      outbox.submit('member.boot', { ...body, levels: [1, 1] }, { alone: true }),
      outbox.submit('mesh.settings', name('b')),
      outbox.submit('mesh.settings', name('c')),
    ];
    await Promise.all(items.map((it) => it.accepted));
    const kinds: string[][] = [];
    for await (const [, bytes] of machine.store.entries('outbox')) {
      kinds.push(commandsOf(bytes).map(({ kind }) => kind));
    }
    expect(kinds).toEqual([['mesh.settings'], ['member.boot'], ['mesh.settings', 'mesh.settings']]);
  });

  it('refuses at once what is of the wrong form, and counts nothing for it', async () => {
    const { outbox } = await start();
    const wrong = [
      () => outbox.submit('mesh.settings', { name: 7 } as never),
      () => outbox.submit('mesh.settings', name('a'), { actor: { human: 'x'.repeat(65) } }),
      () => outbox.submit('mesh.settings', name('a'), { actor: { agent: 'x'.repeat(17) } }),
      () => outbox.submit('agent.grant', { claim: new Uint8Array(70 * 1024) }),
    ];
    for (const attempt of wrong) {
      expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_SLURP_COMMAND' }));
    }
    expect(() => outbox.submit('room.open' as never, {} as never)).toThrow(
      expect.objectContaining({ code: 'ERR_SLURP_LEVEL' }),
    );
    expect(outbox.waitingCount).toBe(0);
  });

  it('names the actor, and nothing of it that is not given', async () => {
    const { outbox } = await start();
    const actor = { agent: undefined, human: 'ann' };
    await outbox.submit('mesh.settings', name('a'), { actor }).accepted;
    expect(commandsOf(outbox.first()?.bytes)[0]?.actor).toEqual({
      peer: founder.peer,
      human: 'ann',
    });
  });

  it('shows how the id of a call is made, and of nothing else', async () => {
    const { machine } = await start();
    const outbox = await newOutbox(machine, 3, 0);
    outbox.submit('mesh.settings', name('a'));
    const { kind, body } = ask(founder, 1);
    const { accepted, id } = outbox.submit(kind as 'call.open', body as never);
    await accepted;
    const [rename, call] = commandsOf(outbox.first()?.bytes);
    expect(rename).not.toHaveProperty('made');
    expect(call).toMatchObject({ id, made: { boot: 3, number: 2 } });
    expect(() => assertOwnId(crypto.sha256, founder.peer, call as Command)).not.toThrow();
  });

  it('takes 10,000 items, and 1,000 of one agent', async () => {
    const { outbox } = await start();
    const full = expect.objectContaining({ code: 'ERR_SLURP_OUTBOX_FULL' });
    const items: Promise<void>[] = [];
    const fill = (agent: string | undefined, count: number): void => {
      const options = agent === undefined ? {} : { actor: { agent } };
      for (let i = 0; i < count; i++) {
        items.push(outbox.submit('mesh.settings', name('a'), options).accepted);
      }
    };
    fill('A', LIMITS.outboxItemsPerAgentMax);
    expect(() => fill('A', 1)).toThrow(full);
    fill('B', 1);
    fill(undefined, LIMITS.outboxItemsMax - LIMITS.outboxItemsPerAgentMax - 1);
    expect(() => fill(undefined, 1)).toThrow(full);
    expect(outbox.waitingCount).toBe(LIMITS.outboxItemsMax);
    await Promise.all(items);
    const first = outbox.first();
    if (first === undefined) throw new Error('nothing waits');
    await outbox.refuse(first, new CooeeError('ERR_SLURP_COMMAND'));
    expect(() => fill('A', 1)).not.toThrow();
  });
});

describe('an outbox whose store fails', () => {
  it('acknowledges nothing, gives the room back, and goes on once there is space', async () => {
    for (const point of ['store:write', 'store:written']) {
      const { machine, outbox } = await start();
      machine.faults.fail(point, systemError('ENOSPC'));
      const { accepted } = outbox.submit('mesh.settings', name('lost'));
      expect(await codeOf(accepted)).toBe('ERR_STORAGE_DISK_FULL');
      expect([outbox.waitingCount, outbox.first()]).toEqual([0, undefined]);
      expect(machine.store.status).toBe('failed');
      machine.faults.mend();
      const { accepted: second, id } = outbox.submit('mesh.settings', name('kept'));
      await second;
      // What was refused is not sent after all by a later start.
      await machine.restart();
      const again = await newOutbox(machine, 2, 0);
      expect(await stored(machine)).toHaveLength(1);
      expect(commandsOf(again.first()?.bytes).map((it) => it.id)).toEqual([id]);
    }
  });

  it('does not open a store that its owner has closed', async () => {
    const { machine, outbox } = await start();
    await machine.store.close();
    const { accepted } = outbox.submit('mesh.settings', name('a'));
    expect(await codeOf(accepted)).toBe('ERR_STORAGE_NOT_OPEN');
    expect(machine.store.status).toBe('closed');
  });
});

describe('what the log decides', () => {
  it('reaches the callers, and is forgotten on the disk with the entry', async () => {
    const { machine, outbox } = await start();
    const good = outbox.submit('mesh.settings', name('a'));
    const bad = outbox.submit('member.remove', { peer: founder.peer });
    await good.accepted;
    await machine.take([outbox.first()?.bytes as Uint8Array]);
    expect(await good.decided).toEqual({
      index: 2,
      outcome: expect.objectContaining({ ok: true }),
    });
    expect(await bad.decided).toMatchObject({
      index: 2,
      outcome: { ok: false, code: 'ERR_MEMBERSHIP_LAST_ADMIN' },
    });
    expect([outbox.waitingCount, outbox.first()]).toEqual([0, undefined]);
    expect(await stored(machine)).toEqual([]);
  });

  it('while this node was away is forgotten, and how is told nobody', async () => {
    const { machine, outbox } = await start();
    const gone = outbox.submit('mesh.settings', name('a'));
    await gone.accepted;
    const open = outbox.submit('mesh.settings', name('b'));
    await open.accepted;
    const state = new MeshState();
    const mark = { boot: 1, seq: outbox.first()?.seq ?? 0 };
    state.merge([{ table: 'origin', key: founder.peer, value: mark }]);
    await outbox.onReplaced(state);
    expect(await gone.decided).toMatchObject({ error: { code: 'ERR_SLURP_SKIPPED' } });
    expect(commandsOf(outbox.first()?.bytes).map(({ id }) => id)).toEqual([open.id]);
    expect((await stored(machine)).length).toBe(1);
    expect(outbox.waitingCount).toBe(1);
  });

  it('of another start that uses the same number is not taken for ours', async () => {
    const { machine, outbox } = await start();
    const { accepted, decided } = outbox.submit('mesh.settings', name('mine'));
    await accepted;
    // The other start names its commands alike: by peer, boot and count.
    const [mine] = commandsOf(outbox.first()?.bytes);
    if (mine === undefined) throw new Error('nothing waits');
    const commands = [{ ...mine, body: { name: 'theirs' } }];
    await machine.take([encodeBatch(founder, { mesh: MESH, boot: 1, seq: 2, commands })]);
    expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'theirs' });
    const error = expect.objectContaining({ code: 'ERR_MEMBERSHIP_CLONE' });
    expect(await decided).toEqual({ error });
    expect(outbox.first()).toBeUndefined();
  });
});

describe('Outbox.isForged', () => {
  const entryOf = (bytes: Uint8Array): AppliedEntry => ({
    index: 5,
    term: 1,
    timeMs: 0,
    batch: decodeBatch(bytes).value,
    batchBytes: bytes,
    decisions: [],
    events: [],
  });
  it('tells entries of another start by their numbers and bytes', async () => {
    const { outbox } = await start();
    await outbox.submit('mesh.settings', name('mine')).accepted;
    const own = outbox.first()?.bytes as Uint8Array;
    expect(outbox.isForged(entryOf(own))).toBe(false);
    const cases: [Uint8Array, boolean][] = [
      [batchOf(founder, { boot: 1, seq: 2 }, [rename('x')]), true],
      [batchOf(founder, { boot: 1, seq: 3 }, [rename('x')]), true],
      [batchOf(founder, { boot: 2, seq: 1 }, [boot(2)]), true],
      [batchOf(founder, { boot: 1, seq: 1 }, [rename('genesis')]), false],
      [batchOf(second, { boot: 7, seq: 7 }, [rename('x')]), false],
    ];
    for (const [bytes, isForged] of cases) {
      expect(outbox.isForged(entryOf(bytes))).toBe(isForged);
    }
  });
});

describe('a later start', () => {
  it('sends the same bytes, the oldest first, and counts them', async () => {
    const { machine, outbox } = await start();
    const sent: (Uint8Array | undefined)[] = [];
    for (const text of ['a', 'b', 'c']) {
      await outbox.submit('mesh.settings', name(text)).accepted;
    }
    await machine.restart();
    const again = await newOutbox(machine, 2, 0);
    join(machine, again);
    expect(again.waitingCount).toBe(3);
    await again.submit('mesh.settings', name('d')).accepted;
    while (again.first() !== undefined) {
      sent.push(again.first()?.bytes);
      await machine.take([again.first()?.bytes as Uint8Array]);
    }
    const names = sent.map((bytes) => commandsOf(bytes)[0]?.body['name']);
    expect(names).toEqual(['a', 'b', 'c', 'd']);
    expect(again.waitingCount).toBe(0);
    expect(machine.meshLog.state.get('origin', founder.peer)).toEqual({ boot: 2, seq: 1 });
  });

  it('forgets what the log decided while nobody listened', async () => {
    const { machine, outbox } = await start();
    await outbox.submit('mesh.settings', name('a')).accepted;
    const decided = outbox.first()?.bytes as Uint8Array;
    await outbox.submit('mesh.settings', name('b')).accepted;
    await machine.restart();
    // Applied by a log without the outbox's hook: the batch is still on the disk.
    await machine.take([decided]);
    expect(await stored(machine)).toHaveLength(2);
    const again = await newOutbox(machine, 2, 0);
    expect(commandsOf(again.first()?.bytes)[0]?.body).toEqual(name('b'));
    expect(await stored(machine)).toHaveLength(1);
  });

  it('with the same number goes on behind it and gives no room away twice', async () => {
    const { machine, outbox } = await start();
    await outbox.submit('mesh.settings', name('a'), { actor: { agent: 'A' } }).accepted;
    const before = outbox.first();
    const again = await newOutbox(machine);
    join(machine, again);
    await again.submit('mesh.settings', name('b'), { actor: { agent: 'A' } }).accepted;
    expect(again.waitingCount).toBe(2);
    expect(again.first()?.bytes).toEqual(before?.bytes);
    expect(await stored(machine)).toHaveLength(2);
    while (again.first() !== undefined) await machine.take([again.first()?.bytes as Uint8Array]);
    expect(again.waitingCount).toBe(0);
    expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'b' });
  });

  it('tells whoever hands something in each time, and its log once', async () => {
    const { machine, outbox } = await start();
    const { faults, logger } = machine;
    const lines = () => logger.lines.filter(({ level }) => level === 'warn').length;
    for (const round of [1, 2]) {
      faults.fail('store:write', systemError('ENOSPC'));
      for (let i = 0; i < 3; i++) {
        const { accepted } = outbox.submit('mesh.settings', name(`lost ${i}`));
        expect(await codeOf(accepted)).toBe('ERR_STORAGE_DISK_FULL');
      }
      expect(lines()).toBe(round);
      faults.mend();
      await outbox.submit('mesh.settings', name('kept')).accepted;
    }
  });

  it('says so when a stored batch is damaged', async () => {
    const { machine } = await start();
    const value = new Uint8Array([1, 2, 3]);
    await machine.store.batch([{ namespace: 'outbox', key: '1', value }], { sync: true });
    expect(await codeOf(newOutbox(machine, 2, 0))).toBe('ERR_WIRE_MALFORMED');
  });
});

describe('refuse, shut and stop', () => {
  it('refuse tells the callers and forgets, or leaves all as it was', async () => {
    const { machine, outbox } = await start();
    const { accepted, decided } = outbox.submit('mesh.settings', name('a'));
    await accepted;
    const batch = outbox.first();
    if (batch === undefined) throw new Error('nothing waits');
    const error = new CooeeError('ERR_SLURP_SIGNATURE');
    machine.faults.fail('store:write', systemError('ENOSPC'));
    expect(await codeOf(outbox.refuse(batch, error))).toBe('ERR_STORAGE_DISK_FULL');
    expect(outbox.first()).toBe(batch);
    machine.faults.mend();
    await outbox.refuse(batch, error);
    expect(await decided).toEqual({ error });
    expect(await stored(machine)).toEqual([]);
    await outbox.refuse(batch, error);
    expect(outbox.waitingCount).toBe(0);
  });

  it('shut refuses what comes and what was not accepted yet; what was accepted stays', async () => {
    const { outbox } = await start();
    await outbox.submit('mesh.settings', name('kept')).accepted;
    const waiting = outbox.submit('mesh.settings', name('late'));
    outbox.shut(new CooeeError('ERR_MEMBERSHIP_REMOVED'));
    expect(await codeOf(waiting.accepted)).toBe('ERR_MEMBERSHIP_REMOVED');
    expect(() => outbox.submit('mesh.settings', name('x'))).toThrow(
      expect.objectContaining({ code: 'ERR_MEMBERSHIP_REMOVED' }),
    );
    expect(outbox.waitingCount).toBe(1);
  });

  it('stop lets the flush under way finish', async () => {
    const { machine, outbox } = await start();
    const { accepted } = outbox.submit('mesh.settings', name('a'));
    await outbox.stop();
    expect(await codeOf(accepted)).toBe('ok');
    expect(await stored(machine)).toHaveLength(1);
    expect(() => outbox.submit('mesh.settings', name('x'))).toThrow(
      expect.objectContaining({ code: 'ERR_API_STARTING' }),
    );
  });
});

it('a write goes from the outbox through the leader into the state', async () => {
  const { machine, outbox } = await start();
  const leader = new LoneLeader(machine);
  const { accepted, decided } = outbox.submit('mesh.settings', name('through'));
  await accepted;
  await leader.propose(outbox.first()?.bytes as Uint8Array);
  expect(await decided).toMatchObject({ index: 3, outcome: { ok: true } });
});
