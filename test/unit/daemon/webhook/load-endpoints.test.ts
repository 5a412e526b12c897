import { chmod, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../daemon/config/config.ts';
import { loadEndpoints } from '../../../../daemon/webhook/load-endpoints.ts';
import { temporaryFolders } from '../../storage/temporary-folder.ts';

const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const HOOK = { name: 'ops', url: 'https://example.com/hook' };
const folder = temporaryFolders();

async function write(config: object, mode: number, secretFile?: { text: string; mode: number }) {
  const directory = await folder();
  const file = join(directory, 'config.json');
  const text = JSON.stringify({ webhooks: [config] });
  await writeFile(file, text);
  await chmod(file, mode);
  if (secretFile !== undefined) {
    await writeFile(join(directory, 'secret'), secretFile.text);
    await chmod(join(directory, 'secret'), secretFile.mode);
  }
  return { file, settings: parseConfig(text).webhooks };
}

async function load(...args: Parameters<typeof write>) {
  const { file, settings } = await write(...args);
  return await loadEndpoints(settings, file);
}

const headers = { id: 'msg_1', body: '{}', atMs: 0 };

describe('loadEndpoints', () => {
  it('takes the secret of a file that is its owner’s alone, or of one it names', async () => {
    const [inline] = await load({ ...HOOK, secret: SECRET }, 0o600);
    const named = { ...HOOK, secretFile: 'secret' };
    // Without a secret in it, others may read the configuration.
    const [apart] = await load(named, 0o644, { text: `${SECRET}\n`, mode: 0o400 });
    expect(inline?.headersOf(headers)).toEqual(apart?.headersOf(headers));
    expect(inline?.target().href).toBe(HOOK.url);
  });

  it.each([0o640, 0o604, 0o620, 0o644, 0o660])('refuses mode %o with the remedy', async (mode) => {
    const shown = {
      code: 'ERR_CONFIG_SECRET_SHOWN',
      remedy: expect.stringMatching(/chmod 600 \//),
    };
    await expect(load({ ...HOOK, secret: SECRET }, mode)).rejects.toMatchObject(shown);
    const named = load({ ...HOOK, secretFile: 'secret' }, 0o600, { text: SECRET, mode });
    await expect(named).rejects.toMatchObject(shown);
  });

  it('refuses what belongs to another user, whatever its mode', async () => {
    const { file, settings } = await write({ ...HOOK, secret: SECRET }, 0o600);
    const { uid } = await stat(file);
    await expect(loadEndpoints(settings, file, uid + 1)).rejects.toMatchObject({
      code: 'ERR_CONFIG_SECRET_SHOWN',
      details: { file, owner: uid },
      remedy: expect.stringContaining(`chown ${uid + 1} ${file}`),
    });
  });

  it('names a secret file that is not there, or holds no secret', async () => {
    const named = { ...HOOK, secretFile: 'secret' };
    const invalid = { code: 'ERR_CONFIG_INVALID', details: { path: 'webhooks.0.secretFile' } };
    await expect(load(named, 0o600)).rejects.toMatchObject(invalid);
    const file = { text: 'hunter2', mode: 0o600 };
    const error: unknown = await load(named, 0o600, file).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(invalid);
    expect(String(error)).not.toContain('hunter2');
  });
});
