import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { base32 } from 'multiformats/bases/base32';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../daemon/system/crypto.ts';
import { isCooeeError } from '../../protocols/interface/index.ts';
import {
  encodeJoinRequest,
  formatInvite,
  type Invite,
  type JoinRequest,
  parseInvite,
} from '../../protocols/membership/index.ts';
import { decodeCanonical } from '../../protocols/wire/index.ts';
import { type CliResult, runCli, type TestHost, TestMesh, until } from '../mesh/harness.ts';
import { Rogue } from './rogue.ts';

// Goal: whatever somebody pastes for an invite, and whatever a guest sends for a join request, the
// answer is a typed refusal, nothing is left behind, and the mesh goes on. Method: many through the
// parser, a few through the real command line, and the wire of a real daemon.

let mesh: TestMesh;
let alpha: TestHost;
let line: string;
let invite: Invite;

beforeAll(async () => {
  mesh = new TestMesh();
  [alpha] = (await mesh.start('alpha')) as [TestHost];
  line = await alpha.invite('--uses', '5');
  invite = parseInvite(nodeCrypto.sha256, line);
});
afterAll(async () => {
  await mesh.close();
});

/** What the parser says: its code, or the invite itself. */
const verdict = (text: string): unknown => {
  try {
    return parseInvite(nodeCrypto.sha256, text);
  } catch (error) {
    if (!isCooeeError(error)) throw error;
    return error.code;
  }
};

const MANGLED = 'ERR_MEMBERSHIP_INVITE_MALFORMED';

describe('the parser', () => {
  it('takes a line with blanks around it, and in upper case', () => {
    for (const text of [line, ` ${line}\n`, line.toUpperCase(), `\t${line}\r\n`]) {
      expect(verdict(text)).toEqual(invite);
    }
  });

  it('refuses every line with one symbol changed, lost, doubled, or two of them swapped', () => {
    const symbols = 'abcdefghijklmnopqrstuvwxyz234567018-= ';
    fc.assert(
      fc.property(
        fc.nat(line.length - 2),
        fc.constantFrom(...symbols),
        fc.constantFrom('change', 'lose', 'double', 'swap'),
        (at, symbol, how) => {
          const [before, here, next, after] = [
            line.slice(0, at),
            line.charAt(at),
            line.charAt(at + 1),
            line.slice(at + 2),
          ];
          const mangled = {
            change: before + symbol + next + after,
            lose: before + next + after,
            double: before + here + here + next + after,
            swap: before + next + here + after,
          }[how];
          fc.pre(mangled.trim() !== line);
          expect(verdict(mangled)).toBe(MANGLED);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('refuses any text, and any bytes in the form of an invite', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 2_000 }),
          fc.string({ unit: 'binary', maxLength: 200 }),
          fc.uint8Array({ maxLength: 600 }).map((bytes) => `cooee1${base32.baseEncode(bytes)}`),
          fc.uint8Array({ maxLength: 600 }).map(signedLine),
        ),
        (text) => {
          expect(verdict(text)).toBe(MANGLED);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('refuses an invite with a right checksum and wrong fields', () => {
    const body = base32.baseDecode(line.slice('cooee1'.length)).subarray(0, -4);
    const fields = decodeCanonical(body, body.length) as Record<string, unknown>;
    const wrong: Record<string, unknown>[] = [
      { seed: new Uint8Array(31) },
      { seed: 'no bytes' },
      { addresses: [] },
      { addresses: ['no address'] },
      { addresses: Array.from({ length: 17 }, () => '/ip4/1.2.3.4/tcp/1') },
      { mesh: 'no mesh' },
      { expiresMs: -1 },
      { v: 2 },
      { more: true },
      { anchor: { index: 1, root: new Uint8Array(32), voters: [] } },
    ];
    for (const change of wrong) {
      const bytes = encodeLoose({ ...fields, ...change });
      expect([change, verdict(signedLine(bytes))]).toEqual([change, MANGLED]);
    }
    // The same way without a change gives the invite: the cases above are refused for their fields.
    expect(verdict(signedLine(encodeLoose(fields)))).toEqual(invite);
  });
});

/** What a home holds besides its own keys: nothing, when it is in no mesh. */
function meshesIn(home: string): readonly string[] {
  const keys = new Set(['FORMAT', 'age.key', 'boot', 'lock', 'machine', 'node.key']);
  return existsSync(home) ? readdirSync(home).filter((name) => !keys.has(name)) : [];
}

/** A line with a right checksum over any bytes. */
function signedLine(body: Uint8Array): string {
  const checksum = nodeCrypto.sha256(body).subarray(0, 4);
  return `cooee1${base32.baseEncode(new Uint8Array([...body, ...checksum]))}`;
}

function encodeLoose(fields: Record<string, unknown>): Uint8Array {
  return encodeJoinRequest(fields as unknown as JoinRequest);
}

describe('the command line', () => {
  const refused = (result: CliResult): unknown => {
    expect(result.stdout).toBe('');
    expect(result.stderr).not.toMatch(/\n\s+at /);
    return [(JSON.parse(result.stderr) as { error: { code: string } }).error.code, result.code];
  };

  it('names what is wrong with an invite, ends with 2, and makes no mesh instead', async () => {
    const flipped = `${line.slice(0, -1)}${line.endsWith('a') ? 'b' : 'a'}`;
    const texts = [
      flipped,
      line.slice(0, 40),
      'cooee1',
      'hello',
      `${line}${line}`,
      line.replace('cooee1', 'cooee2'),
      `cooee1${'a'.repeat(100_000)}`,
      'cooee1ﬀ',
    ];
    const results = await Promise.all(
      texts.map(async (text, i) => {
        const home = mesh.host(`mangled-${i}`).home;
        const command = i % 2 === 0 ? ['up', '--join', text, '--no-mdns'] : ['join', text];
        const result = await runCli([...command, '--json', '--home', home]);
        return [refused(result), meshesIn(home)];
      }),
    );
    expect(results).toEqual(texts.map(() => [[MANGLED, 2], []]));
  });

  it('reads them from stdin, a file and the environment with the same answer', async () => {
    const home = mesh.host('elsewhere').home;
    const tail = ['--json', '--home', home];
    const results = await Promise.all([
      runCli(['join', '-', ...tail], { input: 'not an invite\n' }),
      runCli(['join', '-', ...tail], { input: '' }),
      runCli(['join', '-', ...tail], { input: `${'x'.repeat(3_000_000)}\n` }),
      runCli(['up', '--join', '-', ...tail], { input: randomBytes(1_000).toString('latin1') }),
      runCli(['up', '--join', '@/dev/null', ...tail]),
      runCli(['up', '--no-mdns', ...tail], { env: { COOEE_INVITE: 'rubbish' } }),
    ]);
    for (const result of results) {
      const [code, exit] = refused(result) as [string, number];
      expect([MANGLED, 'ERR_API_USAGE']).toContain(code);
      expect(exit).toBe(2);
    }
  });

  it('does not send a good line with a foreign mesh or a past expiry to be believed', async () => {
    const lineOf = (change: Partial<Invite>): string =>
      formatInvite(nodeCrypto.sha256, { ...invite, ...change });
    const cases: readonly (readonly [string, string])[] = [
      [lineOf({ expiresMs: 1 }), 'ERR_MEMBERSHIP_INVITE_EXPIRED'],
      [lineOf({ mesh: `bafyrei${'a'.repeat(52)}` }), 'ERR_MEMBERSHIP_INVITE_FOREIGN'],
      [lineOf({ seed: new Uint8Array(randomBytes(32)) }), 'ERR_MEMBERSHIP_INVITE_UNKNOWN'],
    ];
    await Promise.all(
      cases.map(async ([text, code]) => {
        const { home } = mesh.host(code);
        const result = await runCli(['up', '--join', text, '--no-mdns', '--json', '--home', home]);
        const last = result.stderr.trim().split('\n').at(-1) ?? '';
        expect([code, result.code, JSON.parse(last).error.code]).toEqual([code, 4, code]);
        expect(meshesIn(home)).toEqual([]);
      }),
    );
  });
});

describe('the join protocol under fuzz', () => {
  it('answers each mangled request with a type, and the mesh goes on', async () => {
    const status = await alpha.client.call('getStatus', {});
    // Used up, so that a change which leaves the request valid does not let it in.
    const used = await alpha.invite();
    await usedUp(used);
    const before = (await alpha.client.call('getStatus', {})).slurp.commitIndex;
    const seen = new Map<unknown, number>();
    for (let round = 0; round < 12; round++) {
      const rogue = await Rogue.create({ mesh: invite.mesh });
      try {
        expect(await rogue.connect(alpha)).toBeUndefined();
        const good = encodeJoinRequest(rogue.redeem(used));
        // Within the allowance of a guest, so that each is looked at.
        for (let i = 0; i < 8; i++) {
          const code = await rogue.ask(status.node.peer, mutate(good)).then(
            () => 'admitted',
            (error: { code?: unknown }) => error.code,
          );
          seen.set(code, (seen.get(code) ?? 0) + 1);
        }
      } finally {
        await rogue.stop();
      }
    }
    const allowed = /^ERR_(WIRE_(MALFORMED|VERSION|TOO_LARGE)|MEMBERSHIP_\w+)$/;
    expect([...seen.keys()].filter((code) => !allowed.test(String(code)))).toEqual([]);
    const after = await alpha.client.call('getStatus', {});
    expect(after.slurp.commitIndex).toBe(before);
    // The member that used the invite up is away, which is all there is to say.
    const codes = await until('it says that it is alone', async () => {
      const { health } = await alpha.client.call('getStatus', {});
      return health.conditions.length > 0 && health.conditions.map(({ code }) => code);
    });
    expect(codes).toEqual(['alone']);
    expect(await alpha.invite()).toMatch(/^cooee1/);
  });
});

async function usedUp(text: string): Promise<void> {
  const rogue = await Rogue.create({ mesh: invite.mesh });
  try {
    expect(await rogue.connect(alpha)).toBeUndefined();
    await rogue.ask(await alpha.peer(), rogue.redeem(text));
  } finally {
    await rogue.stop();
  }
}

/** Changes some bytes, cuts, or adds. */
function mutate(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  const [how = 0, ...where] = randomBytes(9);
  if (how % 4 === 0) return copy.subarray(0, Math.floor((copy.length * (where[0] ?? 0)) / 256));
  if (how % 4 === 1) return new Uint8Array([...copy, ...randomBytes(20)]);
  for (let i = 0; i < 1 + (how % 3); i++) {
    const at = Math.floor((copy.length * ((where[i] ?? 0) * 256 + (where[i + 4] ?? 0))) / 65_536);
    copy[at] = (copy[at] ?? 0) ^ (1 + ((where[i + 1] ?? 0) % 255));
  }
  return copy;
}
