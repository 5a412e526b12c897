import { describe, expect, it, vi } from 'vitest';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { CALL_ID, call } from '../../api/fake-calls.ts';
import { NOW_MS, PEER_A, run } from '../fake-host.ts';

// Commands about calls, through their real definitions, against a fake daemon.

const OTHER_ID = `bafyrei${'d'.repeat(52)}`;
const address = `ucxl://any:human@COOEE:help/#/call/${CALL_ID}`;
const committed = { id: CALL_ID, address, state: 'committed', index: 9 };
const accepted = { id: CALL_ID, address, state: 'accepted' };
const WAIT = { wait: 'committed' };
const params = { id: CALL_ID };
const found = { listCalls: () => ({ calls: [call()], cursor: null }) };
const ada = { human: 'ada', peer: PEER_A };
const claimed = call({ state: 'claimed', fence: 2, claimedBy: ada });

describe('call', () => {
  it('hands all options on, and prints the id', async () => {
    const answers = { openCall: () => committed };
    const args = ['call', 'May I?', '--context', 'Late.', '--option', 'yes', '--option', 'no'];
    const more = ['--severity', 'danger', '--deadline', '1h30m', '--default', 'no'];
    const { exit, stdout, stderr, calls } = await run([...args, ...more], { answers });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: `${CALL_ID}\n` });
    expect(stderr).toContain(`cooee calls ${CALL_ID}`);
    const body = {
      ...{ question: 'May I?', context: 'Late.', options: ['yes', 'no'], severity: 'danger' },
      ...{ afterMs: 5_400_000, onTimeout: 'default', default: 'no' },
    };
    expect(calls[0]?.input).toEqual({ query: WAIT, body });
  });

  it('takes a time as its deadline', async () => {
    const answers = { openCall: () => committed };
    const args = ['call', 'May I?', '--deadline', '2026-11-21T15:00:00+01:00', '--json'];
    const { stdout, calls } = await run(args, { answers });
    expect(JSON.parse(stdout)).toEqual(committed);
    const deadline = '2026-11-21T14:00:00.000Z';
    expect(calls[0]?.input).toMatchObject({ body: { question: 'May I?', deadline } });
  });

  it('that is not committed in time prints its id all the same, and exits with 6', async () => {
    const { exit, stdout, stderr } = await run(['call', '?'], {
      answers: { openCall: () => accepted },
    });
    expect({ exit, stdout }).toEqual({ exit: 6, stdout: `${CALL_ID}\n` });
    expect(stderr).toContain('it is accepted, but not committed yet');
  });

  it.each([
    ['--deadline soon'],
    ['--deadline 2026-13-41'],
    ['--on-timeout default'],
    ['--on-timeout deny --default no'],
    ['--severity high'],
  ])('refuses %s', async (options) => {
    const { exit, calls } = await run(['call', 'May I?', ...options.split(' ')], { answers: {} });
    expect({ exit, calls }).toEqual({ exit: 2, calls: [] });
  });

  it.each([
    [{ state: 'answered' as const, answer: 'y\u001b[1mes', answeredBy: ada }, 0, 'yes\n', 'by ada'],
    [
      { state: 'answered' as const, answer: 'denied', answeredBy: null },
      0,
      'denied\n',
      'by policy',
    ],
    [{ state: 'expired' as const }, 3, '', 'the call is expired'],
    [{ state: 'withdrawn' as const }, 3, '', 'the call is withdrawn'],
  ])('--wait ends with what became of it: %#', async (change, code, text, remark) => {
    const states = [call(), call(), call(change)];
    const answers = {
      openCall: () => committed,
      getCall: () => states.shift(),
      watch: () => [
        { kind: 'open' as const },
        { kind: 'open' as const },
        { kind: 'open' as const },
      ],
    };
    const { exit, stdout, stderr } = await run(['call', '?', '--wait'], { answers });
    expect({ exit, stdout }).toEqual({ exit: code, stdout: text });
    expect(stderr).toContain(remark);
  });

  it('--wait goes on while the daemon starts, or is away for a moment', async () => {
    const answers = {
      openCall: () => committed,
      getCall: vi
        .fn()
        .mockImplementationOnce(() => {
          throw new CooeeError('ERR_API_STARTING');
        })
        .mockImplementationOnce(() => {
          throw new CooeeError('ERR_API_DAEMON_NOT_RUNNING');
        })
        .mockReturnValue(call({ state: 'answered', answer: 'yes', answeredBy: ada })),
      watch: () => [{ kind: 'open' as const }],
    };
    const { exit, stdout } = await run(['call', '?', '--wait'], { answers });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'yes\n' });
  });

  it('--wait gives up a daemon that stays away: exit 5', async () => {
    const answers = {
      openCall: () => committed,
      getCall: () => {
        throw new CooeeError('ERR_API_DAEMON_NOT_RUNNING');
      },
      watch: () => [{ kind: 'open' as const }],
    };
    let waitedMs = 0;
    const delay = async (delayMs: number) => {
      waitedMs += delayMs;
    };
    const { exit } = await run(['call', '?', '--wait'], { answers, host: { delay } });
    expect({ exit, waitedMs }).toEqual({ exit: 5, waitedMs: 30_000 });
  });

  it('--wait tells why the log refused a call after all', async () => {
    const refusal = {
      code: 'ERR_HELP_TOO_MANY',
      message: 'Too many calls of this node are open.',
      at: '2026-11-21T12:00:00.000Z',
    };
    const answers = {
      openCall: () => accepted,
      getCall: () => call({ state: 'refused', refusal }),
      watch: () => [{ kind: 'open' as const }],
    };
    const { exit, stderr } = await run(['call', '?', '--wait'], { answers });
    expect(exit).toBe(6);
    expect(stderr).toContain('cooee: too many calls of this node are open\n');
  });

  it('--wait says so when the log refused the call that was accepted', async () => {
    const answers = {
      openCall: () => accepted,
      getCall: () => {
        throw new CooeeError('ERR_HELP_UNKNOWN');
      },
      watch: () => [{ kind: 'open' as const }],
    };
    const { exit, stderr } = await run(['call', '?', '--wait'], { answers });
    expect(exit).toBe(3);
    expect(stderr).toContain('the log refused the call');
  });
});

describe('calls', () => {
  it('lists what is open or claimed, without what could steer a terminal', async () => {
    const calls = [call({ question: 'May\u001b[2J I\u202e?' }), claimed];
    const answers = { listCalls: () => ({ calls, cursor: null }) };
    const { exit, stdout, calls: asked } = await run(['calls'], { answers });
    expect(exit).toBe(0);
    const [titles, open, held] = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(titles?.slice(1)).toEqual(['STATE', 'SEVERITY', 'TIME LEFT', 'ASKER', 'BY', 'QUESTION']);
    expect(open?.slice(1)).toEqual(['open', 'blocked', '10 min', '458RV', '-', 'May I?']);
    expect(held?.[5]).toBe('ada');
    expect(asked[0]?.input).toEqual({ query: { state: 'active', limit: 100 } });
  });

  it('lists all with filters, page by page', async () => {
    const pages = [
      { calls: [call()], cursor: 'committed.4' },
      { calls: [call()], cursor: null },
    ];
    const answers = { listCalls: () => pages.shift() };
    const args = ['calls', '--state', 'all', '--severity', 'danger', '--asker', '458RV', '--json'];
    const { stdout, calls } = await run(args, { answers });
    expect(JSON.parse(stdout).calls).toHaveLength(2);
    const query = { severity: 'danger', asker: '458RV' };
    expect(calls.map(({ input }) => input)).toEqual([
      { query: { ...query, limit: 100 } },
      { query: { ...query, limit: 99, cursor: 'committed.4' } },
    ]);
  });

  it('shows one call by the end of its id', async () => {
    const answers = { ...found, getCall: () => ({ ...claimed, context: 'One\ntwo' }) };
    const { exit, stdout } = await run(['calls', 'cccc'], { answers });
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^context +One\n +two$/m);
    expect(stdout).toMatch(new RegExp(`^claimed by +ada at ${PEER_A}`, 'm'));
  });

  it.each([
    [
      ['--plain'],
      [`open; blocked; 10 min left; 458RV asks: May I?; id ${CALL_ID}`, 'answered by ada'],
    ],
    [['--json'], ['{"id":"bafyrei', '"state":"answered"']],
  ])('--watch %s writes a line for every change', async (options, lines) => {
    const event = { id: '1-1', type: 'call:answer', time: '', index: 9, data: { id: CALL_ID } };
    const settled = call({ state: 'answered', answer: 'yes', answeredBy: ada });
    const answers = {
      ...found,
      getCall: () => ({ ...settled, context: '' }),
      watch: () => [
        { kind: 'open' as const },
        { kind: 'gap' as const, reason: 'slow' as const },
        { kind: 'event' as const, event },
      ],
    };
    const { stdout } = await run(['calls', '--watch', ...options], { answers });
    const written = stdout.trimEnd().split('\n');
    expect(written).toHaveLength(2);
    for (const [i, line] of lines.entries()) expect(written[i]).toContain(line);
  });

  it('--watch goes on while the daemon changes its mesh', async () => {
    const listCalls = vi
      .fn()
      .mockReturnValueOnce({ calls: [], cursor: null })
      .mockImplementationOnce(() => {
        throw new CooeeError('ERR_API_STARTING');
      })
      .mockReturnValue({ calls: [call()], cursor: null });
    const watch = () => [{ kind: 'open' as const }, { kind: 'open' as const }];
    const { exit, stdout } = await run(['calls', '--watch'], { answers: { listCalls, watch } });
    expect({ exit, stdout }).toMatchObject({ exit: 0, stdout: expect.stringContaining(CALL_ID) });
  });
});

describe('an id', () => {
  it.each(['bafyreic', 'ccc', 'dddd-'])('is not told by %s', async (text) => {
    const { exit } = await run(['claim', text], { answers: found });
    expect(exit).toBe(3);
  });

  it('that fits several calls is refused with all of them', async () => {
    const both = [call(), call({ id: `${CALL_ID.slice(0, -4)}dddd` })];
    const answers = { listCalls: () => ({ calls: both, cursor: null }) };
    const { exit, stderr } = await run(['claim', 'bafyreicc'], { answers });
    expect(exit).toBe(2);
    for (const { id } of both) expect(stderr).toContain(id);
  });

  it('of an open call comes before those of settled ones, which are found as well', async () => {
    const old = call({ id: OTHER_ID, state: 'answered' });
    const answers = {
      listCalls: ({ query }: { query: { state?: string } }) => ({
        calls: query.state === 'active' ? [call()] : [call(), old],
        cursor: null,
      }),
      getCall: ({ params: { id } }: { params: { id: string } }) => ({ ...old, id, context: '' }),
    };
    const { calls } = await run(['calls', 'dddd'], { answers });
    expect(calls.at(-1)?.input).toEqual({ params: { id: OTHER_ID } });
  });
});

describe('claim, release, answer, withdraw', () => {
  const claim = { ...committed, fence: 3, claimedUntil: '2026-11-21T12:15:00.000Z' };

  it('claim as the user of the system, or as who they say they are', async () => {
    const answers = { claimCall: () => claim };
    const first = await run(['claim', CALL_ID], { answers });
    expect(first.stdout).toBe('kim has the call until 2026-11-21T12:15:00.000Z\n');
    const second = await run(['claim', CALL_ID, '--by', 'Ada'], { answers });
    const inputs = [first, second].map(({ calls }) => calls[0]?.input);
    const input = { params, query: WAIT };
    expect(inputs).toEqual([
      { ...input, body: { by: 'kim' } },
      { ...input, body: { by: 'Ada' } },
    ]);
  });

  it('answer with the fence of the claim, in the name of who holds it here', async () => {
    const answers = { getCall: () => claimed, answerCall: () => committed };
    const { exit, stdout, calls } = await run(['answer', CALL_ID, 'yes'], { answers });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'answered\n' });
    expect(calls.at(-1)?.input).toEqual({ params, query: WAIT, body: { text: 'yes', fence: 2 } });
  });

  it('answer claims first what nobody holds', async () => {
    const answers = { getCall: () => call(), claimCall: () => claim, answerCall: () => committed };
    const { calls } = await run(['answer', CALL_ID, 'yes'], { answers });
    expect(calls.map(({ name }) => name)).toEqual(['getCall', 'claimCall', 'answerCall']);
    const body = { text: 'yes', fence: 3, by: 'kim' };
    expect(calls.at(-1)?.input).toEqual({ params, query: WAIT, body });
  });

  it('release with the fence; without a claim there is nothing to release', async () => {
    const held = { getCall: () => claimed, releaseCall: () => committed };
    const { calls } = await run(['release', CALL_ID], { answers: held });
    expect(calls.at(-1)?.input).toEqual({ params, query: WAIT, body: { fence: 2 } });
    const { exit } = await run(['release', CALL_ID], { answers: { getCall: () => call() } });
    expect(exit).toBe(4);
  });

  it('withdraw; what is not committed in time is told so', async () => {
    const done = await run(['withdraw', CALL_ID], { answers: { withdrawCall: () => committed } });
    expect(done.stdout).toBe('the call is withdrawn\n');
    const late = await run(['withdraw', CALL_ID], { answers: { withdrawCall: () => accepted } });
    expect(late.exit).toBe(6);
  });
});

describe('calls --watch on a terminal', () => {
  const status = () => ({ node: { peer: PEER_A } });
  const watch = () => [{ kind: 'open' as const }];

  /** A terminal on which this is typed, once what the daemon said is on the screen. */
  function terminal(...typed: readonly string[]) {
    const raw: boolean[] = [];
    const shown = { screen: '' };
    async function* keys(): AsyncGenerator<string> {
      await vi.waitUntil(() => shown.screen.includes('> open'), { timeout: 10_000, interval: 5 });
      yield* typed;
    }
    const stdout = { isTTY: true, write: (text: string) => (shown.screen += text) };
    const setRawMode = (isRaw: boolean): unknown => raw.push(isRaw);
    const stdin = Object.assign(keys(), { isTTY: true, setRawMode });
    return { host: { stdin, stdout }, raw, shown };
  }

  it('shows the calls, ends with q, and leaves the terminal as it was', async () => {
    const { host, raw, shown } = terminal('q');
    const answers = { ...found, getStatus: status, watch };
    const { exit } = await run(['calls', '--watch', '--by', 'Ada'], { answers, host, tty: true });
    expect(exit).toBe(0);
    expect(raw).toEqual([true, false]);
    expect(shown.screen).toContain('You are Ada.');
    expect(shown.screen).toContain('> open');
    expect(shown.screen.endsWith('\u001b[?2004l\u001b[?25h\u001b[?1049l')).toBe(true);
    expect(NOW_MS).toBeGreaterThan(0);
  });

  it('leaves no answer on its way when q follows at once, and tells what came of it', async () => {
    const { host } = terminal('a', 'yes', '\r', 'q');
    const answers = {
      ...{ ...found, getStatus: status, watch },
      claimCall: async () => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return { ...committed, fence: 1 };
      },
      answerCall: () => committed,
    };
    const args = ['calls', '--watch', '--by', 'Ada'];
    const { exit, calls, stderr } = await run(args, { answers, host, tty: true });
    expect(exit).toBe(0);
    expect(calls.at(-1)).toMatchObject({ name: 'answerCall', input: { body: { text: 'yes' } } });
    expect(stderr).toContain('cooee: answered\n');
  });
});
