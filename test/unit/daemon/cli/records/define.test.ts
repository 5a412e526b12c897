import { describe, expect, it, vi } from 'vitest';
import { PEER_A, run } from '../fake-host.ts';

// Commands about what has an address, through their real definitions, against a fake daemon.

const ADDRESS = 'ucxl://any:architect@shop:checkout/#/decisions/1';
const MEMBER = `ucxl://any:admin@COOEE:mesh/#/member/${PEER_A}`;
const TIME = '2026-11-21T11:59:48.000Z';
const version = { version: 2, index: 9, time: TIME, cause: 'member:role' };

const record = {
  address: MEMBER,
  kind: 'member',
  ...version,
  versions: 3,
  value: {
    peer: PEER_A,
    name: 'al\u202epha\u001b[31m',
    removedIndex: null,
    boot: 3,
    isCloned: false,
    addresses: ['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/2'],
    empty: [],
    options: [{ title: 'A', pros: ['cheap'] }],
    context: 'Two lines,\nthis one last.',
  },
};

describe('get', () => {
  it('shows a record to people, sanitised, without what is empty', async () => {
    const { exit, stdout, calls } = await run(['get', MEMBER], {
      answers: { getRecord: () => record },
    });
    expect(exit).toBe(0);
    expect(calls[0]?.input).toEqual({ query: { address: MEMBER } });
    expect(stdout).toBe(`address  ${MEMBER}
kind     member
version  2 of 3
since    ${TIME}, by member:role at index 9

peer ${PEER_A}
name alpha
boot 3
isCloned false
addresses
  - /ip4/127.0.0.1/tcp/1
  - /ip6/::1/tcp/2
options
  -
    title A
    pros
      - cheap
context
  Two lines,
  this one last.
`);
  });

  it('prints the answer of the route as JSON', async () => {
    const { stdout } = await run(['get', MEMBER, '--json'], {
      answers: { getRecord: () => record },
    });
    expect(JSON.parse(stdout)).toEqual(record);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toContain('\u202e');
  });
});

describe('history', () => {
  const versions = [3, 2, 1].map((n) => ({ ...version, version: n, value: { n } }));

  it('lists versions, page by page up to the limit', async () => {
    const answers = {
      getHistory: ({ query }: { query: { cursor?: string } }) =>
        query.cursor === undefined
          ? { address: MEMBER, versions: versions.slice(0, 2), cursor: '1' }
          : { address: MEMBER, versions: versions.slice(2), cursor: null },
    };
    const all = await run(['history', MEMBER], { answers });
    expect(all.calls.map(({ input }) => input)).toEqual([
      { query: { address: MEMBER, limit: 100 } },
      { query: { address: MEMBER, limit: 98, cursor: '1' } },
    ]);
    expect(all.stdout).toBe(`VERSION  INDEX  TIME                      CAUSE        WHAT
3        9      ${TIME}  member:role  {"n":3}
2        9      ${TIME}  member:role  {"n":2}
1        9      ${TIME}  member:role  {"n":1}
`);
    const some = await run(['history', MEMBER, '--limit', '2'], { answers });
    expect(some.calls).toHaveLength(1);
    expect(some.stderr).toBe('cooee: there are more; raise --limit\n');
    const json = await run(['history', MEMBER, '--json'], { answers });
    expect(JSON.parse(json.stdout)).toEqual({ address: MEMBER, versions, cursor: null });
  });

  it('shows a walk: how each record was come to, and what leads nowhere', async () => {
    const at = (name: string, n = 1) => ({ address: ADDRESS.replace('1', name), version: n });
    const step = { index: 9, time: TIME, cause: 'submission:commit' };
    const answer = {
      address: ADDRESS,
      versions: [
        { ...step, ...at('1'), depth: 0, id: 'bafya', title: 'Start' },
        { ...step, ...at('2'), depth: 1, id: 'bafyb', title: 'Be\u001b[2Jfore' },
      ],
      links: [
        { from: at('1'), rel: 'influenced-by', address: at('2').address, to: at('2') },
        { from: at('2'), rel: 'derived-from', address: 'ucxl://x', problem: 'ERR_API_NOT_FOUND' },
      ],
      cut: 'depth',
      cursor: null,
    };
    const args = ['history', ADDRESS, '--walk', 'influenced-by', '--walk', 'derived-from'];
    const { stdout, stderr, calls } = await run(args, { answers: { getHistory: () => answer } });
    expect(calls[0]?.input).toEqual({
      query: { address: ADDRESS, walk: 'influenced-by,derived-from', limit: 100 },
    });
    expect(stdout).toBe(`STEPS  BY             VERSION  WHAT    ADDRESS
0      start          1        Start   ${at('1').address}
1      influenced-by  1        Before  ${at('2').address}

UNRESOLVED    WHY                FROM${' '.repeat(at('2').address.length - 4)}  ADDRESS
derived-from  ERR_API_NOT_FOUND  ${at('2').address}  ucxl://x
`);
    expect(stderr).toBe('cooee: there is more: the walk ended at its bound of depth\n');
  });

  it('refuses a limit that is none', async () => {
    const { exit } = await run(['history', MEMBER, '--limit', '0'], { answers: {} });
    expect(exit).toBe(2);
  });
});

describe('watch', () => {
  const event = { id: '1-2', type: 'member:join', time: TIME, address: MEMBER, data: { a: 1 } };

  it('writes JSON lines, holes included', async () => {
    const inits: unknown[] = [];
    const answers = {
      watch: (init: unknown) => {
        inits.push(init);
        return [
          { kind: 'event', event },
          { kind: 'gap', reason: 'slow' },
        ] as const;
      },
    };
    const script = await run(['watch', 'member:*', '--json'], { answers });
    const lines = script.stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      event,
      { type: 'gap', reason: 'slow' },
    ]);
    const pattern = 'ucxl://any:admin@COOEE:mesh/#/*';
    const people = await run(['watch', pattern, '--since', '1-1'], { answers });
    expect(people.stdout).toBe(
      `${TIME}  member:join  ${MEMBER}  {"a":1}\n` +
        'gap (slow): events may be missing before this line\n',
    );
    expect(inits).toEqual([
      { match: 'member:*', sinceId: undefined },
      { match: pattern, sinceId: '1-1' },
    ]);
  });

  it('takes no more events than its reader does', async () => {
    const taken: number[] = [];
    const drains: (() => void)[] = [];
    const done = run(['watch', 'member:*'], {
      answers: {
        *watch() {
          for (const n of [1, 2]) {
            taken.push(n);
            yield { kind: 'event', event } as const;
          }
        },
      },
      host: { stdout: { write: () => false, once: (_, drained) => drains.push(drained) } },
    });
    for (const n of [1, 2]) {
      await vi.waitFor(() => expect(drains).toHaveLength(n));
      expect(taken.at(-1)).toBe(n);
      drains.at(-1)?.();
    }
    expect((await done).exit).toBe(0);
  });

  it('watches the record that a short form names', async () => {
    const matches: unknown[] = [];
    const address = 'ucxl://any:admin@COOEE:enrol/#/agentid/42/3';
    const { exit, calls } = await run(['watch', 'ucxl://agentid:458rv'], {
      answers: {
        getRecord: () => ({ ...record, address }),
        watch: ({ match }) => {
          matches.push(match);
          return [];
        },
      },
    });
    expect(exit).toBe(0);
    expect(calls[0]?.input).toEqual({ query: { address: 'ucxl://agentid:458rv' } });
    expect(matches).toEqual([address]);
  });

  it('refuses a pattern that is none before it asks the daemon', async () => {
    const { exit, stderr, calls } = await run(['watch', 'ucxl://a@p:t/#/x*y'], { answers: {} });
    expect(exit).toBe(2);
    expect(stderr).toContain('*');
    expect(calls).toEqual([]);
  });
});
