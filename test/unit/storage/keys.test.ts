import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { Decrypter, Encrypter } from 'age-encryption';
import { describe, expect, it } from 'vitest';
import {
  type AgeKind,
  loadOrCreateAgeIdentity,
  loadOrCreateNodeKey,
} from '../../../storage/keys.ts';
import { recordLogger } from './record-logger.ts';
import { temporaryFolders } from './temporary-folder.ts';

const temporaryFolder = temporaryFolders();
const makeHome = async () => ({ path: await temporaryFolder(), logger: recordLogger() });
const encode = (bytes: Uint8Array): string => `${Buffer.from(bytes).toString('base64')}\n`;
const damage = { code: 'ERR_STORAGE_DAMAGED' };

describe('the node key', () => {
  it('is made once, with mode 0600, and found again', async () => {
    const home = await makeHome();
    const made = await loadOrCreateNodeKey(home);
    expect((await stat(join(home.path, 'node.key'))).mode & 0o777).toBe(0o600);
    expect((await loadOrCreateNodeKey(home)).equals(made)).toBe(true);
    expect(home.logger.lines).toEqual([]);
  });

  it('that is open to others is closed with a log line that does not show it', async () => {
    const home = await makeHome();
    await loadOrCreateNodeKey(home);
    const file = join(home.path, 'node.key');
    await chmod(file, 0o644);
    await loadOrCreateNodeKey(home);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(home.logger.lines).toMatchObject([{ level: 'warn', fields: { file, was: '644' } }]);
    const secret = (await readFile(file, 'utf8')).trim();
    expect(JSON.stringify(home.logger.lines)).not.toContain(secret);
  });

  it('is never replaced when it is damaged', async () => {
    const home = await makeHome();
    await loadOrCreateNodeKey(home);
    const file = join(home.path, 'node.key');
    for (const text of ['', 'no base64!', encode(Uint8Array.of(1, 2, 3)), 'A'.repeat(5_000)]) {
      await writeFile(file, text);
      await expect(loadOrCreateNodeKey(home)).rejects.toMatchObject(damage);
      expect(await readFile(file, 'utf8')).toBe(text);
    }
  });

  it('with any flipped bit is damage', async () => {
    const home = await makeHome();
    const bytes = privateKeyToProtobuf(await loadOrCreateNodeKey(home));
    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = bytes.slice();
      flipped[at]! ^= 1 << (at % 8);
      await writeFile(join(home.path, 'node.key'), encode(flipped));
      await expect(loadOrCreateNodeKey(home), `byte ${at}`).rejects.toMatchObject(damage);
    }
  });

  it('of another type is refused', async () => {
    const home = await makeHome();
    const other = await generateKeyPair('secp256k1');
    await writeFile(join(home.path, 'node.key'), encode(privateKeyToProtobuf(other)));
    await expect(loadOrCreateNodeKey(home)).rejects.toMatchObject({
      ...damage,
      message: expect.stringContaining('secp256k1'),
    });
  });
});

describe('the age identity', () => {
  it.each<[AgeKind, string, string]>([
    ['hybrid', 'AGE-SECRET-KEY-PQ-1', 'age1pq1'],
    ['x25519', 'AGE-SECRET-KEY-1', 'age1'],
  ])(
    '%s is made once, with mode 0600, and opens what is sealed to it',
    async (kind, secret, pub) => {
      const home = await makeHome();
      const made = await loadOrCreateAgeIdentity(home, kind);
      expect(made.identity.startsWith(secret)).toBe(true);
      expect(made.recipient.startsWith(pub)).toBe(true);
      expect((await stat(join(home.path, 'age.key'))).mode & 0o777).toBe(0o600);
      expect(await loadOrCreateAgeIdentity(home, kind)).toEqual(made);
      const encrypter = new Encrypter();
      encrypter.addRecipient(made.recipient);
      const decrypter = new Decrypter();
      decrypter.addIdentity(made.identity);
      expect(await decrypter.decrypt(await encrypter.encrypt('cooee'), 'text')).toBe('cooee');
    },
  );

  it('of one kind stays when the other is asked for', async () => {
    const home = await makeHome();
    const hybrid = await loadOrCreateAgeIdentity(home, 'hybrid');
    const x25519 = await loadOrCreateAgeIdentity(home, 'x25519');
    expect(await loadOrCreateAgeIdentity(home, 'hybrid')).toEqual(hybrid);
    expect(await loadOrCreateAgeIdentity(home, 'x25519')).toEqual(x25519);
  });

  it('is never replaced when it is damaged, nor quoted', async () => {
    const home = await makeHome();
    const { identity } = await loadOrCreateAgeIdentity(home, 'x25519');
    const file = join(home.path, 'age.key');
    const broken = `${identity.slice(0, -1)}${identity.endsWith('Q') ? 'P' : 'Q'}`;
    for (const text of [broken, '# nothing\n', 'garbage\n', 'x'.repeat(5_000)]) {
      await writeFile(file, text);
      const error = await loadOrCreateAgeIdentity(home, 'x25519').catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject(damage);
      expect(String(error)).not.toContain(broken);
      expect(await readFile(file, 'utf8')).toBe(text);
    }
  });

  it('that is open to others is closed', async () => {
    const home = await makeHome();
    await loadOrCreateAgeIdentity(home, 'x25519');
    await chmod(join(home.path, 'age.key'), 0o640);
    await loadOrCreateAgeIdentity(home, 'x25519');
    expect((await stat(join(home.path, 'age.key'))).mode & 0o777).toBe(0o600);
    expect(home.logger.lines).toHaveLength(1);
  });
});
