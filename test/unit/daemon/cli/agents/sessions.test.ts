import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { run } from '../fake-host.ts';

const TICKET = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI0NThSViJ9.c2ln';
const SESSION = {
  id: 'ab12cd34'.repeat(4),
  agent: '458RV',
  createdAt: '2026-11-20T12:00:00.000Z',
  expiresAt: '2026-12-20T12:00:00.000Z',
};
const OTHER = { ...SESSION, id: 'ab12ef56'.repeat(4), agent: '45A01' };

/** What `sessions create` wrote for OTHER. */
const claims = Buffer.from(JSON.stringify({ jti: OTHER.id })).toString('base64url');
const OLD_TICKET = `eyJhbGciOiJFZERTQSJ9.${claims}.c2ln`;

const answers = {
  listSessions: () => ({ sessions: [SESSION, OTHER] }),
  createSession: () => ({ ...SESSION, ticket: TICKET }),
  revokeSession: ({ params }: { params: { id: string } }) => ({ ...SESSION, ...params }),
};

/** Answers, but only after something came where the ticket is to go. */
async function occupied(out: string): Promise<unknown> {
  await mkdir(out);
  return answers.createSession();
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cooee-ticket-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('cooee sessions', () => {
  it('lists what is good', async () => {
    const { exit, stdout } = await run(['sessions'], { answers });
    expect(exit).toBe(0);
    expect(stdout).toBe(
      'ID                                AGENT  MADE     LEFT\n' +
        `${SESSION.id}  458RV  1 d ago  29 d\n${OTHER.id}  45A01  1 d ago  29 d\n`,
    );
    const json = await run(['sessions', '--json'], { answers });
    expect(JSON.parse(json.stdout)).toEqual({ sessions: [SESSION, OTHER] });
  });
});

describe('cooee sessions create', () => {
  it('prints the ticket alone on stdout, and what it is on stderr', async () => {
    const { exit, stdout, stderr, calls } = await run(['sessions', 'create', '458rv'], { answers });
    expect([exit, stdout]).toEqual([0, `${TICKET}\n`]);
    expect(stderr).toContain('acts as 458RV on this host for 29 d; it is not shown again');
    expect(calls).toEqual([{ name: 'createSession', input: { params: { token: '458rv' } } }]);
  });

  it('revokes a ticket that stdout does not take', async () => {
    const writeOut = async () => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    };
    const { exit, stderr, calls } = await run(['sessions', 'create', '458RV'], {
      answers,
      host: { writeOut },
    });
    expect(exit).toBe(2);
    expect(stderr).toContain('cooee: cannot write the ticket to stdout (ENOSPC)\n');
    expect(calls.map(({ name }) => name)).toEqual(['createSession', 'revokeSession']);
    expect(calls[1]?.input).toEqual({ params: { id: SESSION.id } });
  });

  it('writes it into a file of the owner, over an older one, and shows it no more', async () => {
    const file = join(folder, 'ticket');
    await writeFile(file, `${OLD_TICKET}\n`, { mode: 0o644 });
    const { exit, stdout, stderr } = await run(['sessions', 'create', '458RV', '--out', file], {
      answers,
    });
    expect([exit, stdout]).toEqual([0, `wrote the ticket of 458RV to ${file}\n`]);
    expect(await readFile(file, 'utf8')).toBe(`${TICKET}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(stdout + stderr).not.toContain(TICKET);
    expect(stderr).toContain(`is good until it ends, or: cooee sessions revoke ${OTHER.id}\n`);
    expect(await readdir(folder)).toEqual(['ticket']);
    await rm(file);
    const json = await run(['sessions', 'create', '458RV', '--json', '--out', file], { answers });
    expect(JSON.parse(json.stdout)).toEqual({ ...SESSION, file });
  });

  it.each([
    ['a text', 'precious'],
    ['nothing', ''],
    ['what only looks like a ticket', '1.2.3'],
  ])('leaves a file alone that holds %s', async (_what, text) => {
    const file = join(folder, 'precious');
    await writeFile(file, text);
    const { exit, stderr, calls } = await run(['sessions', 'create', 'X', '--out', file], {
      answers,
    });
    expect([exit, calls]).toEqual([2, []]);
    expect(stderr).toContain('is there already, and is no ticket');
    expect(await readFile(file, 'utf8')).toBe(text);
    expect(await readdir(folder)).toEqual(['precious']);
  });

  it.each(['socket', 'folder', 'link'])('replaces no %s', async (what) => {
    const file = join(folder, what);
    if (what === 'folder') await mkdir(file);
    if (what === 'link') await symlink(join(folder, 'elsewhere'), file);
    const server = createServer();
    if (what === 'socket') await new Promise<void>((done) => server.listen(file, done));
    const { mode } = await lstat(file);
    const { exit, stderr, calls } = await run(['sessions', 'create', 'X', '--out', file], {
      answers,
    });
    expect([exit, calls]).toEqual([2, []]);
    expect(stderr).toContain(`${file} is there, and is no regular file`);
    expect((await lstat(file)).mode).toBe(mode);
    server.close();
  });

  it('asks for no ticket that it could not write', async () => {
    const file = join(folder, 'missing', 'ticket');
    const { exit, stderr, calls } = await run(['sessions', 'create', 'X', '--out', file], {
      answers,
    });
    expect([exit, calls]).toEqual([2, []]);
    expect(stderr).toContain('(ENOENT)');
  });

  it('revokes a ticket that it could not write', async () => {
    const out = join(folder, 'ticket');
    const { exit, stdout, stderr, calls } = await run(
      ['sessions', 'create', '458RV', '--out', out],
      { answers: { ...answers, createSession: () => occupied(out) } },
    );
    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`${out} is there, and is no regular file`);
    expect(stderr).not.toContain(TICKET);
    expect(calls.map(({ name }) => name)).toEqual(['createSession', 'revokeSession']);
    expect(calls[1]?.input).toEqual({ params: { id: SESSION.id } });
    expect(await readdir(folder)).toEqual(['ticket']);
  });

  it('says how to revoke what it could neither write nor revoke', async () => {
    const revokeSession = () => {
      throw new CooeeError('ERR_API_DAEMON_NOT_RUNNING');
    };
    const out = join(folder, 'ticket');
    const { exit, stderr } = await run(['sessions', 'create', '458RV', '--out', out], {
      answers: { ...answers, createSession: () => occupied(out), revokeSession },
    });
    expect(exit).toBe(2);
    expect(stderr).toContain(`cooee sessions revoke ${SESSION.id}`);
  });

  it('leaves no file when it is refused', async () => {
    const refused = {
      createSession: () => {
        throw new CooeeError('ERR_SESSIONS_TOO_MANY');
      },
    };
    const file = join(folder, 'ticket');
    const { exit } = await run(['sessions', 'create', 'X', '--out', file], { answers: refused });
    expect([exit, await readdir(folder)]).toEqual([4, []]);
  });
});

describe('cooee sessions revoke', () => {
  it('takes an id, or a beginning that names one', async () => {
    for (const text of [SESSION.id, SESSION.id.slice(0, 6), 'AB12CD']) {
      const { exit, stdout } = await run(['sessions', 'revoke', text], { answers });
      expect([exit, stdout]).toEqual([0, `revoked ${SESSION.id}, a ticket of 458RV\n`]);
    }
  });

  it.each([
    ['a beginning of several', 'ab12', 3],
    ['another id', 'ffffffff', 3],
  ])('refuses %s', async (_what, text, exit) => {
    const refused = await run(['sessions', 'revoke', text], { answers });
    expect(refused.exit).toBe(exit);
    expect(refused.calls.map(({ name }) => name)).toEqual(['listSessions']);
  });

  it('asks for a whole id that is not listed: its end may not have been written', async () => {
    const id = '0'.repeat(32);
    const { exit, calls } = await run(['sessions', 'revoke', id], { answers });
    expect(exit).toBe(0);
    expect(calls.at(-1)).toMatchObject({ name: 'revokeSession', input: { params: { id } } });
  });

  it('asks for more of a beginning that several have', async () => {
    const alike = { ...OTHER, id: `${SESSION.id.slice(0, 8)}${OTHER.id.slice(8)}` };
    const { exit, stderr } = await run(['sessions', 'revoke', SESSION.id.slice(0, 8)], {
      answers: { ...answers, listSessions: () => ({ sessions: [SESSION, alike] }) },
    });
    expect(exit).toBe(2);
    expect(stderr).toContain('2 sessions begin with');
  });
});

describe('a refusal for want of a ticket', () => {
  it('names the command without the socket and the ticket that were of no use', async () => {
    const file = join(folder, 'ticket');
    await writeFile(file, TICKET, { mode: 0o600 });
    const revoked = {
      listMembers: () => {
        throw new CooeeError('ERR_SESSIONS_REVOKED');
      },
    };
    const words = ['members', '--home', '/h', '--socket', '/h/agent.sock', '--ticket', file];
    const { exit, stderr } = await run(words, { answers: revoked });
    expect(exit).toBe(4);
    expect(stderr).toContain('cooee --home /h sessions create TOKEN');
  });
});

describe('--ticket', () => {
  const status = { listMembers: () => ({ members: [] }) };

  it('reads the ticket of a file, else of the one that COOEE_TICKET_FILE names', async () => {
    const file = join(folder, 'ticket');
    await writeFile(file, `\n ${TICKET}\n`, { mode: 0o600 });
    const flag = await run(['members', '--ticket', file], { answers: status });
    expect([flag.exit, flag.tickets]).toEqual([0, [TICKET]]);
    const env = (name: string) => ({ host: { env: { COOEE_TICKET_FILE: name } } });
    const named = await run(['members'], { answers: status, ...env(file) });
    expect(named.tickets).toEqual([TICKET]);
    const none = await run(['members'], { answers: status, ...env('') });
    expect(none.tickets).toEqual([undefined]);
  });

  it.each([
    ['nothing', ''],
    ['something else', 'cooee1abc'],
    ['too much', `${TICKET}${'A'.repeat(4_096)}`],
  ])('refuses a file that holds %s, without showing it', async (_what, text) => {
    const file = join(folder, 'ticket');
    await writeFile(file, text, { mode: 0o600 });
    const { exit, stderr, sockets } = await run(['members', '--ticket', file], { answers: status });
    expect([exit, sockets]).toEqual([2, []]);
    expect(stderr).toContain('holds no ticket');
    if (text !== '') expect(stderr).not.toContain(text);
  });

  it.each([0o640, 0o604, 0o644, 0o620])('refuses a file of mode %o', async (mode) => {
    const file = join(folder, 'ticket');
    await writeFile(file, TICKET);
    await chmod(file, mode);
    const { exit, stderr, sockets } = await run(['members', '--ticket', file], { answers: status });
    expect([exit, sockets]).toEqual([2, []]);
    expect(stderr).toContain(`chmod 600 ${file}`);
  });

  it('says which file cannot be read', async () => {
    const file = join(folder, 'ticket');
    const { exit, stderr } = await run(['members', '--ticket', file], { answers: status });
    expect(exit).toBe(2);
    expect(stderr).toContain(`${file} (ENOENT)`);
  });
});
