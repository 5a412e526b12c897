import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HOST_FILE_BYTES_MAX, HOST_FILE_NAME, HostFile } from '../../../../bootstrap/host/index.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { durableText, readTextBounded } from '../../../../storage/durable-file.ts';
import { checkFormat } from '../../../../storage/home.ts';
import { loadOrCreateAgeIdentity, loadOrCreateNodeKey } from '../../../../storage/keys.ts';
import { type DoctorLine, fail } from '../line.ts';

/** More than the key files may have: what is longer is refused by their readers. */
const SMALL_FILE_BYTES_MAX = 64 * 1024;
const MODE_OF_OTHERS = 0o077;
/** As the start reads it; its own reader takes the lock of the home. */
const COUNTER = /^[1-9]\d{0,14}\n$/;

/** The format of a home, as the start reads it. @throws CooeeError ERR_STORAGE_* when it is none */
export async function examineFormat(home: string): Promise<readonly DoctorLine[]> {
  if (existsSync(join(home, 'FORMAT'))) await checkFormat(home);
  return [];
}

/**
 * The key of this node, as the start reads it.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED when it is none
 */
export async function examineNodeKey(home: string): Promise<readonly DoctorLine[]> {
  // The reader closes what is open to others, and makes what is not there: both changes the home.
  if (await isClosed(join(home, 'node.key'))) await loadOrCreateNodeKey(keysOf(home));
  return [];
}

/** The keys that enrolments are opened with. @throws CooeeError as {@link examineNodeKey} */
export async function examineAgeKey(home: string): Promise<readonly DoctorLine[]> {
  const file = join(home, 'age.key');
  const text = (await isClosed(file)) ? await readTextBounded(file, SMALL_FILE_BYTES_MAX) : '';
  if (text === undefined || text === '') return [];
  // Of a kind that is there: one that is missing would be made.
  const kind = /^\s*AGE-SECRET-KEY-PQ-1/m.test(text) ? 'hybrid' : 'x25519';
  await loadOrCreateAgeIdentity(keysOf(home), kind);
  return [];
}

/** The number of the last start. @throws CooeeError ERR_STORAGE_* */
export async function examineBoot(home: string): Promise<readonly DoctorLine[]> {
  const file = join(home, 'boot');
  const text = await readTextBounded(file, SMALL_FILE_BYTES_MAX);
  if (text === undefined || COUNTER.test(text)) return [];
  const remedy =
    'Write the highest number that cooee up ever showed in an event id, or more, into it, with a ' +
    'newline.';
  return [fail('boot', `${file} is no counter`, remedy)];
}

/** Who this host is, and which agents are wanted on it. @throws CooeeError ERR_STORAGE_* */
export async function examineHost(home: string): Promise<readonly DoctorLine[]> {
  await new HostFile(durableText(join(home, HOST_FILE_NAME), HOST_FILE_BYTES_MAX)).load();
  return [];
}

const keysOf = (path: string) => ({ path, logger: silentLogger });

/** Whether the file is there, and nobody else may read it; what may is told by its mode. */
async function isClosed(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && (found.mode & MODE_OF_OTHERS) === 0;
}
