import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import {
  conditions,
  hasMesh,
  membersOn,
  meshOf,
  modelsOf,
  refusedCli,
  refusedUp,
  setAside,
} from './views.ts';

// A daemon that runs and is told to join, to leave, and to join again: what becomes of the mesh
// that it had, and of its agents.

let mesh: TestMesh;

beforeAll(() => {
  mesh = new TestMesh();
});

afterAll(async () => {
  await mesh.close();
});

describe('a running daemon that is told to join', () => {
  it('sets its mesh of one aside and enrols its agents again; leaves; joins again', async () => {
    const [base, mover] = [mesh.host('harbour'), mesh.host('mover')];
    await Promise.all([base.up(), mover.up()]);
    await mover.json('enrol', '--model', 'one', '--model', 'two', '--wait');
    const own = await meshOf(mover);
    const firstKey = readFileSync(join(mover.home, 'RECOVERY-KEY'), 'utf8');

    const joined = await mover.json('join', await base.invite());
    expect(joined).toEqual({ mesh: await meshOf(base), peer: await mover.peer() });
    expect(setAside(mover)).toBe(1);
    // The key of a mesh stays with it.
    const [old = ''] = readdirSync(join(mover.home, 'old'));
    expect(readFileSync(join(mover.home, 'old', old, 'RECOVERY-KEY'), 'utf8')).toBe(firstKey);
    expect(existsSync(join(mover.home, 'RECOVERY-KEY'))).toBe(false);
    await until('its agents are in the new mesh', async () => {
      return (await modelsOf(base, 'mover')).join() === 'one,two';
    });

    const { code, stdout } = await mover.cli('leave');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `left mesh ${joined['mesh']}\n` });
    const key = readFileSync(join(mover.home, 'RECOVERY-KEY'), 'utf8');
    expect(key).toMatch(/^cooee-recovery1[a-z2-7]+\n$/u);
    expect(key).not.toBe(firstKey);
    expect(await meshOf(mover)).not.toBe(own);
    expect([await membersOn(mover), setAside(mover)]).toEqual([['mover'], 2]);
    await until('the others have heard it', async () => {
      return (await membersOn(base)).join() === 'harbour';
    });
    await until('it is well alone', async () => (await conditions(mover)) === '');
    await until('its agents are with it', async () => {
      return (await modelsOf(mover, 'mover')).join() === 'one,two';
    });

    await mover.json('join', await base.invite());
    await until('both are connected', async () => {
      return (await base.client.call('getStatus', {})).peers.connected === 1;
    });
    expect(await membersOn(base)).toEqual(['harbour', 'mover']);
    // Its own goodbye stands in the log that it has read from the beginning.
    await mover.json('enrol', '--model', 'three', '--wait');
    await mover.end();
    await mover.up();
    expect(await meshOf(mover)).toBe(joined['mesh']);
    await mover.json('enrol', '--model', 'four', '--wait');
    expect(await conditions(mover)).toBe('');
    await Promise.all([base.end(), mover.end()]);
  });

  it('that is not alone refuses: exit 4, and nothing has changed', async () => {
    const [crew, mate] = (await mesh.start('crew', 'mate')) as [TestHost, TestHost];
    const base = mesh.host('elsewhere');
    await base.up();
    const invite = await base.invite();
    for (const host of [crew, mate]) {
      expect(await refusedCli(host, 'join', invite)).toEqual({
        exit: 4,
        code: 'ERR_BOOTSTRAP_OTHER_MESH',
        remedy: 'Run cooee leave first, or use another home with --home.',
      });
      expect([await membersOn(host), setAside(host)]).toEqual([['crew', 'mate'], 0]);
    }
    await mate.end();
    expect(await refusedUp(mate, invite)).toMatchObject({
      exit: 4,
      code: 'ERR_BOOTSTRAP_OTHER_MESH',
    });
    expect(hasMesh(mate)).toBe(true);
    // The only voter cannot go while others are there: they would be left without a log.
    expect(await refusedCli(crew, 'leave')).toMatchObject({
      exit: 4,
      code: expect.stringMatching(/^ERR_MEMBERSHIP_LAST_(?:ADMIN|VOTER)$/u),
    });
    expect(await membersOn(base)).toEqual(['elsewhere']);
    await Promise.all([crew.end(), base.end()]);
  });
});
