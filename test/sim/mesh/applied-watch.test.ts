import { expect, it } from 'vitest';
import { MeshLog } from '../../../protocols/slurp/index.ts';
import { crypto, GENESIS, Machine, MESH } from '../../unit/slurp/mesh-world.ts';
import { settle } from '../../unit/wire/manual-clock.ts';
import { watchApplied } from './applied-watch.ts';

it('tells of what a start applies, also of one that ends before that is written', async () => {
  const machine = await Machine.open();
  await machine.log.append([], { term: 1, vote: null, commit: GENESIS.index });
  const told: string[] = [];
  /** A program begins on that disk, and never hears that anything was written. */
  const start = async (isWritten: boolean): Promise<MeshLog> => {
    const store = new Proxy(machine.store, {
      get: (target, name) => {
        const never = (): Promise<void> => new Promise(() => undefined);
        if (name === 'defer' && !isWritten) return never;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const meshLog = new MeshLog({ ...machine, store, crypto }, { meshId: MESH });
    watchApplied(meshLog, ({ index }) => void told.push(`${index}`));
    void meshLog.open();
    await settle();
    return meshLog;
  };
  await machine.store.batch([{ namespace: 'meta', key: 'applied' }]);
  expect((await start(false)).state.get('mesh', 'mesh')).toBeUndefined();
  expect(told).toEqual(['1']);
  expect((await start(true)).state.get('mesh', 'mesh')).toBeDefined();
  expect(told).toEqual(['1', '1']);
});
