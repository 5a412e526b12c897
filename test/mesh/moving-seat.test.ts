import { afterAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { conditions } from './views.ts';
import { commitOn, slurpOn, startVoters, submissionsOn } from './voting.ts';

// Goal: the vote of a small mesh is not bound to the host that made it: it moves to another member
// before its host is let go, and nothing is lost.

describe('the vote of a mesh of two', () => {
  const mesh = new TestMesh();
  afterAll(() => mesh.close());

  /** Two hosts, the first of which votes alone, and a record. */
  async function pair(name: string): Promise<[TestHost, TestHost]> {
    const [first, second] = [mesh.host(`${name}-1`), mesh.host(`${name}-2`)];
    await first.up();
    await second.up('--join', await first.invite('--role', 'admin'));
    await commitOn(first, `${name}-before`);
    return [first, second];
  }

  async function expectAlone(host: TestHost, name: string): Promise<void> {
    await until('it votes alone', async () => {
      const { voters, learners, isLeader } = await slurpOn(host);
      return isLeader && learners.length === 0 && voters.join() === (await host.peer());
    });
    await commitOn(host, `${name}-after`);
    expect([...(await submissionsOn(host)).keys()].map((it) => it.split('/').at(-1))).toEqual(
      expect.arrayContaining([`${name}-before`, `${name}-after`]),
    );
    expect(await conditions(host)).toBe('');
    // A newcomer can follow: the old voter has signed for the new one.
    const late = mesh.host(`${name}-late`);
    await late.up('--join', await host.invite());
    await until('it holds all', async () => {
      return (await slurpOn(late)).appliedIndex >= (await slurpOn(host)).appliedIndex;
    });
    expect(await conditions(late)).toBe('');
  }

  it('moves before the only voter is removed by the other', async () => {
    const [first, second] = await pair('removed');
    const name = (await first.client.call('getStatus', {})).node.name;
    await second.json('members', 'remove', name);
    await until('the first knows', async () => (await conditions(first)).includes('removed'));
    await expectAlone(second, 'removed');
  });

  it('moves before the only voter leaves', async () => {
    const [first, second] = await pair('left');
    await first.json('leave');
    await expectAlone(second, 'left');
    expect((await slurpOn(first)).isLeader).toBe(true);
    expect((await first.client.call('getStatus', {})).peers.members).toBe(1);
  });
});

describe('the votes of a mesh of three', () => {
  const mesh = new TestMesh();
  afterAll(() => mesh.close());

  it('stay a majority when two of the hosts are removed in one breath', async () => {
    const first = mesh.host('one');
    const others = [mesh.host('two'), mesh.host('three')];
    await startVoters([first, ...others], 3);
    // What comes behind a batch shares the next one.
    const before = [1, 2, 3].map(() => first.client.call('createInvite', { body: {} }));
    const peers = await Promise.all(others.map((host) => host.peer()));
    const query = { wait: 'committed' } as const;
    const removals = peers.map((peer) =>
      first.client.call('removeMember', { params: { peer }, query }).then(
        () => '',
        (error: { code?: string }) => `${error.code} ${peer}`,
      ),
    );
    await Promise.all(before);
    const [left] = (await Promise.all(removals)).filter((it) => it !== '');
    if (left !== undefined) {
      const [code, peer] = left.split(' ') as [string, string];
      expect(code).toBe('ERR_MEMBERSHIP_LAST_VOTER');
      await first.json('members', 'remove', peer);
    }
    await until('the first votes alone', async () => {
      const { voters, learners, isLeader } = await slurpOn(first);
      return isLeader && learners.length === 0 && voters.length === 1;
    });
    await commitOn(first, 'after');
    expect(await conditions(first)).toBe('');
  });
});
