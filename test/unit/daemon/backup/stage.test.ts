import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { homeFiles } from '../../../../daemon/backup/home-files.ts';
import { stageHome } from '../../../../daemon/backup/stage.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { MemoryLog } from '../../../../storage/memory-log.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { temporaryFolders } from '../../storage/temporary-folder.ts';

const newFolder = temporaryFolders();

async function homeWith(snapshots: Readonly<Record<string, string>>): Promise<string> {
  const home = await newFolder();
  mkdirSync(join(home, 'mesh', 'snapshots'), { recursive: true, mode: 0o700 });
  writeFileSync(join(home, 'node.key'), 'key');
  for (const [name, text] of Object.entries(snapshots)) {
    writeFileSync(join(home, 'mesh', 'snapshots', name), text, { mode: 0o600 });
  }
  return home;
}

/** A home in use, with stores that hold nothing. */
async function useOf(home: string) {
  const [log, store] = [new MemoryLog(), new MemoryStore()];
  await log.open();
  await store.open();
  const { signal } = new AbortController();
  const stores = { log, store, commitIndex: () => 0, logger: silentLogger, signal };
  return { home, nowMs: Date.now(), ...stores };
}

describe('the copy of a home', () => {
  it('has the snapshots that are whole, and none that is being taken', async () => {
    const home = await homeWith({ bafyone: 'one', bafytwo: 'two', 'taking.part': 'half' });
    const use = await useOf(home);
    const { folder: copy } = await stageHome(use);
    const folder = join(copy, 'mesh', 'snapshots');
    expect(readdirSync(folder).sort()).toEqual(['bafyone', 'bafytwo']);
    expect(readFileSync(join(folder, 'bafytwo'), 'utf8')).toBe('two');
    expect(readdirSync(join(copy, 'mesh')).sort()).toEqual(['log', 'snapshots', 'store']);
  });

  it('lacks links, and names them', async () => {
    const home = await homeWith({});
    symlinkSync('/etc/hostname', join(home, 'config.json'));
    const use = await useOf(home);
    const { folder, skipped } = await stageHome(use);
    expect(skipped).toEqual(['config.json']);
    expect(existsSync(join(folder, 'config.json'))).toBe(false);
  });

  it('is gone at once when nobody waits for it any more', async () => {
    const home = await homeWith({ bafyone: 'one' });
    const use = await useOf(home);
    for (const moment of ['from the start', 'in the middle']) {
      const ended = new AbortController();
      const end = (): number => {
        ended.abort(new Error(moment));
        return 0;
      };
      if (moment === 'from the start') end();
      const copying = stageHome({ ...use, commitIndex: end, signal: ended.signal });
      await expect(copying, moment).rejects.toThrow(moment);
      expect(readdirSync(join(home, 'staging')), moment).toEqual([]);
    }
  });

  it('is made of the same files when nobody uses it', async () => {
    const home = await homeWith({ bafyone: 'one', 'taking.part': 'half' });
    const { files } = await homeFiles(home);
    expect(files.map(({ path }) => path)).toEqual(['mesh/snapshots/bafyone', 'node.key']);
  });
});
