// What a home remembers of its host: over restarts, over failed writes, against garbage.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  HOST_FILE_BYTES_MAX,
  HostFile,
  type HostIdentity,
  type WantedAgent,
} from '../../../../bootstrap/host/index.ts';
import { durableText } from '../../../../storage/durable-file.ts';
import { temporaryFolders } from '../../storage/temporary-folder.ts';

const temporaryFolder = temporaryFolders();
const identity: HostIdentity = {
  hostname: 'alpha',
  mac: 'aabbccddee01',
  hostnameFrom: 'system',
  macFrom: 'flag',
};
const agent = (n: number, gpu_id = 0): WantedAgent => ({ model: `m${n}`, gpu_id, gpu_info: 'G' });

function memoryFile(text?: string) {
  const file = {
    text,
    fault: undefined as Error | undefined,
    read: async () => file.text,
    write: async (next: string) => {
      if (file.fault !== undefined) throw file.fault;
      file.text = next;
    },
  };
  return file;
}

describe('HostFile', () => {
  it('is empty at first', async () => {
    expect(await new HostFile(memoryFile()).load()).toEqual({ agents: [] });
  });

  it('remembers on a real disk', async () => {
    const port = durableText(join(await temporaryFolder(), 'host.json'), HOST_FILE_BYTES_MAX);
    const file = new HostFile(port);
    await Promise.all([
      file.fixIdentity(identity),
      file.addAgents([agent(1), agent(2)]),
      file.addAgents([agent(1, 3)]),
      file.removeAgent('m2', 0),
      file.removeAgent('m9', 0),
    ]);
    const expected = { identity, agents: [agent(1), agent(1, 3)] };
    expect(await file.load()).toEqual(expected);
    expect(await new HostFile(port).load()).toEqual(expected);
  });

  it('fixes the identity once', async () => {
    const file = new HostFile(memoryFile());
    await file.fixIdentity(identity);
    expect(await file.fixIdentity({ ...identity, hostname: 'beta' })).toEqual({
      identity,
      agents: [],
    });
  });

  it('has a model once on a slot, with the latest description', async () => {
    const file = new HostFile(memoryFile());
    await file.addAgents([agent(1)]);
    const { agents } = await file.addAgents([{ ...agent(1), gpu_info: 'new' }]);
    expect(agents).toEqual([{ ...agent(1), gpu_info: 'new' }]);
  });

  it('has at most 256 agents: one more changes nothing', async () => {
    const file = new HostFile(memoryFile());
    const all = Array.from({ length: 256 }, (_, n) => agent(n >> 4, n & 15));
    await file.addAgents(all);
    await expect(file.addAgents([agent(99)])).rejects.toMatchObject({
      code: 'ERR_ENROLMENT_TOO_LARGE',
      details: { agents: 257, agentsMax: 256 },
    });
    expect((await file.load()).agents).toEqual(all);
  });

  it('keeps the longest fields of 256 agents within its bound', async () => {
    const port = memoryFile();
    const all = Array.from({ length: 256 }, (_, n) => ({
      model: `${n}`.padStart(255, '"'),
      gpu_id: 0,
      gpu_info: '\\'.repeat(255),
    }));
    await new HostFile(port).addAgents(all);
    expect(Buffer.byteLength(port.text ?? '')).toBeLessThan(HOST_FILE_BYTES_MAX);
    expect((await new HostFile(port).load()).agents).toEqual(all);
  });

  it.each([
    ['model', { ...agent(1), model: 'UPPER' }],
    ['model', { ...agent(1), model: 'a|b' }],
    ['gpu_id', { ...agent(1), gpu_id: 16 }],
    ['gpu_id', { ...agent(1), gpu_id: 0.5 }],
    ['gpu_info', { ...agent(1), gpu_info: 'é'.repeat(128) }],
    ['gpu_info', { ...agent(1), gpu_info: 'a\nb' }],
  ])('refuses an agent whose %s is not canonical', async (field, wrong) => {
    const port = memoryFile();
    await expect(new HostFile(port).addAgents([wrong])).rejects.toMatchObject({
      code: 'ERR_ENROLMENT_MALFORMED',
      details: { field },
    });
    expect(port.text).toBeUndefined();
  });

  it('goes on after a failed write as if it had not been asked', async () => {
    const port = memoryFile();
    const file = new HostFile(port);
    await file.addAgents([agent(1)]);
    port.fault = new Error('disk full');
    await expect(file.addAgents([agent(2)])).rejects.toThrow('disk full');
    expect((await file.load()).agents).toEqual([agent(1)]);
    port.fault = undefined;
    expect((await file.addAgents([agent(3)])).agents).toEqual([agent(1), agent(3)]);
  });

  const good = { v: 1, identity, agents: [agent(1)] };
  it.each([
    ['no JSON', '{'],
    ['another version', JSON.stringify({ ...good, v: 2 })],
    ['an unknown field', JSON.stringify({ ...good, x: 1 })],
    ['no agents', JSON.stringify({ v: 1 })],
    ['a wrong mac', JSON.stringify({ ...good, identity: { ...identity, mac: 'AA' } })],
    ['an agent twice', JSON.stringify({ ...good, agents: [agent(1), agent(1)] })],
    [
      'too many agents',
      JSON.stringify({ v: 1, agents: Array.from({ length: 257 }, (_, n) => agent(n)) }),
    ],
  ])('calls it damage: %s', async (_, text) => {
    await expect(new HostFile(memoryFile(text)).load()).rejects.toMatchObject({
      code: 'ERR_STORAGE_DAMAGED',
    });
  });
});
