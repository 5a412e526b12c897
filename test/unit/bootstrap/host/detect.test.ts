import { describe, expect, it } from 'vitest';
import { detectHost } from '../../../../bootstrap/host/index.ts';
import { fakePorts, filesOf, fixture } from './fake-ports.ts';

describe('detectHost', () => {
  it('puts together what is found', async () => {
    const ports = fakePorts({
      hostname: () => ' Alpha-Node ',
      files: filesOf('laptop.sysfs.json'),
      commands: { 'nvidia-smi': fixture('nvidia-smi-two.csv') },
      urls: { 'http://127.0.0.1:11434/api/tags': '{"models":[{"name":"llama3"}]}' },
    });
    expect(await detectHost(ports)).toMatchObject({
      hostname: 'alpha-node',
      mac: '54e1ad010203',
      gpus: [{ index: 0 }, { index: 1 }],
      models: [{ name: 'llama3', source: 'ollama' }],
    });
  });

  it.each(['', '  ', 'a|b', 'x'.repeat(256)])('has no hostname for %j', async (hostname) => {
    const facts = await detectHost(fakePorts({ hostname: () => hostname }));
    expect(facts).toEqual({ gpus: [{ index: 0, name: 'AMD EPYC', vendor: 'cpu' }], models: [] });
  });
});
