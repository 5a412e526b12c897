import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { Outbox } from '../../../../protocols/slurp/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { LoneLeader } from '../lone-leader.ts';
import { codeOf, crypto, founder, Machine, MESH } from '../mesh-world.ts';
import { commandsOf, join, name, newOutbox, stored } from './outbox-fixture.ts';

describe('the outbox of a leader', () => {
  async function lead() {
    const machine = await Machine.open();
    const outbox = new Outbox(
      {
        ...{ ...machine, signer: founder, crypto },
        isLeader: () => true,
        isCommitted: (batch) => machine.meshLog.isCommitted(batch),
      },
      { meshId: MESH, boot: 1, lastSeq: 1 },
    );
    await outbox.open(machine.meshLog.state);
    join(machine, outbox);
    return { machine, outbox, leader: new LoneLeader(machine) };
  }

  it('writes nothing of its own while the log is quick, and accepts what the log has', async () => {
    const { machine, outbox, leader } = await lead();
    let isAccepted = false;
    const { accepted, decided } = outbox.submit('mesh.settings', name('quick'));
    void accepted.then(() => {
      isAccepted = true;
    });
    const bytes = await firstOf(outbox);
    expect([isAccepted, await stored(machine)]).toEqual([false, []]);
    await leader.propose(bytes);
    await accepted;
    expect(await decided).toMatchObject({ outcome: { ok: true } });
    expect(await stored(machine)).toEqual([]);
    await leader.stop();
  });

  it('is on the disk before it is accepted when the log is slow, and goes with it', async () => {
    const { machine, outbox, leader } = await lead();
    const { accepted, id } = outbox.submit('mesh.settings', name('slow'));
    const bytes = await firstOf(outbox);
    await machine.clock.advance(20);
    await accepted;
    expect(await stored(machine)).toHaveLength(1);
    const again = await newOutbox(machine, 2, 0);
    expect(commandsOf(again.first()?.bytes).map((it) => it.id)).toEqual([id]);
    await leader.propose(bytes);
    expect(await stored(machine)).toEqual([]);
    await leader.stop();
  });

  it('does not accept what neither the log nor the disk takes', async () => {
    const { machine, outbox } = await lead();
    const { accepted } = outbox.submit('mesh.settings', name('lost'));
    const code = codeOf(accepted);
    await firstOf(outbox);
    machine.faults.fail('store:write', systemError('ENOSPC'));
    await machine.clock.advance(20);
    expect(await code).toBe('ERR_STORAGE_DISK_FULL');
  });

  it('does not do later what it did not accept: it is handed in again by then', async () => {
    const { machine, outbox, leader } = await lead();
    const code = codeOf(outbox.submit('mesh.settings', name('refused')).accepted);
    await firstOf(outbox);
    machine.faults.fail('store:written', systemError('ENOSPC'));
    await machine.clock.advance(20);
    expect(await code).toBe('ERR_STORAGE_DISK_FULL');
    expect([outbox.first(), outbox.waitingCount]).toEqual([undefined, 0]);
    machine.faults.mend();
    await machine.clock.advance(1_000);
    if (machine.store.status === 'failed') await machine.store.open();
    const again = outbox.submit('mesh.settings', name('again'));
    await leader.propose(await firstOf(outbox));
    await again.accepted;
    expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'again' });
    // Its row had come to the disk all the same, and is gone with the next entry.
    expect(await stored(machine)).toEqual([]);
    await leader.stop();
  });

  it('accepts what the log has, also while the state cannot be stored', async () => {
    const { machine, outbox, leader } = await lead();
    await leader.ready();
    const { accepted, decided } = outbox.submit('mesh.settings', name('logged'));
    const bytes = await firstOf(outbox);
    machine.faults.fail('store:write', systemError('ENOSPC'));
    await codeOf(machine.store.batch([{ namespace: 'meta', key: 'x' }], { sync: true }));
    const open = machine.store.open.bind(machine.store);
    machine.store.open = () => Promise.reject(new CooeeError('ERR_STORAGE_DISK_FULL'));
    const before = machine.meshLog.appliedIndex;
    void leader.propose(bytes);
    await machine.clock.advance(20);
    await accepted;
    expect(machine.meshLog.appliedIndex).toBe(before);
    machine.faults.mend();
    machine.store.open = open;
    await machine.clock.advance(1_000);
    expect(await decided).toMatchObject({ outcome: { ok: true } });
    await leader.stop();
  });

  it('answers who waits for the log when the node stops', async () => {
    const { outbox } = await lead();
    const code = codeOf(outbox.submit('mesh.settings', name('late')).accepted);
    await firstOf(outbox);
    await outbox.stop();
    expect(await code).toBe('ERR_API_STARTING');
  });

  it('answers who waits for the log with what it was shut with', async () => {
    const { outbox } = await lead();
    const code = codeOf(outbox.submit('mesh.settings', name('late')).accepted);
    await firstOf(outbox);
    outbox.shut(new CooeeError('ERR_MEMBERSHIP_REMOVED'));
    await outbox.stop();
    expect(await code).toBe('ERR_MEMBERSHIP_REMOVED');
  });

  async function firstOf(outbox: Outbox): Promise<Uint8Array> {
    for (;;) {
      const bytes = outbox.first()?.bytes;
      if (bytes !== undefined) return bytes;
      await Promise.resolve();
    }
  }
});
