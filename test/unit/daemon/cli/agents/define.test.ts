import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { agent, PEER_B, run } from '../fake-host.ts';

// Commands about agents, through their real definitions, against a fake daemon.

const committed = { id: 'c1', state: 'committed', index: 9 };

describe('agents', () => {
  it('lists all, page by page', async () => {
    const pages = [
      { agents: [agent()], cursor: 'p2' },
      { agents: [agent({ token: '4001Y', lastSeen: null, capabilities: [] })], cursor: null },
    ];
    const answers = { listAgents: () => pages.shift() };
    const args = ['agents', '--capability', 'rust', '--status', 'idle', '--model', 'l', '--q', 'x'];
    const { exit, stdout, calls } = await run(args, { answers });
    expect(exit).toBe(0);
    expect(stdout).toBe(`TOKEN  MODEL       HOST        GPU  STATUS  SEEN      CAPABILITIES
458RV  llama3-70b  alpha-node  3    idle    12 s ago  code-review, rust
4001Y  llama3-70b  alpha-node  3    idle    -         -
`);
    const filters = { capability: 'rust', status: 'idle', model: 'l', q: 'x', limit: 1_000 };
    expect(calls.map((call) => call.input)).toEqual([
      { query: filters },
      { query: { ...filters, cursor: 'p2' } },
    ]);
  });

  it('stops at the limit and says that there are more', async () => {
    const answers = { listAgents: () => ({ agents: [agent()], cursor: 'p2' }) };
    const { stdout, stderr, calls } = await run(['agents', '--limit', '1'], { answers });
    expect(stdout.split('\n')).toHaveLength(3);
    expect(stderr).toContain('there are more');
    expect(calls).toHaveLength(1);
  });

  it('is an empty list for scripts and a word for people', async () => {
    const answers = { listAgents: () => ({ agents: [], cursor: null }) };
    expect(await run(['agents'], { answers })).toMatchObject({
      exit: 0,
      stdout: '',
      stderr: 'cooee: no such agents\n',
    });
    const script = await run(['agents', '--json'], { answers });
    expect(JSON.parse(script.stdout)).toEqual({ agents: [], cursor: null });
  });

  it('rebinds a host', async () => {
    const answers = { rebindAgent: () => committed };
    const { exit, calls } = await run(['agents', 'rebind', '458RV', PEER_B], { answers });
    expect(exit).toBe(0);
    expect(calls[0]?.input).toMatchObject({ params: { token: '458RV' }, body: { peer: PEER_B } });
  });

  it('retires one', async () => {
    const answers = { retireAgent: () => committed };
    const { exit, stdout } = await run(['retire', '458RV'], { answers });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'retired 458RV\n' });
  });

  it('announces only what was given', async () => {
    const answers = { announceAgent: () => agent() };
    const args = ['announce', '458RV', '--capability', 'a', '--capability', 'b', '--load', '0'];
    const { exit, stdout, calls } = await run(args, { answers });
    expect(exit).toBe(0);
    expect(stdout).toContain('token         458RV\n');
    expect(stdout).toContain('tasks         1 of 4\n');
    expect(calls[0]?.input).toEqual({
      params: { token: '458RV' },
      body: { capabilities: ['a', 'b'], load: 0 },
    });
  });

  it.each([
    ['458RV', '458RV'],
    ['#42', 'number:42'],
    ['ucxl://agentid:458RV', 'ucxl://agentid:458RV'],
  ])('resolves %s', async (what, ref) => {
    const answers = { getAgent: () => agent() };
    const { exit, calls } = await run(['resolve', what], { answers });
    expect(exit).toBe(0);
    expect(calls[0]?.input).toEqual({ params: { ref } });
  });

  it('resolves a number to a list', async () => {
    const answers = { getAgent: () => ({ agents: [agent()] }) };
    expect((await run(['resolve', '#42'], { answers })).stdout).toMatch(/^TOKEN .*\n458RV /u);
  });

  it('does not resolve what is not there: exit 3', async () => {
    const getAgent = () => {
      throw new CooeeError('ERR_API_NOT_FOUND');
    };
    expect(await run(['resolve', '4001Y'], { answers: { getAgent } })).toMatchObject({ exit: 3 });
  });
});

describe('enrol', () => {
  const granted = {
    id: 'r1',
    state: 'committed',
    token: '458RV',
    agents: [{ model: 'm1', gpuId: '3', token: '458RV' }],
  };

  it('enrols one', async () => {
    const answers = { enrolAgents: () => granted };
    const args = ['enroll', '--model', 'm1', '--gpu', '3', '--gpu-info', 'RTX', '--wait'];
    const { exit, stdout, stderr, calls } = await run(args, { answers });
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout).toBe('TOKEN  MODEL  GPU\n458RV  m1     3\n');
    expect(calls[0]?.input).toEqual({
      query: { wait: 'committed', timeoutMs: 60_000 },
      body: { model: 'm1', gpuId: 3, gpuInfo: 'RTX' },
    });
  });

  it('enrols several in one request', async () => {
    const answer = { ...granted, state: 'accepted' };
    const args = ['enrol', '--model', 'm1', '--model', 'm2'];
    const { exit, stderr, calls } = await run(args, { answers: { enrolAgents: () => answer } });
    expect(exit).toBe(0);
    expect(stderr).toContain('cooee agents shows the ids when granted');
    expect(calls[0]?.input).toEqual({
      query: {},
      body: { models: [{ model: 'm1' }, { model: 'm2' }] },
    });
  });

  it('says when the grant did not come in time: exit 6', async () => {
    const answers = { enrolAgents: () => ({ ...granted, state: 'relayed' }) };
    const args = ['enrol', '--model', 'm1', '--wait'];
    expect(await run(args, { answers })).toMatchObject({ exit: 6 });
  });

  it('tells when a terminal has nothing to pick from', async () => {
    const getHost = () => ({ hostname: 'h', mac: 'm', models: [], gpus: [] });
    const { exit, stderr } = await run(['enrol'], { answers: { getHost }, tty: true });
    expect(exit).toBe(3);
    expect(stderr).toContain('no models were found on this host');
  });
});

describe('id', () => {
  it.each([
    [['--host', '42', '--gpu', '3'], '458RV'],
    [['--host', '1023', '--gpu', '15', '--reserved', '3', '--version', '7'], 'ZZZZT'],
    [['--version', '2', '--host', '70000', '--gpu', '3'], '80H2W1K4'],
  ])('encode %j', async (args, token) => {
    const { exit, stdout } = await run(['id', 'encode', ...args]);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: `${token}\n` });
  });

  it('decodes as people type, without a daemon', async () => {
    const { exit, stdout } = await run(['id', 'decode', '45-8rv', '--json']);
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      host: 42,
      gpu: 3,
      reserved: 0,
      checksum: expect.any(Number) as unknown,
    });
  });

  it('offers registered tokens that are one slip away', async () => {
    const answers = { listAgents: () => ({ agents: [agent()], cursor: null }) };
    const { exit, stderr } = await run(['id', 'decode', '458RW'], { answers });
    expect(exit).toBe(2);
    expect(stderr).toContain('cooee: hint: did you mean 458RV?\n');
  });
});
