import { describe, expect, it } from 'vitest';
import { type EnrolAnswer, encodePlaintext } from '../../../../protocols/enrolment/index.ts';
import { EnrolmentIntake } from '../../../../protocols/enrolment/intake/intake.ts';
import { CooeeError, type Outcome, silentLogger } from '../../../../protocols/interface/index.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { ManualClock } from '../../wire/manual-clock.ts';
import {
  alice,
  bob,
  CountingMetrics,
  claimed,
  crypto,
  FakeSealer,
  MESH,
  makeClaim,
  tuple,
  World,
} from '../fixtures.ts';

// Goal: the leader opens no more than a budget allows, grants what is right, and counts and answers
// every refusal.

async function startIntake(propose?: (claim: Uint8Array) => Outcome) {
  const world = new World();
  const clock = new ManualClock();
  const sealer = new FakeSealer();
  const metrics = new CountingMetrics();
  const store = new MemoryStore();
  await store.open();
  const answers: EnrolAnswer[] = [];
  const lines: unknown[] = [];
  const logger = { ...silentLogger, warn: (fields: unknown) => void lines.push(fields) };
  let leads = true;
  const intake = new EnrolmentIntake({
    ...{ sealer, clock, crypto, metrics, store, state: world.state, meshId: MESH },
    logger: { ...logger, child: () => ({ ...logger, child: () => silentLogger }) },
    isLeader: () => leads,
    propose: async (_kind, { claim }) => ({
      index: 5,
      ...(propose ?? world.grant.bind(world))(claim),
    }),
    answer: (answer) => void answers.push(answer),
  });
  const send = async (claim: Uint8Array, more: { origin?: string; sealed?: Uint8Array } = {}) => {
    const plaintext = encodePlaintext({ claim, gpuInfo: ['RTX'] });
    const sealed = more.sealed ?? (await sealer.seal('age1', plaintext));
    const request = { address: '', id: crypto.sha256(claim), sealed };
    const verdict = intake.receive(more.origin ?? alice.peer, request);
    await clock.advance(0);
    return verdict;
  };
  const follow = () => {
    leads = false;
  };
  const refusals = (code: string) => metrics.read('cooee_enrolment_refusals_total', { code });
  return { intake, world, clock, sealer, metrics, store, answers, lines, send, follow, refusals };
}

const agents = [claimed(tuple('a'))];

describe('EnrolmentIntake', () => {
  it('grants, and keeps the GPU text to itself', async () => {
    const { send, world, intake, answers } = await startIntake();
    expect(await send(makeClaim(alice, agents))).toBe('accept');
    expect(world.state.size('agent')).toBe(1);
    expect(answers).toEqual([]);
    const agent = world.state.get('agent', '4001Y')!;
    expect(await intake.gpuInfo(agent.hash)).toBe('RTX');
    expect(JSON.stringify(agent)).not.toContain('RTX');
  });

  it('counts, logs and answers each refusal', async () => {
    const { send, answers, refusals, lines } = await startIntake();
    const forged = makeClaim({ peer: alice.peer, sign: bob.sign }, agents);
    await send(forged);
    await send(makeClaim(alice, agents, { seq: 2 }), { origin: bob.peer });
    await send(makeClaim(alice, agents, { seq: 3 }), { sealed: new Uint8Array([1]) });
    expect(answers).toMatchObject([
      { to: alice.peer, id: crypto.sha256(forged), code: 'ERR_SLURP_SIGNATURE' },
      { to: bob.peer, code: 'ERR_ENROLMENT_ORIGIN' },
      { to: alice.peer, code: 'ERR_ENROLMENT_CIPHERTEXT' },
    ]);
    for (const { code } of answers) expect(refusals(code)).toBe(1);
    expect(lines).toMatchObject(answers.map(({ code }) => ({ code })));
    expect(JSON.stringify(lines)).not.toContain('alpha-node');
  });

  it('refuses a replay without asking the log, and leaves to the log what may change', async () => {
    const { send, answers, world, refusals } = await startIntake();
    await send(makeClaim(alice, agents));
    world.retire('4001Y', alice.peer);
    await send(makeClaim(alice, [claimed(tuple('b'))]));
    expect(answers).toMatchObject([{ code: 'ERR_ENROLMENT_REPLAY' }]);
    expect(world.state.get('agent', '4001Y')?.retiredIndex).not.toBeNull();
    await send(makeClaim(bob, agents), { origin: bob.peer });
    expect(answers).toHaveLength(1);
    expect(refusals('ERR_ENROLMENT_HOST_BOUND')).toBe(1);
  });

  it('opens a request once: while at work, granted, and refused', async () => {
    const { send, sealer, answers, intake, clock, refusals } = await startIntake();
    const claim = makeClaim(alice, agents);
    const sealed = await sealer.seal('age1', encodePlaintext({ claim, gpuInfo: [''] }));
    const request = { address: '', id: crypto.sha256(claim), sealed };
    for (let n = 0; n < 3; n += 1) intake.receive(alice.peer, request);
    await clock.advance(0);
    expect(answers).toEqual([]);
    intake.receive(alice.peer, request);
    expect(sealer.opened).toBe(1);
    // A copy of what was granted is a replay: its owner finds the grant in the log, and goes by
    // that.
    expect(answers.map(({ code }) => code)).toEqual(['ERR_ENROLMENT_REPLAY']);
    expect(refusals('ERR_ENROLMENT_REPLAY')).toBe(1);
    const forged = makeClaim({ peer: alice.peer, sign: bob.sign }, agents, { seq: 2 });
    await send(forged);
    await send(forged);
    expect(sealer.opened).toBe(2);
    expect(answers.slice(1).map(({ code }) => code)).toEqual(Array(2).fill('ERR_SLURP_SIGNATURE'));
  });

  it('does not hold against a request what another node sent under its id', async () => {
    const { send, sealer, answers, world } = await startIntake();
    const claim = makeClaim(alice, agents);
    const copy = await sealer.seal('age1', encodePlaintext({ claim, gpuInfo: [''] }));
    await send(claim, { origin: bob.peer, sealed: copy });
    expect(answers).toMatchObject([{ to: bob.peer, code: 'ERR_ENROLMENT_ORIGIN' }]);
    await send(claim);
    expect(answers).toHaveLength(1);
    expect(world.state.size('agent')).toBe(1);
  });

  it('tries again what failed for the moment', async () => {
    let isBusy = true;
    const { send, answers, sealer } = await startIntake(() => {
      if (isBusy) throw new CooeeError('ERR_SLURP_NO_LEADER');
      return { ok: true, value: { agents: [] } };
    });
    const claim = makeClaim(alice, agents);
    await send(claim);
    expect(answers).toEqual([]);
    isBusy = false;
    await send(claim);
    expect(sealer.opened).toBe(2);
  });

  it('looks at no more than the budget of an origin, and does not answer a flood', async () => {
    const { send, sealer, refusals, answers, clock } = await startIntake();
    const claims = Array.from({ length: 30 }, (_, n) =>
      makeClaim({ peer: alice.peer, sign: bob.sign }, agents, { seq: n + 1 }),
    );
    const verdicts = [];
    for (const claim of claims) verdicts.push(await send(claim));
    expect(verdicts.filter((verdict) => verdict === 'accept')).toHaveLength(10);
    expect(sealer.opened).toBe(10);
    expect(answers).toHaveLength(10);
    expect(refusals('ERR_WIRE_RATE')).toBe(20);
    expect(await send(makeClaim(bob, agents), { origin: bob.peer })).toBe('accept');
    await clock.advance(1_000);
    expect(await send(claims[29]!)).toBe('accept');
  });

  it('relays blindly where it does not lead', async () => {
    const { send, sealer, follow } = await startIntake();
    follow();
    expect(await send(makeClaim(alice, agents))).toBe('accept');
    expect(sealer.opened).toBe(0);
  });
});
