import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LISTEN_DEFAULT } from '../../../daemon/libp2p.ts';
import { listenAddresses, saveListen } from '../../../daemon/listen-addresses.ts';
import { temporaryFolders } from '../storage/temporary-folder.ts';

const temporaryFolder = temporaryFolders();

async function homeOf() {
  const folder = await temporaryFolder();
  return { file: (name: string) => join(folder, name) };
}

describe('listenAddresses', () => {
  it('takes flags, else settings, else those of the last start, else the default', async () => {
    const home = await homeOf();
    const [one, two, three] = [1, 2, 3].map((port) => [`/ip4/127.0.0.1/tcp/${port}`]);
    expect(await listenAddresses(home, [], undefined)).toEqual(LISTEN_DEFAULT);
    await saveListen(home, three ?? []);
    expect(await listenAddresses(home, one ?? [], two)).toEqual(one);
    expect(await listenAddresses(home, [], two)).toEqual(two);
    expect(await listenAddresses(home, [], undefined)).toEqual(three);
  });

  it.each([
    ['/ip4/127.0.0.1/tcp/99999', /is not a multiaddr$/u],
    ['127.0.0.1:1', /is not a multiaddr$/u],
    ['/ip4/127.0.0.1/udp/1', /is not \/ip4 or \/ip6 with \/tcp$/u],
  ])('takes %s for a typing error', async (address, why) => {
    const home = await homeOf();
    const error = { message: expect.stringMatching(why), remedy: expect.stringMatching(/65535/u) };
    await expect(listenAddresses(home, [address], undefined)).rejects.toMatchObject({
      ...error,
      code: 'ERR_API_USAGE',
    });
    await expect(listenAddresses(home, [], [address])).rejects.toMatchObject({
      ...error,
      code: 'ERR_CONFIG_INVALID',
    });
  });

  it.each(['garbage', '{}', '[]', '["/ip4/127.0.0.1/tcp/99999"]', 'x'.repeat(70_000)])(
    'does not open itself to the world when what it kept is damaged: %.20s',
    async (text) => {
      const home = await homeOf();
      await writeFile(home.file('listen.json'), text);
      await expect(listenAddresses(home, [], undefined)).rejects.toMatchObject({
        code: 'ERR_STORAGE_DAMAGED',
        message: expect.stringContaining(home.file('listen.json')),
        remedy: expect.stringContaining('cooee up --listen ADDRESS'),
      });
      const given = ['/ip4/127.0.0.1/tcp/1'];
      expect(await listenAddresses(home, given, undefined)).toEqual(given);
    },
  );
});
