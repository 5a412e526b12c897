import { expect, it } from 'vitest';
import { OwnAgents } from '../../../../protocols/capability/own/own-agents.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';

async function open() {
  const disk = { isFull: false };
  const store = new MemoryStore({
    faults: {
      hit: (point) => {
        if (disk.isFull && point === 'store:write') throw new Error('no space');
      },
    },
  });
  await store.open();
  return { disk, store, own: new OwnAgents(store, silentLogger) };
}

it('keeps what an agent says over a restart; what is not given stays', async () => {
  const { store, own } = await open();
  await own.patch('4001Y', { capabilities: ['rust'], load: 7 });
  await own.patch('4001Y', { status: 'busy' });
  const again = new OwnAgents(store, silentLogger);
  await again.load();
  expect(again.get('4001Y')).toMatchObject({ capabilities: ['rust'], load: 7, status: 'busy' });
});

it('announces nothing that could not be kept', async () => {
  const { disk, own } = await open();
  await own.patch('4001Y', { load: 7 });
  disk.isFull = true;
  await expect(own.patch('4001Y', { load: 8 })).rejects.toThrow();
  await expect(own.patch('458RV', { load: 8 })).rejects.toThrow();
  expect(own.get('4001Y').load).toBe(7);
  expect(own.get('458RV').load).toBe(0);
});

it('keeps nothing that cannot be encoded: no list with it could be announced', async () => {
  const { own } = await open();
  await own.patch('4001Y', { capabilities: ['rust'] });
  for (const broken of ['\ud800', '\ufeffgo']) {
    const patched = own.patch('4001Y', { capabilities: [broken] });
    await expect(patched).rejects.toMatchObject({ code: 'ERR_WIRE_MALFORMED' });
  }
  expect(own.get('4001Y').capabilities).toEqual(['rust']);
});
