// Goal: whoever asks why gets the reason that is the case, from a node that has seen it. Method:
// real daemons are brought into one situation after the other, and a node is asked.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { WhyView } from '../../daemon/api/routes/index.ts';
import { type TestHost, TestMesh, until } from './harness.ts';

const mesh = new TestMesh();
let alpha: TestHost;
let beta: TestHost;
let gamma: TestHost;
let token: string;

const WAIT = { wait: 'committed', timeoutMs: 30_000 } as const;
const dr = (name: string, more: object = {}) => ({
  kind: 'dr' as const,
  address: `ucxl://any:architect@shop:checkout/#/${name}`,
  title: name,
  decision: 'd'.repeat(64),
  ...more,
});

async function why(host: TestHost, thing: string): Promise<WhyView> {
  return await host.client.call('getWhy', { query: { thing } });
}

/** Asks until the verdict is that one: what a node has seen comes to it in its own time. */
async function whyUntil(host: TestHost, thing: string, verdict: string): Promise<WhyView> {
  let last: WhyView | undefined;
  return await until(`${thing} is ${verdict}`, async () => {
    last = await why(host, thing);
    return last.verdict === verdict && last;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; last: ${JSON.stringify(last)}`);
  });
}

const facts = ({ because }: WhyView): string => because.map(({ fact }) => fact).join('\n');

beforeAll(async () => {
  alpha = mesh.host('alpha');
  await alpha.up();
  await alpha.votesAlone();
  const invite = await alpha.invite('--uses', '2');
  beta = mesh.host('beta');
  gamma = mesh.host('gamma');
  await Promise.all([beta.up('--join', invite), gamma.up('--join', invite)]);
  ({ token } = await beta.json<{ token: string }>('enrol', '--model', 'm1', '--wait'));
});
afterAll(() => mesh.close());

it('a member that is here, by its name, its id and the end of it', async () => {
  const peer = await beta.peer();
  const views = [];
  for (const thing of [
    'beta',
    peer,
    peer.slice(-6),
    `ucxl://any:admin@COOEE:mesh/#/member/${peer}`,
  ]) {
    views.push(await whyUntil(alpha, thing, 'here'));
  }
  expect(views.map(({ kind, id, next }) => [kind, id, next])).toEqual(
    views.map(() => ['peer', peer, []]),
  );
});

it('a stranger, a token that was never granted, and what is nothing at all', async () => {
  const stranger = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
  expect((await why(alpha, stranger)).verdict).toBe('never-admitted');
  expect(await why(alpha, '458RV')).toMatchObject({ kind: 'agent', verdict: 'not-granted' });
  const nothing = await alpha.cli('why', 'no such thing', '--json');
  expect([nothing.code, JSON.parse(nothing.stderr).error.code]).toEqual([3, 'ERR_API_NOT_FOUND']);
});

it('a host whose invite is used up: refused, with the code and how often', async () => {
  const invite = await alpha.invite();
  const late = mesh.host('late');
  const taker = mesh.host('taker');
  await taker.up('--join', invite);
  late.spawn('--join', invite);
  expect(await late.exited).toBe(4);
  const book = await alpha.client.call('getWhy', { query: { thing: await peerIn(late) } });
  expect(book).toMatchObject({ verdict: 'refused', next: ['cooee invite'] });
  expect(facts(book)).toContain('ERR_MEMBERSHIP_INVITE_USED');
});

/** The peer id of a host that never came up, out of what the other side logged. */
async function peerIn({ home }: TestHost): Promise<string> {
  const again = mesh.hosts.find((it) => it.home === home)!;
  await again.up();
  const peer = await again.peer();
  await again.end();
  return peer;
}

it('an agent that is there, then retired by whom in which entry', async () => {
  expect((await whyUntil(gamma, token, 'here')).kind).toBe('agent');
  await beta.cli('retire', token);
  const view = await whyUntil(gamma, token, 'retired');
  const [retired] = view.because;
  expect([retired?.fact, retired?.source, (retired?.index ?? 0) > 0]).toEqual([
    ...['retired by beta', 'log', true],
  ]);
  await beta.cli('enrol', '--model', 'm1', '--wait');
});

it('a call: open, claimed by whom, answered', async () => {
  const { id } = await beta.json<{ id: string }>('call', 'May I?');
  expect(facts(await whyUntil(gamma, id, 'open'))).toContain('opened by beta');
  await alpha.cli('claim', id, '--by', 'Ada');
  expect((await whyUntil(gamma, id.slice(-8), 'claimed')).text).toContain('Ada on alpha');
  await alpha.cli('answer', id, 'yes');
  expect((await whyUntil(gamma, id, 'answered')).text).toContain('Ada on alpha answered');
});

it('a submission: undecided, decided, and superseded by which', async () => {
  const submit = async (body: ReturnType<typeof dr>) =>
    await beta.client.call('submit', { query: WAIT, body });
  const first = await submit(dr('one'));
  expect(await whyUntil(gamma, first.id, 'undecided')).toMatchObject({ kind: 'submission' });
  await alpha.json('decide', first.id, '--as', 'accepted', '--why', 'good');
  expect((await whyUntil(gamma, first.address, 'decided')).text).toContain('accepted');
  const links = [{ rel: 'supersedes' as const, address: first.address }];
  const second = await submit(dr('two', { links }));
  expect((await whyUntil(gamma, first.id, 'superseded')).next).toEqual([`cooee why ${second.id}`]);
});

it('one name for several things lists them, exit 2', async () => {
  const ends = mesh.host('beta-two');
  await ends.up('--hostname', 'beta', '--mac', 'AA:BB:CC:DD:EE:F1', '--join', await alpha.invite());
  const view = await whyUntil(alpha, 'beta', 'ambiguous');
  expect([view.kind, view.because.length]).toEqual(['several', 2]);
  expect((await alpha.cli('why', 'beta')).code).toBe(2);
  await alpha.cli('members', 'remove', await ends.peer());
});

it('a removed member: by whom, on both sides', async () => {
  const out = mesh.host('delta');
  await out.up('--join', await alpha.invite());
  await alpha.json('members', 'remove', await out.peer());
  const view = await whyUntil(gamma, 'delta', 'removed');
  expect(view.text).toContain('by alpha');
  expect((await whyUntil(out, 'delta', 'removed')).next).toContain('cooee leave');
});

it('a dead member and its agent: since when, last dial error, who was asked', async () => {
  const { token: dead } = await gamma.json<{ token: string }>('enrol', '--model', 'm2', '--wait');
  await whyUntil(beta, dead, 'here');
  await gamma.end('SIGKILL');
  const view = await whyUntil(beta, 'gamma', 'unreachable');
  expect(facts(view)).toMatch(/dials? of it failed, at last: .*ECONNREFUSED/);
  expect((await whyUntil(beta, dead, 'node-unreachable')).text).toContain('gamma');
  const agents = await beta.agentClient.call('getWhy', { query: { thing: 'gamma' } });
  expect([agents.verdict, facts(agents).includes('dialled')]).toEqual(['unreachable', false]);
});

it('what waits while the only voter is away: no quorum, and it is kept', async () => {
  await alpha.end('SIGKILL');
  await until('the leader is missed', async () => {
    return (await beta.client.call('getStatus', {})).slurp.leader === null;
  });
  const call = await beta.client.call('openCall', { body: { question: 'Anybody?' } });
  const submission = await beta.client.call('submit', { body: dr('late') });
  const { id } = await beta.json<{ id: string }>('enrol', '--model', 'm9');
  expect(id).not.toBe('');
  const views = [await why(beta, call.id), await why(beta, submission.id)];
  expect(views.map(({ kind, verdict }) => [kind, verdict])).toEqual([
    ['call', 'no-quorum'],
    ['submission', 'no-quorum'],
  ]);
  expect(facts(views[0]!)).toContain('away: alpha');
  expect(await why(beta, '458RV')).toMatchObject({ verdict: 'enrolment-waiting' });
  await alpha.up();
  await whyUntil(beta, call.id, 'open');
  await whyUntil(beta, submission.id, 'undecided');
});
