import { describe, expect, it } from 'vitest';
import { type MachinePorts, machineMarks } from '../../../storage/home-machine.ts';

const ID = '3d1219c7c4c5404aaa1f6d2a48adfda4';
const UUID = 'E0FA3B57-1C6D-5A5C-9C2E-0123456789AB';

function ports(init: Partial<MachinePorts> & { files?: Record<string, string> }): MachinePorts {
  return {
    platform: 'linux',
    env: {},
    readText: async (path) => init.files?.[path],
    run: async () => undefined,
    hostname: () => 'box',
    macs: () => ['aa:bb:cc:dd:ee:01'],
    ...init,
  };
}

const sources = async (init: Parameters<typeof ports>[0]): Promise<string[]> =>
  (await machineMarks(ports(init))).map(({ source }) => source);

describe('machineMarks', () => {
  it('takes machine-id, then the mainboard, then the host', async () => {
    const files = {
      '/etc/machine-id': `${ID}\n`,
      '/sys/class/dmi/id/product_uuid': `${UUID}\n`,
    };
    expect(await sources({ files })).toEqual(['machine-id', 'dmi', 'host']);
  });

  it.each([
    ['missing', {}],
    ['empty', { '/etc/machine-id': '' }],
    ['uninitialized', { '/etc/machine-id': 'uninitialized\n' }],
    ['all zeros', { '/etc/machine-id': `${'0'.repeat(32)}\n` }],
  ])('does without a machine-id that is %s', async (_, files) => {
    expect(await sources({ files })).toEqual(['host']);
    const both = { ...files, '/var/lib/dbus/machine-id': ID } as Record<string, string>;
    expect(await sources({ files: both })).toEqual(['machine-id', 'host']);
  });

  it('knows a Mac by its platform UUID', async () => {
    const run = async (command: string): Promise<string | undefined> =>
      command === 'ioreg' ? `  | "IOPlatformUUID" = "${UUID}"\n` : undefined;
    expect(await sources({ platform: 'darwin', run })).toEqual(['platform-uuid', 'host']);
    expect(await sources({ platform: 'darwin' })).toEqual(['host']);
  });

  it('takes COOEE_MACHINE_ID alone, unless it is empty', async () => {
    const files = { '/etc/machine-id': ID };
    expect(await sources({ files, env: { COOEE_MACHINE_ID: 'x' } })).toEqual(['environment']);
    expect(await sources({ files, env: { COOEE_MACHINE_ID: ' ' } })).toContain('machine-id');
  });

  it('tells hosts apart without any id, and keeps raw ids to itself', async () => {
    const one = await machineMarks(ports({ files: { '/etc/machine-id': ID } }));
    const two = await machineMarks(ports({ macs: () => [] }));
    expect(JSON.stringify(one)).not.toContain(ID);
    expect(one.at(-1)).not.toEqual(two.at(-1));
    expect(two).toMatchObject([{ source: 'host', id: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
  });
});
