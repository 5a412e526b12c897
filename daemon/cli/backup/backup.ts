import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { isCooeeError, toError } from '../../../protocols/interface/index.ts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import { readPassphrase } from './passphrase.ts';
import type { BackupMade, BackupRequest, BackupTools } from './tools.ts';

/** Options of `cooee backup` as they were typed. */
export interface BackupFlags {
  readonly passphraseFile?: string;
  readonly force?: boolean;
}

type Rest = Omit<BackupRequest, 'source' | 'isHome'>;

interface StagedHome {
  readonly folder: string;
  /** Not told by a daemon from before this program. */
  readonly skipped?: readonly string[] | undefined;
}

/**
 * `cooee backup FILE`: of a daemon that runs by the copy that it makes, else of the home itself.
 */
export async function runBackup(
  context: CliContext,
  target: string,
  flags: BackupFlags,
): Promise<number> {
  const { host } = context;
  const tools = await host.loadBackup();
  const file = resolve(host.cwd, target);
  const isForced = flags.force === true;
  await tools.checkTarget(file, isForced);
  const path = flags.passphraseFile;
  const passphrase = await readPassphrase(context, {
    file: path === undefined ? undefined : resolve(host.cwd, path),
    isNew: true,
  });
  const made = await withProgress(host.stderr, 'backing up', () =>
    make(context, tools, {
      ...{ file, isForced, passphrase },
      ...{ program: host.version, name: hostname().slice(0, 255), nowMs: host.nowMs() },
      onEnd: host.onEnd,
    }),
  );
  for (const skipped of made.skipped) {
    context.remark(`cooee: not in the backup: ${sanitizeLine(skipped)}\n`);
  }
  context.answer(made, () => textOf(made));
  return 0;
}

async function make(context: CliContext, tools: BackupTools, rest: Rest): Promise<BackupMade> {
  const copy = await copyOf(context);
  if (copy === undefined) {
    return await tools.makeBackup({ ...rest, source: context.home, isHome: true });
  }
  const { folder, skipped = [] } = copy;
  const remove = (): void => tools.removeCopy(folder);
  const takeBack = context.host.onEnd?.(remove);
  try {
    const made = await tools.makeBackup({ ...rest, source: folder, isHome: false });
    return { ...made, skipped: [...skipped, ...made.skipped] };
  } finally {
    takeBack?.();
    try {
      remove();
    } catch (thrown) {
      // The backup is what it is; but this is as secret as the home, and must not be overlooked.
      const { message } = toError(thrown);
      context.remark(`cooee: the copy in ${folder} is still there: ${sanitizeLine(message)}\n`);
    }
  }
}

/** The copy that the daemon made of its home; undefined when none runs. */
async function copyOf(context: CliContext): Promise<StagedHome | undefined> {
  try {
    const client = await context.client();
    return await client.call('stageBackup');
  } catch (error) {
    if (isCooeeError(error, 'ERR_API_DAEMON_NOT_RUNNING')) return undefined;
    throw error;
  }
}

function textOf({ file, bytes, files }: BackupMade): string {
  const size = (bytes / 1024 / 1024).toFixed(1);
  return (
    `${file}  ${files} files, ${size} MiB, sealed\n` +
    'Keep file and passphrase apart, and off this host. To put it back: cooee restore FILE\n'
  );
}
