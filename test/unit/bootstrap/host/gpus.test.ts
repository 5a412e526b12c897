// GPU slots from what the tools print: each vendor with and without its tool, several at once,
// none, garbage.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectGpus } from '../../../../bootstrap/host/gpu/detect-gpus.ts';
import { describeGpu } from '../../../../bootstrap/host/index.ts';
import { controllersOf, type FakeHost, fakePorts, filesOf, fixture } from './fake-ports.ts';

const NVIDIA_TWO = [
  {
    index: 0,
    name: 'NVIDIA GeForce RTX 4090',
    vendor: 'nvidia',
    uuid: 'GPU-5d8a1c2e-0b9f-4c67-a1d3-7e2f90b46c11',
    memoryMb: 24564,
  },
  {
    index: 1,
    name: 'NVIDIA GeForce RTX 3090',
    vendor: 'nvidia',
    uuid: 'GPU-91f0c7aa-3e52-4d08-b6c4-20d1e85f7a32',
    memoryMb: 24576,
  },
];
const CPU = [{ index: 0, name: 'AMD EPYC', vendor: 'cpu' }];

const HOSTS: readonly (readonly [string, FakeHost, readonly object[]])[] = [
  ['NVIDIA', { commands: { 'nvidia-smi': fixture('nvidia-smi-two.csv') } }, NVIDIA_TWO],
  [
    'NVIDIA that shares memory',
    { commands: { 'nvidia-smi': fixture('nvidia-smi-unified.csv') } },
    [
      {
        index: 0,
        name: 'NVIDIA GB10',
        vendor: 'nvidia',
        uuid: 'GPU-2b7e4f10-6a3d-4e8b-9c05-d81f3a6e7b44',
      },
    ],
  ],
  [
    'AMD with rocm-smi',
    { commands: { 'rocm-smi': fixture('rocm-smi-7900xt.json') } },
    [
      {
        index: 0,
        name: 'Radeon RX 7900 XT',
        vendor: 'amd',
        uuid: '0x8d2f1a6b3c4e5f70',
        memoryMb: 20464,
      },
    ],
  ],
  [
    'AMD with an old rocm-smi that warns',
    { commands: { 'rocm-smi': fixture('rocm-smi-warnings.txt') } },
    [
      { index: 0, name: 'Phoenix3', vendor: 'amd' },
      {
        index: 1,
        name: 'AMD INSTINCT MI250 (MCM) OAM AC MBA',
        vendor: 'amd',
        uuid: '0xf1e2d3c4b5a69788',
        memoryMb: 65520,
      },
    ],
  ],
  [
    'AMD without rocm-smi',
    { files: filesOf('amd-two.sysfs.json'), graphics: controllersOf('amd-two.controllers.json') },
    [
      {
        index: 0,
        name: 'Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]',
        vendor: 'amd',
        uuid: '5c88007d1b2e4f3a',
        memoryMb: 24560,
      },
      { index: 1, name: 'Raphael', vendor: 'amd', memoryMb: 512 },
    ],
  ],
  [
    'AMD without rocm-smi and lspci',
    { files: filesOf('amd-two.sysfs.json') },
    [
      { index: 0, name: 'AMD GPU 744c', vendor: 'amd', uuid: '5c88007d1b2e4f3a', memoryMb: 24560 },
      { index: 1, name: 'AMD GPU 164e', vendor: 'amd', memoryMb: 512 },
    ],
  ],
  [
    'Intel',
    { files: filesOf('intel.sysfs.json'), graphics: controllersOf('intel.controllers.json') },
    [{ index: 0, name: 'Alder Lake-P GT2 [Iris Xe Graphics]', vendor: 'intel' }],
  ],
  [
    'NVIDIA beside Intel: the Intel one comes last',
    {
      commands: { 'nvidia-smi': fixture('nvidia-smi-two.csv') },
      files: filesOf('intel.sysfs.json'),
      graphics: controllersOf('intel.controllers.json'),
    },
    [...NVIDIA_TWO, { index: 2, name: 'Alder Lake-P GT2 [Iris Xe Graphics]', vendor: 'intel' }],
  ],
  [
    'Apple M3',
    { platform: 'darwin', commands: { system_profiler: fixture('system-profiler-m3-pro.json') } },
    [{ index: 0, name: 'Apple M3 Pro', vendor: 'apple' }],
  ],
  [
    'Apple M1',
    { platform: 'darwin', commands: { system_profiler: fixture('system-profiler-m1.json') } },
    [{ index: 0, name: 'Apple M1', vendor: 'apple' }],
  ],
  [
    'a Mac with Intel and AMD',
    {
      platform: 'darwin',
      commands: { system_profiler: fixture('system-profiler-intel-amd.json') },
    },
    [
      { index: 0, name: 'Radeon Pro 560X', vendor: 'amd', memoryMb: 4096 },
      { index: 1, name: 'Intel UHD Graphics 630', vendor: 'intel' },
    ],
  ],
  [
    'a Mac whose system_profiler says nothing',
    { platform: 'darwin', graphics: controllersOf('mac-m3.controllers.json') },
    [{ index: 0, name: 'Apple M3 Pro', vendor: 'apple' }],
  ],
  ['none on Linux', {}, CPU],
  ['none on a Mac', { platform: 'darwin' }, CPU],
  ['another system', { platform: 'freebsd' }, CPU],
  ['no name of the CPU', { cpuModel: () => '' }, [{ index: 0, name: 'CPU', vendor: 'cpu' }]],
  [
    'nvidia-smi without a device',
    { commands: { 'nvidia-smi': fixture('nvidia-smi-none.txt') } },
    CPU,
  ],
  [
    "a server board's screen alone",
    {
      files: filesOf('server-board.sysfs.json'),
      graphics: controllersOf('server-board.controllers.json'),
    },
    CPU,
  ],
];

describe('detectGpus', () => {
  it.each(HOSTS)('%s', async (_, host, expected) => {
    expect(await detectGpus(fakePorts(host))).toEqual(expected);
  });

  it('does not ask the slow library when the tools have told all', async () => {
    const ports = fakePorts({ commands: { 'nvidia-smi': fixture('nvidia-smi-two.csv') } });
    await detectGpus(ports);
    expect(ports.calls).toEqual([
      'nvidia-smi --query-gpu=index,name,uuid,memory.total --format=csv,noheader,nounits',
      'rocm-smi --showproductname --showmeminfo vram --showuniqueid --json',
    ]);
  });

  it('has 16 slots and says when there are more GPUs', async () => {
    const line = (n: number): string => `${n}, NVIDIA H100, GPU-${n}, 81559`;
    const csv = Array.from({ length: 18 }, (_, n) => line(17 - n)).join('\n');
    const ports = fakePorts({ commands: { 'nvidia-smi': csv } });
    const gpus = await detectGpus(ports);
    expect(gpus.map(({ index, uuid }) => [index, uuid])).toEqual(
      Array.from({ length: 16 }, (_, n) => [n, `GPU-${n}`]),
    );
    expect(ports.logger.lines).toMatchObject([{ level: 'warn', fields: { found: 18, used: 16 } }]);
  });

  it('survives whatever the tools print, and always has a slot', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((json) => `{"card0": ${json}}`),
      fc.json().map((json) => `{"SPDisplaysDataType": [${json}]}`),
      fc.string().map((name) => `0, ${name}, GPU-1, 5`),
    );
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom('linux', 'darwin'), async (output, platform) => {
        const commands = { 'nvidia-smi': output, 'rocm-smi': output, system_profiler: output };
        const gpus = await detectGpus(fakePorts({ platform, commands }));
        expect(gpus.map(({ index }) => index)).toEqual(gpus.map((_, n) => n));
        expect(gpus.length).toBeGreaterThan(0);
        for (const gpu of gpus) expect(describeGpu(gpu)).not.toMatch(/[|\p{C}]/u);
      }),
    );
  });
});

describe('describeGpu', () => {
  it('is one line', () => {
    expect(describeGpu({ index: 0, name: 'A', vendor: 'nvidia', uuid: 'U', memoryMb: 5 })).toBe(
      'A, 5 MiB, U',
    );
    expect(describeGpu({ index: 0, name: 'CPU', vendor: 'cpu' })).toBe('CPU');
  });
});
