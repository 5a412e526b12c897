import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS } from '../../protocols/interface/index.ts';
import { claimRounds } from './call-rounds.ts';
import { type CliResult, type TestHost, TestMesh, until } from './harness.ts';
import { Stopwatch } from './stopwatch.ts';
import { errorOf, refusedCli } from './views.ts';
import { hostWith, leaderOf, startVoters, without } from './voting.ts';

// Goal: a call for human help reaches humans on all nodes, exactly one of them has it and answers
// it, and its deadline holds whoever leads and whoever dies.

/** 100 in the long form. */
const ROUNDS = Number(process.env['COOEE_CALL_ROUNDS'] ?? 10);
const COMMITTED = { wait: 'committed', timeoutMs: 60_000 } as const;

const mesh = new TestMesh();
let hosts: TestHost[] = [];
let asker: TestHost;
let helper: TestHost;

beforeAll(async () => {
  const names = ['ada', 'bob', 'cleo', 'dan', 'eve'];
  hosts = names.map((name) => hostWith(mesh, name, {}));
  await startVoters(hosts, 5);
  [asker, helper] = hosts as [TestHost, TestHost];
}, 120_000);
afterAll(() => mesh.close());

const open = async (host: TestHost, body: Record<string, unknown>): Promise<string> => {
  const asked = { question: 'May I?', ...body };
  return (await host.client.call('openCall', { query: COMMITTED, body: asked })).id;
};

const claim = async (host: TestHost, id: string, by: string): Promise<number> => {
  const query = { ...COMMITTED };
  const { fence } = await host.client.call('claimCall', { params: { id }, query, body: { by } });
  return fence as number;
};

const known = (host: TestHost, id: string) =>
  until(`${host.name} knows the call`, () => host.client.call('getCall', { params: { id } }));

describe('twenty humans who claim a call at once, while leaders come and go', () => {
  it(
    'are one who has it and nineteen who know who',
    async () => {
      const rounds = await claimRounds(hosts, ROUNDS);
      expect(rounds.flatMap(({ failures }) => failures)).toEqual([]);
      expect(rounds).toHaveLength(ROUNDS);
      // A round in which nobody is refused proves nothing.
      expect(Math.min(...rounds.map(({ refused }) => refused))).toBeGreaterThanOrEqual(12);
    },
    30_000 + ROUNDS * 30_000,
  );
});

describe('a call', () => {
  it('waits on the command line until a human elsewhere has answered it', async () => {
    const asking = asker.cli(
      ...['call', 'May I drop the table?', '--context', 'It is empty.', '--severity', 'danger'],
      ...['--option', 'yes', '--option', 'no', '--wait'],
    );
    const { id } = await until('it is listed elsewhere', async () => {
      const { calls } = await helper.json<{ calls: { id: string; question: string }[] }>('calls');
      return calls.find(({ question }) => question === 'May I drop the table?');
    });
    const tail = id.slice(-8);
    expect((await helper.cli('claim', tail, '--by', 'Grace')).code).toBe(0);
    const late = await refusedCli(asker, 'claim', id, '--by', 'Linus');
    expect(late).toMatchObject({ exit: 4, code: 'ERR_HELP_CLAIMED' });
    expect((await helper.cli('answer', id.slice(0, 20), 'no\u001b[31m')).code).toBe(0);
    const { code, stdout } = (await asking) as CliResult;
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'no\n' });
    const shown = (await helper.cli('calls', id)).stdout;
    expect(shown).toMatch(/^answered by +Grace at 12D3KooW/m);
  });

  it('that is withdrawn ends the wait with 3', async () => {
    const asking = asker.cli('call', 'Never mind?', '--wait', '--json');
    const id = await until('it is open', async () => {
      const { calls } = await asker.client.call('listCalls', { query: { state: 'active' } });
      return calls.find(({ question }) => question === 'Never mind?')?.id;
    });
    await known(helper, id);
    expect((await refusedCli(helper, 'withdraw', id)).code).toBe('ERR_HELP_NOT_ASKER');
    expect((await asker.cli('withdraw', id)).code).toBe(0);
    const { code, stdout } = await asking;
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ id, state: 'withdrawn' });
  });

  it('is asked by an agent, which can withdraw it, and not answer it itself', async () => {
    const enrolled = await asker.json<{ token: string }>('enrol', '--model', 'm', '--wait');
    const agent = await asker.actAs(enrolled.token);
    const body = { question: 'May I?' };
    const { id } = await agent.call('openCall', { query: COMMITTED, body });
    const params = { id };
    const call = await agent.call('getCall', { params });
    expect(call).toMatchObject({ state: 'open', asker: { agent: enrolled.token } });
    const refused = [
      agent.call('claimCall', { params, body: { by: 'agent' } }),
      agent.call('releaseCall', { params, body: { fence: 1 } }),
      agent.call('answerCall', { params, body: { fence: 1, text: 'yes' } }),
    ];
    for (const it of refused) expect((await errorOf(it)).code).toBe('ERR_API_FORBIDDEN');
    const ofNode = await open(asker, {});
    const foreign = agent.call('withdrawCall', { params: { id: ofNode }, query: COMMITTED });
    expect((await errorOf(foreign)).code).toBe('ERR_HELP_NOT_ASKER');
    const { state } = await agent.call('withdrawCall', { params, query: COMMITTED });
    expect(state).toBe('committed');
    expect((await agent.call('getCall', { params })).state).toBe('withdrawn');
  });
});

describe('a deadline', () => {
  it('passes by the time of the log while nothing is written, and the policy answers', async () => {
    // Long enough for a slow machine to claim it first.
    const id = await open(asker, { onTimeout: 'default', default: 'no', afterMs: 4_000 });
    const watch = new Stopwatch();
    await known(helper, id);
    const fence = await claim(helper, id, 'Grace');
    const settled = await until('the policy has answered', async () => {
      const call = await helper.client.call('getCall', { params: { id } });
      return call.state === 'claimed' ? undefined : call;
    });
    expect(settled).toMatchObject({ state: 'answered', answer: 'no', answeredBy: null });
    const { answeredAt = '', deadline } = settled;
    const lateMs = Date.parse(answeredAt) - Date.parse(deadline);
    expect(lateMs).toBeGreaterThanOrEqual(0);
    await watch.expectTook(lateMs, 2_000, 'the answer of the policy');
    const body = { fence, text: 'yes', by: 'Grace' };
    const query = COMMITTED;
    const answering = helper.client.call('answerCall', { params: { id }, query, body });
    expect(await errorOf(answering)).toMatchObject({
      code: 'ERR_HELP_ANSWERED',
      details: { policy: 'default' },
    });
  });

  it('holds when the leader dies before it: the next one sees to it', async () => {
    const leader = await leaderOf(hosts);
    const [other] = without(hosts, leader) as [TestHost];
    const id = await open(other, { onTimeout: 'deny', afterMs: 1_500 });
    await leader.end('SIGKILL');
    const call = await until('the policy has answered', async () => {
      const found = await other.client.call('getCall', { params: { id } });
      return found.state === 'answered' ? found : undefined;
    });
    expect(call).toMatchObject({ answer: 'denied', answeredBy: null });
    await leader.up();
  });

  it('escalates three times and expires, and who waits is told', async () => {
    const args = ['--deadline', '1s', '--on-timeout', 'escalate', '--severity', 'info', '--wait'];
    const { code, stdout } = await asker.cli('call', 'Anybody?', ...args, '--json');
    expect(code).toBe(3);
    const expired = { state: 'expired', escalations: 3, severity: 'danger' };
    expect(JSON.parse(stdout)).toMatchObject(expired);
  });
});

describe('an agent that opens a thousand calls', () => {
  it('has as many as it may, is named, and nothing of others is lost', async () => {
    const enrolled = await asker.json<{ token: string }>('enrol', '--model', 'flood', '--wait');
    const { token } = enrolled;
    const agent = await asker.actAs(token);
    const codes = new Map<string, number>();
    const flood = async (): Promise<void> => {
      for (let n = 0; n < 125; n += 1) {
        const body = { question: `May I, the ${n}th time?` };
        const asked = agent.call('openCall', { query: COMMITTED, body });
        const code = await asked.then(
          () => 'open',
          (error: { code: string }) => error.code,
        );
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    };
    const others: string[] = [];
    const ask = async (): Promise<void> => {
      for (let n = 0; n < 5; n += 1) others.push(await open(helper, { question: `other ${n}` }));
    };
    await Promise.all([...Array.from({ length: 8 }, flood), ask()]);
    const allowed = LIMITS.callsOpenPerAgentMax;
    expect(Object.fromEntries(codes)).toEqual({
      open: allowed,
      ERR_HELP_TOO_MANY: 1_000 - allowed,
    });
    for (const id of others) expect((await known(asker, id)).state).toBe('open');
    // Who asked can read later why it was not taken.
    const query = { state: 'refused', limit: 1 } as const;
    const { calls } = await asker.client.call('listCalls', { query });
    const [refused] = calls as [(typeof calls)[number]];
    expect(refused).toMatchObject({ asker: { agent: token }, state: 'refused' });
    expect(refused.refusal?.code).toBe('ERR_HELP_TOO_MANY');
    const { stdout } = await asker.cli('calls', refused.id);
    expect(stdout).toContain('ERR_HELP_TOO_MANY');
    expect(await known(asker, refused.id)).toMatchObject(refused);
    const { health } = await helper.client.call('getStatus');
    expect(health.conditions.map(({ code }) => code)).toContain(`flood-by-${token}`);
  });
});
